import * as shell from './en/shell.ts';
import * as states from './en/states.ts';
import * as messages from './en/messages.ts';
import * as audit from './en/audit.ts';
import * as orders from './en/orders.ts';
import * as parked from './en/parked.ts';
import * as payments from './en/payments.ts';
import * as order from './en/order.ts';
import * as warehouse from './en/warehouse.ts';
import * as acts from './en/acts.ts';
import * as events from './en/events.ts';
import * as inventory from './en/inventory.ts';
import * as settings from './en/settings.ts';
import * as overview from './en/overview.ts';
import * as reviews from './en/reviews.ts';

/** Every text of the console. Other languages have the same shape, so a text that is missing there does not compile. */
export const en = {
  language: 'English',
  product: 'OLMS',
  ...shell,
  ...states,
  ...messages,
  ...audit,
  ...orders,
  ...parked,
  ...payments,
  ...order,
  ...acts,
  ...events,
  ...overview,
  ...inventory,
  ...reviews,
  ...warehouse,
  ...settings,
};
export type Text = typeof en;
