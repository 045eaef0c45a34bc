import type { AuthType, Envelope } from '#contracts/envelope.ts';
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
  /** Who gave it; undefined: a service by itself. */
  readonly authtype?: AuthType | undefined;
  readonly authid?: string | undefined;
}

/** Values that several orders share (stock of a SKU, the last invoice number), by key. */
export type Shared<Value> = Pick<ReadonlyMap<string, Value>, 'get'>;

/**
 * What rules decide: the next state, the events that record it, the shared values it changes, and the external effects
 * to start once it is saved.
 */
export interface Outcome<State, Effect = never, Value = never> {
  readonly state: State | undefined;
  readonly events: readonly NewEvent[];
  /** Only the values that change. They become part of the batch together with everything else, or not at all. */
  readonly shared?: ReadonlyMap<string, Value>;
  readonly effects?: readonly Effect[];
}

/** An event that changes nothing here, and why: silence would be a bug. */
export interface Ignored {
  readonly ignored: string;
}

export function ignore(because: string): Ignored {
  return { ignored: because };
}

export interface RulesContext<Value = never> extends Context {
  /** Shared values as the events and commands before this one left them. */
  readonly shared: Shared<Value>;
  /** The trace context for what an event causes; by default the event's own. */
  readonly traceOf?: TraceOf | undefined;
}

export type TraceOf = (event: Envelope) => string | undefined;

export interface Rules<State, Command, Effect = never, Value = never> {
  readonly source: string;
  /** Event types this service reacts to. */
  readonly consumes: readonly OrderEvent['type'][];
  react(
    event: OrderEvent,
    state: State | undefined,
    context: RulesContext<Value>,
  ): Outcome<State, Effect, Value> | Ignored;
  decide(
    command: Command,
    state: State | undefined,
    context: RulesContext<Value>,
  ): Outcome<State, Effect, Value> | Refusal;
}

export interface Folded<State, Effect, Value = never> {
  readonly row: Row<State>;
  readonly events: readonly Envelope[];
  readonly effects: readonly Effect[];
  /** The shared values that change. */
  readonly shared: ReadonlyMap<string, Value> | undefined;
  /** Set where nothing changed: the reason. */
  readonly ignored?: string;
}

/** Events as a source emits them about an order, numbered from `firstSequence`, at the time of the context. */
export function recorded(
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
    authtype: cause.authtype,
    authid: cause.authid,
    data: event.data,
  }));
}

function applied<State, Effect, Value>(
  source: string,
  row: Row<State>,
  consumed: Row<State>['consumed'],
  outcome: Outcome<State, Effect, Value>,
  cause: Cause,
  context: Context,
): Folded<State, Effect, Value> {
  return {
    row: {
      id: row.id,
      revision: row.revision + 1,
      sequence: row.sequence + outcome.events.length,
      consumed,
      state: outcome.state,
    },
    events: recorded(source, row.id, row.sequence + 1, outcome.events, cause, context),
    effects: outcome.effects ?? [],
    shared: outcome.shared,
  };
}

/**
 * Folds one event of the log into a service's row. An event consumed before (by source, order, sequence) and an
 * event the rules ignore emit nothing; an ignored one is still marked as consumed where a row exists, so that a
 * repeat of it cannot act on a later state.
 */
export function foldEvent<State, Command, Effect, Value>(
  rules: Rules<State, Command, Effect, Value>,
  row: Row<State>,
  event: Envelope,
  context: RulesContext<Value>,
): Folded<State, Effect, Value> {
  if ((row.consumed[event.source] ?? 0) >= event.sequence)
    return { row, events: [], effects: [], shared: undefined, ignored: 'duplicate' };
  const outcome = rules.react(event as OrderEvent, row.state, context);
  const consumed = { ...row.consumed, [event.source]: event.sequence };
  if ('ignored' in outcome) {
    const marked = row.revision === 0 ? row : { ...row, revision: row.revision + 1, consumed };
    return { row: marked, events: [], effects: [], shared: undefined, ignored: outcome.ignored };
  }
  const { traceOf } = context;
  const traceparent = traceOf ? traceOf(event) : event.traceparent;
  const cause: Cause = { causationid: event.id, correlationid: event.correlationid, traceparent };
  return applied(rules.source, row, consumed, outcome, cause, context);
}

/** Folds a command into a service's row, or returns why the rules refuse it. */
export function foldCommand<State, Command, Effect, Value>(
  rules: Rules<State, Command, Effect, Value>,
  row: Row<State>,
  command: Command,
  cause: Cause,
  context: RulesContext<Value>,
): Folded<State, Effect, Value> | Refusal {
  const outcome = rules.decide(command, row.state, context);
  if (isRefusal(outcome)) return outcome;
  // A command whose result is there already (a webhook was faster) changes nothing.
  if (outcome.events.length === 0 && outcome.state === row.state)
    return { row, events: [], effects: outcome.effects ?? [], shared: outcome.shared };
  return applied(rules.source, row, row.consumed, outcome, cause, context);
}
