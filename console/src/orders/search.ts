import type { BulkQuery } from '#client';
import { parametersOf, type Search } from '../list/search.ts';

/** What can be asked of the list of orders. */

/** Of orders that somebody may still have to do something for. */
export const OPEN_STATUSES = [
  'CREATED',
  'BACKORDERED',
  'RESERVED',
  'PAYMENT_PENDING',
  'PAID',
  'READY_FOR_SHIPMENT',
  'PARTIALLY_SHIPPED',
] as const;
export const STATUSES = [...OPEN_STATUSES, 'SHIPPED', 'COMPLETED', 'REJECTED', 'PAYMENT_FAILED', 'CANCELLED'] as const;
export const PAYMENT_STATUSES = [
  'NONE',
  'PENDING',
  'REQUIRES_ACTION',
  'AUTHORIZED',
  'CAPTURED',
  'FAILED',
  'VOIDED',
  'PARTIALLY_REFUNDED',
  'REFUNDED',
] as const;
export const FULFILLMENT_STATUSES = [
  'UNFULFILLED',
  'SCHEDULED',
  'PARTIALLY_SHIPPED',
  'SHIPPED',
  'DELIVERED',
  'CANCELLED',
] as const;
/** Those that the system makes by itself, and the one of people; others can be typed. */
export const HOLDS = ['manual', 'review', 'overdue', 'shortage', 'cancellation', 'change'] as const;

export const ORDERS = {
  list: 'orders',
  path: '/orders',
  parameters: {
    several: ['status', 'paymentStatus', 'fulfillmentStatus', 'hold', 'channel', 'country', 'customerId', 'sku'],
    single: ['text', 'createdFrom', 'createdTo', 'overdue', 'sort'],
  },
} as const;

/** What each column of the list is called in a file. */
const IN_FILE: Readonly<Record<string, readonly string[]>> = {
  number: ['orderId', 'number'],
  reference: ['reference', 'holds'],
  customer: ['customerId'],
  state: ['status'],
  payment: ['paymentStatus'],
  fulfillment: ['fulfillmentStatus'],
  returns: ['returnStatus'],
  channel: ['channel'],
  lines: ['lines'],
  total: ['totalAmount', 'currency'],
  placed: ['createdAt'],
  changed: ['updatedAt'],
};
/** Longer addresses are not taken everywhere. */
export const EXPORT_IDS_MAX = 100;

/** The same list as a file: these orders, or all that it finds; the same columns in the same order. */
export function exportUrl(search: Search, ids: readonly string[], columns: readonly string[]): string {
  const query = new URLSearchParams({ format: 'csv', sort: search['sort'] ?? '-createdAt' });
  for (const id of ids) query.append('id', id);
  if (ids.length === 0)
    for (const [name, value] of Object.entries(parametersOf(search, ORDERS.parameters)))
      if (name !== 'sort') for (const one of [value].flat()) query.append(name, one);
  for (const name of columns.flatMap((column) => IN_FILE[column] ?? [])) query.append('columns', name);
  return `/exports/orders?${query}`;
}

/** What a command to everything that the list finds is given to. */
export function bulkQuery(search: Search): BulkQuery {
  const { sort: _, ...query } = parametersOf(search, ORDERS.parameters);
  return query;
}
