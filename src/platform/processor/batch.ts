import { messageOf } from '#contracts/error-text.ts';
import type { Envelope } from '#contracts/envelope.ts';
import { isRefusal, refuse, type Refusal } from '#contracts/errors.ts';
import type { Context } from '#platform/runtime/clock.ts';
import {
  type Cause,
  emptyRow,
  type Folded,
  foldCommand,
  foldEvent,
  type Row,
  type Rules,
  type TraceOf,
} from './aggregate.ts';

/**
 * The decision of a batch: events and commands, the rows and shared values they meet, and what has to be saved in the
 * end. Nothing here reads, writes or waits. The processor, the preview of a rewind and the simulator run this code;
 * they differ in where rows come from and where the plan goes.
 */

/** What is decided together: the events first, so that a command meets what the log already holds. */
export interface Batch<Request> {
  readonly events: readonly Envelope[];
  readonly commands: readonly Request[];
}

export interface CommandRequest<Command> {
  readonly orderId: string;
  readonly command: Command;
  readonly cause: Cause;
  /** Refuse unless the row's sequence is this one (`If-Match`). */
  readonly expectedSequence?: number | undefined;
  readonly idempotency?: { readonly key: string; readonly requestHash: string } | undefined;
}

/** The answer to a command that was not refused. */
export interface Done<State> {
  readonly row: Row<State>;
  readonly events: readonly Envelope[];
}

/** How a command ended: `error` is what the rules threw, which is a bug. */
export type Answer<State, Request> =
  | { readonly request: Request; readonly answer: Done<State> | Refusal }
  | { readonly request: Request; readonly error: unknown };

export interface RowChange<State> {
  readonly before: Row<State>;
  /** Its revision is one above that of `before`. */
  readonly after: Row<State>;
}

export interface SharedChange<Value> {
  readonly key: string;
  readonly before: Value | undefined;
  readonly after: Value;
}

/** An event that has to wait for an operator; without a reason it only waits behind another event of its order. */
export interface ParkedEvent {
  readonly event: Envelope;
  readonly reason: string | null;
  /** What the rules threw, for the program's log. */
  readonly error?: unknown;
}

/** What is left out of a batch: events of these orders, and events with these ids. */
export interface LeftOut {
  readonly parked: ReadonlySet<string>;
  readonly skipped: ReadonlySet<string>;
}

export const NOTHING_LEFT_OUT: LeftOut = { parked: new Set(), skipped: new Set() };

/** What a command of somebody did to an order, for the audit: what a service knew of it before, and what it knows now. */
export interface Audited<State> {
  readonly orderId: string;
  readonly cause: Cause;
  readonly before: State | undefined;
  readonly after: State | undefined;
  /** What it led to; the first says what was asked for. */
  readonly events: readonly Envelope[];
}

/** What a batch comes to. All of it is saved in one statement, or nothing of it is. */
export interface Plan<State, Effect, Value, Request> {
  readonly changes: RowChange<State>[];
  readonly shared: SharedChange<Value>[];
  readonly events: Envelope[];
  readonly keys: { readonly key: string; readonly requestHash: string; readonly answer: unknown }[];
  readonly parked: ParkedEvent[];
  /** To be given, and started, once everything above is saved. */
  readonly answers: Answer<State, Request>[];
  readonly effects: Effect[];
  /** Changes that somebody asked for, who is to be held to them. */
  readonly audited: Audited<State>[];
  readonly ignored: { readonly event: Envelope; readonly because: string }[];
  /**
   * Orders of commands that changed nothing and of whatever the rules failed on: no write will show whether these
   * decisions were made on the stored row.
   */
  readonly withoutWrite: string[];
}

/** Rows or values by id. */
export type Lookup<Value> = Pick<ReadonlyMap<string, Value>, 'get'>;

/**
 * Decides a batch. A row that `rows` does not have is one that is not stored; a shared value that `values` does not
 * have is one that does not exist. An event the rules throw on parks its order, a command they throw on is answered
 * with the error; of neither anything else remains.
 */
