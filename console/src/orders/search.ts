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
  'AUTHORIZED',
  'CAPTURED',
  'FAILED',
  'VOIDED',
  'PARTIALLY_REFUNDED',
  'REFUNDED',
] as const;
/** Those that the system makes by itself, and the one of people; others can be typed. */
export const HOLDS = ['manual', 'review', 'overdue', 'shortage', 'cancellation', 'change'] as const;

export const ORDERS = {
  list: 'orders',
  path: '/orders',
  parameters: {
    several: ['status', 'paymentStatus', 'hold', 'channel', 'country'],
    single: ['text', 'createdFrom', 'createdTo', 'overdue', 'sort', 'customerId', 'sku'],
  },
} as const;

/** The same list as a file. */
export function exportUrl(search: Search, ids: readonly string[]): string {
  const query = new URLSearchParams({ format: 'csv' });
  for (const id of ids) query.append('id', id);
  if (ids.length === 0)
    for (const [name, value] of Object.entries(parametersOf(search, ORDERS.parameters)))
      if (name !== 'sort') for (const one of [value].flat()) query.append(name, one);
  return `/exports/orders?${query}`;
}
