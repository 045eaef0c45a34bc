import { isRefusal, refuse, type Refusal } from '#contracts/errors.ts';
import type { Given, ManyOrders } from '#contracts/many-orders.ts';
import { ConflictError, type Database } from '#platform/database/database.ts';
import { isTransient, isUniqueViolation } from '#platform/database/failures.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import { type Cause, foldCommand, type Row, type Rules } from './aggregate.ts';
import type { CommandRequest, Done } from './batch.ts';
import type { Context } from '#platform/runtime/clock.ts';

/**
 * One command for many orders. Each order's is committed under a key of its own, with its effect: whoever goes on after a
 * crash finds by the keys what was done before.
 */

export interface Wanted<Command> {
  readonly orderId: string;
  /** What of the order it is about, where an order has several of that. */
  readonly part?: string;
  readonly command: Command;
}

export interface GivesEach<State, Command> {
  readonly database: Database;
  readonly processor: { submit(request: CommandRequest<Command>): Promise<Done<State> | Refusal> };
  readonly logger: Logger;
}

/** What did not reach its order is tried again; other refusals are outcomes. */
const NOT_REACHED: ReadonlySet<string> = new Set(['UNAVAILABLE', 'OVERLOADED']);

/** Gives each of these commands, once under the run; what becomes of each, in their order. Never rejects for one of them. */
export async function giveEach<State, Command>(
  { database, processor, logger }: GivesEach<State, Command>,
  run: Pick<ManyOrders, 'runId' | 'command' | 'correlationid' | 'traceparent' | 'by' | 'authtype'>,
  wanted: readonly Wanted<Command>[],
): Promise<Given[]> {
  const { runId, command: name, correlationid, traceparent, authtype, by: authid } = run;
  const keyOf = ({ orderId, part }: Wanted<Command>): string =>
    // No caller can have it: theirs begin with a name and a colon, and this one with an id that nobody can guess.
    `bulk/${runId}:${orderId}${part === undefined ? '' : `:${part}`}`;
  const before = await keysDone(database, wanted.map(keyOf));
  return Promise.all(
    wanted.map(async (one): Promise<Given> => {
      const { orderId, command } = one;
      const key = keyOf(one);
      if (before.has(key)) return { orderId, outcome: 'done' };
      try {
        const answer = await processor.submit({
          orderId,
          command,
          cause: { causationid: runId, correlationid, traceparent, authtype, authid },
          idempotency: { key, requestHash: name },
        });
        if (!isRefusal(answer)) return { orderId, outcome: 'done' };
        if (NOT_REACHED.has(answer.refused)) return { orderId, outcome: 'later' };
        return refusedWith(orderId, answer);
      } catch (error) {
        // Somebody else has done it meanwhile, or it is to be tried again.
        if (isUniqueViolation(error)) return { orderId, outcome: 'done' };
        if (isTransient(error) || error instanceof ConflictError) return { orderId, outcome: 'later' };
        logger.error({ err: error, bulkId: runId, orderId }, 'a command of a run failed');
        return refusedWith(orderId, refuse('INTERNAL', 'Something failed on our side; the log says what.'));
      }
    }),
  );
}

async function keysDone(database: Database, keys: readonly string[]): Promise<Set<string>> {
  if (keys.length === 0) return new Set();
  const rows = await database.query<{ key: string }>('select key from log.idempotency_keys where key = any($1)', [
    keys,
  ]);
  return new Set(rows.map(({ key }) => key));
}

export function refusedWith(orderId: string, { refused: code, detail }: Refusal): Given {
  return { orderId, outcome: 'refused', code, detail };
}

const NOTHING_SHARED = new Map<string, never>();

/** What a command would do to an order as it is stored: decided by the rules, and not saved. */
export function foresee<State, Command, Effect>(
  rules: Rules<State, Command, Effect>,
  row: Row<State>,
  command: Command,
  { cause, context }: { readonly cause: Cause; readonly context: Context },
): { readonly given: Given; readonly after: Row<State> } {
  const folded = foldCommand(rules, row, command, cause, { ...context, shared: NOTHING_SHARED });
  if (isRefusal(folded)) return { given: refusedWith(row.id, folded), after: row };
  return {
    given: { orderId: row.id, outcome: 'would', events: folded.events.map(({ type }) => type) },
    after: folded.row,
  };
}
