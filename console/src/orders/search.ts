import type { ListOrdersParameters } from '#client';

/** What is asked of the list of orders, as it stands in the address: `?status=PAID,SHIPPED&text=smith`. */

export type Search = Readonly<Record<string, string>>;

/** Filters of which several values may be given. */
export const SEVERAL = ['status', 'paymentStatus', 'hold', 'channel', 'country'] as const;
const SINGLE = ['text', 'createdFrom', 'createdTo', 'overdue', 'sort', 'customerId', 'sku'] as const;

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

export function valuesOf(search: Search, name: string): string[] {
  return (search[name] ?? '').split(',').filter((value) => value !== '');
}

/** The parameters of the API for an address; what the list does not know is left out. */
export function parametersOf(search: Search): ListOrdersParameters {
  const several = SEVERAL.flatMap((name) => {
    const values = valuesOf(search, name);
    return values.length > 0 ? [[name, values]] : [];
  });
  const single = SINGLE.flatMap((name) => (search[name] ? [[name, search[name]]] : []));
  return Object.fromEntries([...several, ...single]) as ListOrdersParameters;
}

/** The same list as a file. */
export function exportUrl(search: Search, ids: readonly string[]): string {
  const query = new URLSearchParams({ format: 'csv' });
  for (const id of ids) query.append('id', id);
  if (ids.length === 0)
    for (const [name, value] of Object.entries(parametersOf(search)))
      if (name !== 'sort') for (const one of [value as string | readonly string[]].flat()) query.append(name, one);
  return `/exports/orders?${query}`;
}

export function keyOf(search: Search): string {
  return JSON.stringify(Object.entries(search).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** What is remembered of a list while somebody looks at one of its orders, by its address. */
export interface Remembered {
  scroll: number;
  at: number;
  selected: ReadonlySet<string>;
}
const remembered = new Map<string, Remembered>();
const REMEMBERED_MAX = 50;
export let lastSearch: Search = {};

export function remember(search: Search): Remembered {
  lastSearch = search;
  const key = keyOf(search);
  const found = remembered.get(key) ?? { scroll: 0, at: -1, selected: new Set<string>() };
  remembered.delete(key);
  remembered.set(key, found);
  if (remembered.size > REMEMBERED_MAX) remembered.delete(remembered.keys().next().value!);
  return found;
}
