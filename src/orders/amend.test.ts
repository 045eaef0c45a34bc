import { describe, expect, test } from 'vitest';
import { amended, amendmentRefused, mergePatch, METADATA_MAX } from './rules/amend.ts';
import { evolve, fold } from './rules/evolve.ts';
import type { Order } from './rules/state.ts';

/** The examples of RFC 7396, appendix A. */
const EXAMPLES: readonly (readonly [target: unknown, patch: unknown, result: unknown])[] = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [
    ['a', 'b'],
    ['c', 'd'],
    ['c', 'd'],
  ],
  [{ a: 'b' }, ['c'], ['c']],
  [{ a: 'foo' }, null, null],
  [{ a: 'foo' }, 'bar', 'bar'],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

test.each(EXAMPLES)('%j patched with %j is %j', (target, patch, result) => {
  const before = structuredClone(target);
  expect(mergePatch(target, patch)).toEqual(result);
  expect(target).toEqual(before);
});

test('a name like that of a prototype is a name like any other', () => {
  const patch = JSON.parse('{"__proto__": {"x": 1}, "constructor": 2}') as unknown;
  const merged = mergePatch({ a: 1 }, patch);
  expect(JSON.stringify(merged)).toBe('{"a":1,"__proto__":{"x":1},"constructor":2}');
  expect(({} as Record<string, unknown>)['x']).toBeUndefined();
});

const order = fold([
  {
    type: 'OrderCreated',
    data: {
      currency: 'EUR',
      channel: 'web',
      reference: 'PO-1',
      items: [],
      totalAmount: '0.00',
      shippingAddress: { name: 'Ada', line1: 'Main street 1', city: 'Bonn' },
      contact: { email: 'ada@example.com', phone: '1' },
      metadata: { gift: { wrap: true, note: 'hi' }, b: 1 },
      payment: { provider: 'sandbox', token: 't' },
      reviewReasons: [],
      allowBackorder: false,
      deadlineAt: '2026-11-22T12:00:00.000Z',
    },
  },
])!;
const after = (changes: Parameters<typeof amended>[1]): Order =>
  evolve(order, { type: 'OrderAmended', data: { ...amended(order, changes), by: 'ada' } });

describe('an amendment', () => {
  test('sets what it gives, takes away what is null, and leaves the rest', () => {
    const changed = after({
      shippingAddress: { line1: 'Side street 2', name: null },
      contact: { phone: null },
      metadata: { gift: { note: null }, c: 2 },
    });
    expect(changed).toMatchObject({ reference: 'PO-1', status: 'CREATED' });
    expect(changed.shippingAddress).toEqual({ line1: 'Side street 2', city: 'Bonn' });
    expect(changed.contact).toEqual({ email: 'ada@example.com' });
    expect(changed.metadata).toEqual({ gift: { wrap: true }, b: 1, c: 2 });
  });

  test('takes whole parts away, and can bring them back', () => {
    const without = after({ reference: null, contact: null, metadata: null });
    expect([without.reference, without.contact, without.metadata]).toEqual([undefined, undefined, undefined]);
    expect(without.shippingAddress).toEqual(order.shippingAddress);
    expect(amended(without, { contact: { email: 'b@example.com' } })).toEqual({ contact: { email: 'b@example.com' } });
    expect(amended(order, { reference: null })).toEqual({ removed: ['reference'] });
  });

  test('says in its event how each part is afterwards, as it always did', () => {
    expect(amended(order, { reference: 'PO-2', contact: { phone: '2' } })).toEqual({
      reference: 'PO-2',
      contact: { email: 'ada@example.com', phone: '2' },
    });
  });

  test('cannot grow the metadata beyond what an order may have', () => {
    const entries = (count: number): Record<string, number> =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`k${index}`, index]));
    expect(amendmentRefused(order, { metadata: entries(METADATA_MAX - 2) })).toBeUndefined();
    expect(amendmentRefused(order, { metadata: entries(METADATA_MAX - 1) })).toMatchObject({
      refused: 'VALIDATION_FAILED',
    });
    expect(amendmentRefused(order, { metadata: { ...entries(METADATA_MAX - 1), b: null } as never })).toBeUndefined();
  });
});
