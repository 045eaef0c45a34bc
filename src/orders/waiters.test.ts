import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Envelope } from '#contracts/envelope.ts';
import type { Row } from '#platform/processor/aggregate.ts';
import type { Database } from '#platform/database/database.ts';
import type { Order } from './rules/state.ts';
import { type Known, Waiters } from './waiters.ts';

const row = (id: string, sequence: number, status: string): Row<Order> => ({
  id,
  revision: sequence,
  sequence,
  consumed: {},
  state: { status } as Order,
});
const known = (id: string): Known => ({ row: row(id, 1, 'CREATED'), updatedAt: 'first' });
const isPaid = (order: Order): boolean => order.status === 'PAID';

/** A processor whose changes the test makes, and a database that counts what is asked of it. */
function setUp(stored: Row<Order>[] = []) {
  const queries: string[] = [];
  const database = {
    query: (sql: string) => {
      queries.push(sql);
      return Promise.resolve(sql.includes('unnest') ? stored.map(({ id }) => ({ order_id: id })) : []);
    },
  } as unknown as Database;
  let change = (_row: Row<Order>, _events: readonly Envelope[]): void => {};
  const waiters = new Waiters(database, { onChange: (listener) => ((change = listener), () => {}) });
  return {
    waiters,
    queries,
    change: (changed: Row<Order>, time?: string) =>
      change(changed, time === undefined ? [] : [{ subject: changed.id, time } as Envelope]),
  };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('a caller that waits', () => {
  test('is answered with the row that was just saved, without a question to the database', async () => {
    const { waiters, queries, change } = setUp();
    const answer = waiters.waitFor(known('a'), 1_000, isPaid);
    change(row('a', 2, 'RESERVED'), 'second');
    change(row('a', 3, 'PAID'), 'third');
    expect(await answer).toMatchObject({ row: { sequence: 3 }, updatedAt: 'third' });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(queries).toEqual([]);
  });

  test('is answered at once where the condition holds already', async () => {
    const { waiters } = setUp();
    const paid = { row: row('a', 3, 'PAID'), updatedAt: 'third' };
    expect(await waiters.waitFor(paid, 1_000, isPaid)).toBe(paid);
  });

  test('learns at the end of its time how far the order is', async () => {
    const { waiters, change } = setUp();
    const answer = waiters.waitFor(known('a'), 1_000, isPaid);
    change(row('a', 2, 'RESERVED'), 'second');
    change(row('a', 2, 'RESERVED'));
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await answer).toMatchObject({ row: { sequence: 2 }, updatedAt: 'second' });
  });

  test('is not set back by what was saved before what it knows', async () => {
    const { waiters, change } = setUp();
    const answer = waiters.waitFor({ row: row('a', 5, 'RESERVED'), updatedAt: 'fifth' }, 1_000, isPaid);
    change(row('a', 4, 'CREATED'), 'fourth');
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await answer).toMatchObject({ row: { sequence: 5 }, updatedAt: 'fifth' });
  });
});

test('what other processes saved is looked up for all callers in one query, and only while anybody waits', async () => {
  const { waiters, queries } = setUp();
  const answers = Array.from({ length: 300 }, (_, n) => waiters.waitFor(known(`o${n}`), 600, isPaid));
  await vi.advanceTimersByTimeAsync(550);
  expect(queries).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(100);
  await Promise.all(answers);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(queries.length).toBeLessThanOrEqual(3);
});

test('when the process is about to stop, everybody learns how far their order is, and nobody waits any more', async () => {
  const { waiters, change } = setUp();
  const answers = ['a', 'a', 'b'].map((id) => waiters.waitFor(known(id), 30_000, isPaid));
  change(row('a', 2, 'RESERVED'), 'second');
  waiters.close();
  expect((await Promise.all(answers)).map((answer) => answer.row.sequence)).toEqual([2, 2, 1]);
  expect((await waiters.waitFor(known('c'), 30_000, isPaid)).row.sequence).toBe(1);
});
