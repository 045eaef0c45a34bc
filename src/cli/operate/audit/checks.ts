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
  ...inventoryAudit.checks,
  ...paymentsAudit.checks,
  'ended-money': 'orders that ended without a sale hold no money',
  'ended-stock': 'orders that ended without a sale hold no stock',
  'completed-paid': 'completed orders are paid in full',
  refunds: 'an order knows what was refunded',
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

/** Checks between services that say nothing where this service keeps its tables elsewhere. */
export const NEEDED_SERVICE: Readonly<Partial<Record<Check, string>>> = {
  'ended-money': 'payments',
  'ended-stock': 'inventory',
  'completed-paid': 'payments',
  refunds: 'payments',
  provider: 'payments',
  invoices: 'billing',
  'credit-notes': 'billing',
};
