import { LANGUAGES } from './languages.ts';

/** What customers see of the shop: settings that more than one service reads. */

export const SHOP_NAME = {
  type: 'string',
  env: 'SHOP_NAME',
  default: '',
  meaning:
    'Whose messages and slips they are; empty: in messages the name in MAIL_FROM, on slips that of the place that sends',
} as const;

/** When invoices are issued: a setting of the orders service, which says what was sold when; mails carry them. */
export const INVOICE_AT = {
  type: 'choice',
  choices: ['completion', 'dispatch'],
  env: 'BILLING_INVOICE_AT',
  default: 'completion',
  meaning:
    '`completion`: an order gets one invoice, when it is completed; `dispatch`: each parcel gets one as it leaves, the first with the shipping',
} as const;

export const CUSTOMER_LANGUAGE = {
  type: 'choice',
  choices: LANGUAGES,
  env: 'NOTIFICATIONS_LANGUAGE',
  default: 'en',
  meaning: 'Language of messages and slips where the `locale` of the order is not known or has no templates',
} as const;
