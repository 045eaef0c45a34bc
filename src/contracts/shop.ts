import { LANGUAGES } from './languages.ts';

/** What customers see of the shop: settings of notifications, which other services that write to customers read as well. */

export const SHOP_NAME = {
  type: 'string',
  env: 'SHOP_NAME',
  default: '',
  meaning:
    'Whose messages and slips they are; empty: in messages the name in MAIL_FROM, on slips that of the place that sends',
} as const;

export const CUSTOMER_LANGUAGE = {
  type: 'choice',
  choices: LANGUAGES,
  env: 'NOTIFICATIONS_LANGUAGE',
  default: 'en',
  meaning: 'Language of messages and slips where the `locale` of the order is not known or has no templates',
} as const;
