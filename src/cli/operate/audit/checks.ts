import { billingAudit } from '#billing/audit.ts';
import { inventoryAudit } from '#inventory/audit.ts';
import { notificationsAudit } from '#notifications/audit.ts';
import { ordersAudit } from '#orders/audit.ts';
import { paymentsAudit } from '#payments/audit.ts';
import type { ServiceDefinition } from '#platform/service.ts';

/** What must hold, in the order of the report: within each service as its audit says, and between services. */
export const CHECKS = {
  ...ordersAudit.checks,
  sequences: 'events are numbered without gaps, per order and source, and none precedes its cause',
  orphans: 'every row of a service belongs to an order',
  parked: 'no order waits for a person because a service could not digest its event',
  'audit-entries': 'audit entries are as they were written, and none is missing',
  reviews: 'an order is held for review exactly as long as its review is pending',
  ...inventoryAudit.checks,
  'set-aside': 'what is set aside for an order, or has left the shelf for it, is what the order was promised',
  parcels: 'the parcels of an order carry what it was promised, and it lists those that have left',
  'shipped-stock': 'what a parcel carries has left the shelf that it was packed from',
  'returned-stock': 'goods that came back are on a shelf again',
  ...paymentsAudit.checks,
  'ended-goods': 'nothing has left of orders that ended without a sale',
  'ended-money': 'orders that ended without a sale hold no money',
  'ended-stock': 'orders that ended hold no stock',
  'shipped-paid': 'goods have left only of orders whose total is secured',
  'completed-paid': 'completed orders are paid in full',
  owed: 'what customers have to get back was asked for, or is left to a person',
  'payment-status': 'an order knows where its payment stands',
  refunds: 'an order knows what was refunded, and payments know every refund that it asked for',
  replacements: 'goods that are to be sent again have an order that does so',
  provider: "the provider's books say the same as ours",
  ...notificationsAudit.checks,
  invoices: 'every completed order has one invoice over its total',
  'credit-notes': 'invoices less credit notes are what was captured less what was refunded',
  ...billingAudit.checks,
} as const;
export type Check = keyof typeof CHECKS;

/** Every check by name, those of services that are not named above after the others. */
export function allChecks(definitions: readonly ServiceDefinition[]): Readonly<Record<string, string>> {
  return Object.assign({ ...CHECKS }, ...definitions.map(({ audit }) => audit?.checks)) as Record<string, string>;
}

/** The services whose tables a check between services compares with the orders: without one of them it says nothing. */
export const NEEDED_SERVICES: Readonly<Partial<Record<Check, readonly string[]>>> = {
  reviews: ['reviews'],
  'set-aside': ['inventory'],
  parcels: ['shipping'],
  'shipped-stock': ['shipping', 'inventory'],
  'returned-stock': ['inventory'],
  'ended-goods': ['shipping', 'inventory'],
  'ended-money': ['payments'],
  'ended-stock': ['inventory'],
  'shipped-paid': ['shipping', 'payments'],
  'completed-paid': ['payments'],
  owed: ['payments'],
  'payment-status': ['payments'],
  refunds: ['payments'],
  provider: ['payments'],
  invoices: ['billing'],
  'credit-notes': ['billing'],
};