export function decideBatch<State, Command, Effect, Value, Request extends CommandRequest<Command>>(
  rules: Rules<State, Command, Effect, Value>,
  { events, commands }: Batch<Request>,
  rows: Lookup<Row<State>>,
  values: Lookup<Value>,
  { nowMs, newId, traceOf }: Context & { readonly traceOf?: TraceOf | undefined },
  { parked, skipped }: LeftOut = NOTHING_LEFT_OUT,
): Plan<State, Effect, Value, Request> {
  const plan: Plan<State, Effect, Value, Request> = {
    changes: [],
    shared: [],
    events: [],
    keys: [],
    parked: [],
    answers: [],
    effects: [],
    audited: [],
    ignored: [],
    withoutWrite: [],
  };
  const changedRows = new Map<string, Row<State>>();
  const changedValues = new Map<string, Value>();
  const newlyParked = new Set<string>();
  const context = {
    nowMs,
    newId,
    traceOf,
    shared: { get: (key: string) => changedValues.get(key) ?? values.get(key) },
  };
  const rowOf = (id: string): Row<State> => changedRows.get(id) ?? rows.get(id) ?? emptyRow(id);
  const take = (row: Row<State>, folded: Folded<State, Effect, Value>): void => {
    if (folded.row !== row) changedRows.set(row.id, folded.row);
    if (folded.shared) for (const [key, value] of folded.shared) changedValues.set(key, value);
    plan.events.push(...folded.events);
    plan.effects.push(...folded.effects);
  };

  for (const event of events) {
    const id = event.subject;
    // Looking an id up that nobody asked about before costs more than the rest of the question.
    if (skipped.size > 0 && skipped.has(event.id)) continue;
    if (parked.has(id) || newlyParked.has(id)) {
      plan.parked.push({ event, reason: null });
      continue;
    }
    const row = rowOf(id);
    try {
      const folded = foldEvent(rules, row, event, context);
      take(row, folded);
      if (folded.ignored !== undefined) plan.ignored.push({ event, because: folded.ignored });
    } catch (error) {
      // A bug, or data the rules were never meant to meet. Its order waits, others go on.
      newlyParked.add(id);
      plan.withoutWrite.push(id);
      plan.parked.push({ event, reason: messageOf(error), error });
    }
  }
  for (const request of commands) {
    const row = rowOf(request.orderId);
    let folded: Folded<State, Effect, Value> | Refusal;
    try {
      folded = staleness(request, row) ?? foldCommand(rules, row, request.command, request.cause, context);
    } catch (error) {
      plan.withoutWrite.push(row.id);
      plan.answers.push({ request, error });
      continue;
    }
    if (isRefusal(folded)) {
      plan.withoutWrite.push(row.id);
      plan.answers.push({ request, answer: folded });
      continue;
    }
    if (folded.row === row) plan.withoutWrite.push(row.id);
    take(row, folded);
    if (folded.events.length > 0 && isAudited(request.cause))
      plan.audited.push({
        orderId: row.id,
        cause: request.cause,
        before: row.state,
        after: folded.row.state,
        events: folded.events,
      });
    if (request.idempotency) {
      const answer = { orderId: row.id, sequence: folded.row.sequence };
      plan.keys.push({ ...request.idempotency, answer });
    }
    plan.answers.push({ request, answer: { row: folded.row, events: folded.events } });
  }

  for (const [id, row] of changedRows) {
    const before = rows.get(id) ?? emptyRow<State>(id);
    const revision = before.revision + 1;
    plan.changes.push({ before, after: row.revision === revision ? row : { ...row, revision } });
  }
  for (const [key, after] of changedValues) {
    const before = values.get(key);
    if (after !== before) plan.shared.push({ key, before, after });
  }
  return plan;
}

/** Whether the audit is about who gave a command; what services do by themselves follows from the log. */
function isAudited({ authtype, authid }: Cause): boolean {
  return authid !== undefined && authtype !== undefined && authtype !== 'system';
}

function staleness({ expectedSequence }: CommandRequest<unknown>, { sequence }: Row<unknown>): Refusal | undefined {
  if (expectedSequence === undefined || expectedSequence === sequence) return undefined;
  return refuse('VERSION_MISMATCH', `The present version is ${sequence}, If-Match asks for ${expectedSequence}.`);
}
