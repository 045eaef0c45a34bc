import { CHANNELS, CITIES, type Line, PEOPLE, SOLD } from './catalogue.ts';
import { uuidOfHex } from '#platform/runtime/uuid.ts';
import type { PlaceOrder } from '#client/client.ts';
import { PATHS } from './paths.ts';

/** The orders of the demo, as a seed decides them. */

/** A seeded source of chance (mulberry32): the same seed, the same stream. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const oneOf = <Item>(items: readonly Item[], random: () => number): Item => items[Math.floor(random() * items.length)]!;

function someLines(random: () => number): Line[] {
  const first = Math.floor(random() * SOLD.length);
  const count = 1 + Math.floor(random() * 3);
  return Array.from({ length: count }, (_, n) => {
    const article = SOLD[(first + n) % SOLD.length]!;
    return { article, quantity: article.pieces ?? 1 + Math.floor(random() * 3) };
  });
}

function uuid(random: () => number): string {
  const hex = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16)).join('');
  return uuidOfHex(`${hex.slice(0, 12)}4${hex.slice(13, 16)}8${hex.slice(17)}`);
}

/** The body of `POST /orders` for the next order on a path. */
export function orderOf(
  name: string,
  number: number,
  random: () => number,
): { lines: readonly Line[]; body: PlaceOrder } {
  const path = PATHS[name]!;
  const lines = path.lines?.(random) ?? someLines(random);
  const person = oneOf(PEOPLE, random);
  const email = `${person
    .toLowerCase()
    .normalize('NFD')
    .replace(/[^a-z ]/g, '')
    .replace(' ', '.')}@example.com`;
  const body = {
    customerId: uuid(random),
    currency: 'EUR',
    channel: oneOf(CHANNELS, random),
    reference: `DEMO-${String(number).padStart(4, '0')}`,
    items: lines.map(({ article, quantity }) => ({ sku: article.sku, quantity, unitPrice: article.price })),
    shippingAddress: { name: person, line1: `Marktplatz ${1 + Math.floor(random() * 90)}`, ...oneOf(CITIES, random) },
    contact: { email },
    payment: { token: path.token ?? 'tok_approve' },
    ...path.wish,
  };
  return { lines, body };
}
