import { billing } from '#billing/service.ts';
import { gateway } from '#gateway/service.ts';
import { inventory } from '#inventory/service.ts';
import { notifications } from '#notifications/service.ts';
import { orders } from '#orders/service.ts';
import { payments } from '#payments/service.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { reviews } from '#reviews/service.ts';
import { sandbox } from '#sandbox/service.ts';
import { shipping } from '#shipping/service.ts';

/** The map of the system, in the order of starting: who is asked before who asks. */
export const SERVICES: readonly ServiceDefinition[] = [
  sandbox, // the payment provider of development and tests: the outside world
  inventory, // stock, reservations, ledger
  orders, // the aggregate and its state machine; the only writer of an order
  reviews, // manual review of flagged orders
  payments, // authorize, capture, void, refund
  shipping, // shipments, carriers, tracking
  notifications, // e-mail, SMS, push
  billing, // invoices and credit notes
  gateway, // who may call
];
