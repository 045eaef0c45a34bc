import type { Text } from './en.ts';
import * as shell from './de/shell.ts';
import * as states from './de/states.ts';
import * as messages from './de/messages.ts';
import * as audit from './de/audit.ts';
import * as orders from './de/orders.ts';
import * as parked from './de/parked.ts';
import * as payments from './de/payments.ts';
import * as order from './de/order.ts';
import * as warehouse from './de/warehouse.ts';
import * as acts from './de/acts.ts';
import * as events from './de/events.ts';
import * as inventory from './de/inventory.ts';
import * as settings from './de/settings.ts';
import * as overview from './de/overview.ts';
import * as reviews from './de/reviews.ts';

export const de: Text = {
  language: 'Deutsch',
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
