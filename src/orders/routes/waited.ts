import type { RequestKey } from '#platform/http/idempotency.ts';
import type { Database } from '#platform/database/database.ts';
import { decisionOf, orderAsOf } from '#orders/as-of.ts';
import type { Status } from '#orders/rules/lifecycle.ts';
import { mayPayAgain, type Order } from '#orders/rules/state.ts';
import { loadOne } from './answers.ts';
import type { Known, Waiters } from '#orders/waiters.ts';

/**
 * The answer to a caller who waits for the decision about stock and payment. It is the order as that decision left it,
 * so that a repeat under the same key is answered alike however far the order has come since; where the time was over
 * before, what was answered then is remembered.
 */

export interface WaitOptions {
  readonly database: Database;
  readonly waiters: Waiters;
}

/** Stock and payment are decided, or a hold keeps them from being. */
export function isDecided(order: Order): boolean {
  if (order.status === 'CREATED') return false;
  return (
    order.status !== 'RESERVED' || mayPayAgain(order) || order.holds.some((hold) => hold.steps.includes('payment'))
  );
}

/** Versions in which an order has reached a status by the shortest way: then nothing was decided before, and nothing after. */
const SHORTEST: Partial<Record<Status, number>> = {
  REJECTED: 2,
  BACKORDERED: 2,
  CANCELLED: 2,
  RESERVED: 2,
  PAYMENT_PENDING: 4,
  PAYMENT_FAILED: 4,
  PAID: 4,
  READY_FOR_SHIPMENT: 5,
};

/** The first answer to a caller who waits at most `timeoutMs`. */
export async function firstAnswer({ database, waiters }: WaitOptions, taken: Known, timeoutMs: number): Promise<Known> {
  const reached = await waiters.waitFor(taken, timeoutMs, isDecided);
  const { row } = reached;
  if (!isDecided(row.state!)) return versionOf(database, row.id, await remember(database, row.id, row.sequence));
  if (SHORTEST[row.state!.status] === row.sequence) return reached;
  return (await asDecided(database, row.id)) ?? reached;
}

/** The answer to a repeat: that of the first time, or the first one where nobody was answered. */
export async function repeatedAnswer(options: WaitOptions, orderId: string, timeoutMs: number): Promise<Known> {
  const { database } = options;
  const before = await remembered(database, orderId);
  if (before !== undefined) return versionOf(database, orderId, before);
  const decided = await asDecided(database, orderId);
  if (decided) return decided;
  const row = await loadOne(database, orderId);
  return firstAnswer(options, { row, updatedAt: row.updatedAt }, timeoutMs);
}

async function asDecided(database: Database, orderId: string): Promise<Known | undefined> {
  const row = await decisionOf(database, orderId, isDecided);
  return row && { row, updatedAt: row.updatedAt };
}

async function versionOf(database: Database, orderId: string, version: number): Promise<Known> {
  const row = await orderAsOf(database, orderId, String(version));
  return { row, updatedAt: row.updatedAt };
}

/** No key of a caller has a space. */
const keyOf = (orderId: string): RequestKey => ({ key: `waited ${orderId}`, requestHash: '' });
const CREATED = 201;

/** Keeps which version was answered; of two callers with one key the first counts. */
async function remember(database: Database, orderId: string, version: number): Promise<number> {
  const { key, requestHash } = keyOf(orderId);
  await database.query(
    'insert into log.idempotency_keys (key, request_hash, status, answer) values ($1, $2, $3, $4) on conflict do nothing',
    [key, requestHash, CREATED, JSON.stringify({ version })],
  );
  return (await remembered(database, orderId)) ?? version;
}

async function remembered(database: Database, orderId: string): Promise<number | undefined> {
  const [row] = await database.query<{ answer: { version: number } }>(
    'select answer from log.idempotency_keys where key = $1',
    [keyOf(orderId).key],
  );
  return row?.answer.version;
}
