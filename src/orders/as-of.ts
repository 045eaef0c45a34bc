import type { Envelope } from '#contracts/envelope.ts';
import { SOURCES } from '#contracts/order-events.ts';
import type { Database } from '#platform/database/database.ts';
import { Problem } from '#platform/http/problems.ts';
import { dayAfterMs, timeMs } from '#platform/http/times.ts';
import { readHistory } from '#platform/log/history.ts';
import { fold } from './rules/evolve.ts';
import { isDeciding, type Order } from './rules/state.ts';
import type { StoredRow } from './store.ts';

/** An order as it was: folded from its own events in the log. */

/** The order up to a version or a time; a {@link Problem} where there was none. */
export async function orderAsOf(database: Database, id: string, asOf: string): Promise<StoredRow> {
  const version = /^\d{1,9}$/.test(asOf) ? Number(asOf) : undefined;
  const until = version === undefined ? lastMs(asOf) : Number.POSITIVE_INFINITY;
  const own = (await ownEvents(database, id)).filter(
    (event) => event.sequence <= (version ?? Number.POSITIVE_INFINITY) && Date.parse(event.time) <= until,
  );
  const past = folded(id, own);
  if (!past) throw new Problem('ORDER_NOT_FOUND', 'There is no order with this id.');
  if (version !== undefined && past.sequence !== version)
    throw new Problem('NOT_FOUND', `The order has no version ${version}.`);
  return past;
}

/** The order as the warehouse's decision on what was asked at `sequence` left it; undefined while that is open. */
export async function decisionOutcome(
  database: Database,
  id: string,
  sequence: number,
): Promise<StoredRow | undefined> {
  const own = await ownEvents(database, id);
  const decided = own.findIndex(
    (event, index) => event.sequence > sequence && !isDeciding(fold(own.slice(0, index + 1))!),
  );
  const decision = own[decided];
  if (!decision) return undefined;
  const last = own.findLast((event) => event.causationid === decision.causationid)!;
  return folded(
    id,
    own.filter((event) => event.sequence <= last.sequence),
  );
}

/** The order as the first decision left it after which `isDecided` holds; undefined where there was none yet. */
export async function decisionOf(
  database: Database,
  id: string,
  isDecided: (order: Order) => boolean,
): Promise<StoredRow | undefined> {
  const own = await ownEvents(database, id);
  for (let count = 1; count <= own.length; count++) {
    // What one cause led to was decided, and saved, together.
    if (own[count]?.causationid === own[count - 1]!.causationid) continue;
    const past = folded(id, own.slice(0, count));
    if (past && isDecided(past.state!)) return past;
  }
  return undefined;
}

async function ownEvents(database: Database, id: string): Promise<Envelope[]> {
  return (await readHistory(database, id)).filter((event) => event.source === SOURCES.orders);
}

function folded(id: string, own: readonly Envelope[]): StoredRow | undefined {
  const state = fold(own);
  const last = own.at(-1);
  return state && last && { id, revision: 0, sequence: last.sequence, consumed: {}, state, updatedAt: last.time };
}

/** The last millisecond of a time or day: as of a day is as of its end. */
function lastMs(asOf: string): number {
  const after = dayAfterMs(asOf);
  return after === undefined ? timeMs(asOf, 'asOf') : after - 1;
}
