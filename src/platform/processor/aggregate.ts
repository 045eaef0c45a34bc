import type { Envelope } from '#contracts/envelope.ts';
import type { Refusal } from '#contracts/errors.ts';
import { isRefusal } from '#contracts/errors.ts';
import type { NewEvent, OrderEvent } from '#contracts/order-events.ts';
import { isoTime } from '#contracts/time.ts';
import type { Context } from '#platform/runtime/clock.ts';

/**
 * What every service is at its core: a pure fold over the order's log plus its own commands. Nothing in this
 * file, and nothing in a service's rules, reads a clock, a random source, or the network; the processor (which
 * saves) and the simulator (which does not) run the same functions.
 */

/** A service's knowledge of one order, with what is needed to save it once and to recognize duplicates. */
export interface Row<State> {
  readonly id: string;
  /** Counts saves; 0 where nothing is stored yet. */
  readonly revision: number;
  /** Number of events this service has emitted about the order. */
  readonly sequence: number;
  /** Highest sequence consumed from each source. */
  readonly consumed: Readonly<Record<string, number>>;
  readonly state: State | undefined;
}

export function emptyRow<State>(id: string): Row<State> {
  return { id, revision: 0, sequence: 0, consumed: {}, state: undefined };
}

/** Who or what caused a command. */
export interface Cause {
  readonly causationid: string;
  readonly correlationid: string;
  readonly traceparent?: string | undefined;
}

/** What rules decide: the next state, the events that tell it, and the external effects to start once it is saved. */
export interface Outcome<State, Effect = never> {
  readonly state: State | undefined;
  readonly events: readonly NewEvent[];
  readonly effects?: readonly Effect[];
}

/** An event that changes nothing here, and why: silence would be a bug. */
export interface Ignored {
  readonly ignored: string;
}

export function ignore(because: string): Ignored {
  return { ignored: because };
}

/**
 * Values that several orders share (stock of a SKU, the next invoice number), loaded for a batch and saved
 * with it. A fold reads and replaces them here; the processor keeps a draft per batch.
 */
export interface Shared<Value> {
  get(key: string): Value | undefined;
  set(key: string, value: Value): void;
}

export interface RulesContext<Value = never> extends Context {
  readonly shared: Shared<Value>;
}

export interface Rules<State, Command, Effect = never, Value = never> {
  readonly source: string;
  /** Event types this service reacts to. */
  readonly consumes: readonly OrderEvent['type'][];
  react(event: OrderEvent, state: State | undefined, context: RulesContext<Value>): Outcome<State, Effect> | Ignored;
  decide(command: Command, state: State | undefined, context: RulesContext<Value>): Outcome<State, Effect> | Refusal;
}

export interface Folded<State, Effect> {
  readonly row: Row<State>;
  readonly events: readonly Envelope[];
  readonly effects: readonly Effect[];
  /** Set where nothing changed: the reason. */
  readonly ignored?: string;
}

function recorded(
  source: string,
  id: string,
  firstSequence: number,
  events: readonly NewEvent[],
  cause: Cause,
  context: Context,
): Envelope[] {
  const time = isoTime(context.nowMs);
  return events.map((event, index) => ({
    id: context.newId(),
    source,
    type: event.type,
    subject: id,
    sequence: firstSequence + index,
    time,
    correlationid: cause.correlationid,
    causationid: cause.causationid,
    traceparent: cause.traceparent,
    data: event.data,
  }));
}

function applied<State, Effect>(
  source: string,
  row: Row<State>,
  seen: Row<State>['consumed'],
  outcome: Outcome<State, Effect>,
  cause: Cause,
  context: Context,
): Folded<State, Effect> {
  return {
    row: {
      id: row.id,
      revision: row.revision + 1,
      sequence: row.sequence + outcome.events.length,
      consumed: seen,
      state: outcome.state,
    },
    events: recorded(source, row.id, row.sequence + 1, outcome.events, cause, context),
    effects: outcome.effects ?? [],
  };
}

/**
 * Folds one event of the log into a service's row. An event seen before (by source, order, sequence) and an
 * event the rules ignore emit nothing; an ignored one is still marked as seen where a row exists, so that a
 * repeat of it cannot act on a later state.
 */
export function foldEvent<State, Command, Effect, Value>(
  rules: Rules<State, Command, Effect, Value>,
  row: Row<State>,
  event: Envelope,
  context: RulesContext<Value>,
): Folded<State, Effect> {
  if ((row.consumed[event.source] ?? 0) >= event.sequence)
    return { row, events: [], effects: [], ignored: 'duplicate' };
  const outcome = rules.react(event as OrderEvent, row.state, context);
  const seen = { ...row.consumed, [event.source]: event.sequence };
  if ('ignored' in outcome) {
    const marked = row.revision === 0 ? row : { ...row, revision: row.revision + 1, consumed: seen };
    return { row: marked, events: [], effects: [], ignored: outcome.ignored };
  }
  const cause: Cause = { causationid: event.id, correlationid: event.correlationid, traceparent: event.traceparent };
  return applied(rules.source, row, seen, outcome, cause, context);
}

/** Folds a command into a service's row, or tells why the rules refuse it. */
export function foldCommand<State, Command, Effect, Value>(
  rules: Rules<State, Command, Effect, Value>,
  row: Row<State>,
  command: Command,
  cause: Cause,
  context: RulesContext<Value>,
): Folded<State, Effect> | Refusal {
  const outcome = rules.decide(command, row.state, context);
  if (isRefusal(outcome)) return outcome;
  // A command that finds its wish fulfilled already (a webhook told it first) changes nothing.
  if (outcome.events.length === 0 && outcome.state === row.state)
    return { row, events: [], effects: outcome.effects ?? [] };
  return applied(rules.source, row, row.consumed, outcome, cause, context);
}
