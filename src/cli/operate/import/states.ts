import { STATUSES } from '#orders/rules/lifecycle.ts';

/** Where orders of other systems stand, and the words that say so. */

/** UNPAID: open, and not paid either. */
export type State = 'COMPLETED' | 'REFUNDED' | 'CANCELLED' | 'PAYMENT_FAILED' | 'OPEN' | 'UNPAID';

const WORDS: Readonly<Record<State, string>> = {
  COMPLETED:
    'completed complete shipped fulfilled delivered done finished closed dispatched sent picked-up paid-and-shipped',
  REFUNDED: 'refunded returned refund',
  CANCELLED: 'cancelled canceled cancel voided void rejected deleted',
  PAYMENT_FAILED: 'failed payment-failed declined',
  OPEN: 'open processing paid new confirmed created reserved backordered partial partially-shipped partially-fulfilled unfulfilled unshipped ready-for-shipment packed in-progress',
  UNPAID:
    'unpaid pending pending-payment payment-pending on-hold authorized partially-paid draft expired awaiting-payment',
};

/** By word in small letters, spaces for dashes. */
export const STATUS_WORDS: Readonly<Record<string, State>> = Object.fromEntries(
  (Object.entries(WORDS) as [State, string][]).flatMap(([state, words]) =>
    words.split(' ').map((word) => [word.replaceAll('-', ' '), state]),
  ),
);

export const OPEN_WORDS: ReadonlySet<string> = new Set(
  Object.keys(STATUSES).map((status) => status.toLowerCase().replaceAll('_', ' ')),
);

/** The state that a mapping file names: a state, a status of OLMS, or a word that everybody uses. */
export function namedState(name: string): State | undefined {
  const plain = name
    .trim()
    .toLowerCase()
    .replace(/[\s_-]+/g, ' ');
  return STATUS_WORDS[plain] ?? (OPEN_WORDS.has(plain) ? 'OPEN' : undefined);
}

/** History knows these ends; everything else is still open. */
export function isEnd(state: State): boolean {
  return state !== 'OPEN' && state !== 'UNPAID';
}
