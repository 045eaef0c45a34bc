import type { Envelope } from '#contracts/envelope.ts';
import type { Database } from '#platform/database/database.ts';
import { isTransient } from '#platform/database/failures.ts';
import { insertRows, type Write } from '#platform/database/statement.ts';
import { type Bus, moveOffsets, type OffsetMove } from '#platform/log/bus.ts';
import type { Follower } from '#platform/log/follower.ts';
import { appendEvents } from '#platform/log/outbox.ts';
import { type Clock, contextAt } from '#platform/runtime/clock.ts';
import { logCommands, logEvents } from '#platform/telemetry/event-lines.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import type { ProcessorMetrics } from '#platform/telemetry/metrics.ts';
import type { Tracing } from '#platform/telemetry/tracing.ts';
import type { Row, Rules } from './aggregate.ts';
import { auditChanges } from './audited.ts';
import {
  type Batch,
  type CommandRequest,
  decideBatch,
  type LeftOut,
  type ParkedEvent,
  type Plan,
  type RowChange,
  type SharedChange,
} from './batch.ts';
import { BatchSpans, inTheirTraces } from './batch-spans.ts';
import type { WaitingCommand, WaitingUnpark } from './inbox.ts';
import type { Loaded, Remembered, SharedKeys } from './rows.ts';

/**
 * How one batch is committed: what is not remembered is read, the batch is decided, one statement saves the plan, and
 * then its commands are answered and its effects start. Whatever fails has changed nothing; the caller tries again.
 */

/** SQL of one service: which rows to read for a batch, and how to write what changed. */
export interface ProcessorStore<State, Value> {
  load(database: Database, ids: readonly string[]): Promise<Map<string, Row<State>>>;
  save(
    changes: readonly RowChange<State>[],
    shared: readonly SharedChange<Value>[],
    events: readonly Envelope[],
  ): Write[];
  loadShared?(database: Database, keys: readonly string[]): Promise<Map<string, Value>>;
}

export interface ProcessorOptions<State, Command, Effect, Value> {
  /** Service name; also its consumer's name. */
  readonly name: string;
  readonly rules: Rules<State, Command, Effect, Value>;
  readonly store: ProcessorStore<State, Value>;
  /** Keys of shared values that folding this event or command may touch. */
  readonly sharedKeys?: SharedKeys<State, Command>;
  readonly database: Database;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ProcessorMetrics;
  readonly tracing?: Tracing | undefined;
  /**
   * Event types that are the first this service hears of an order: its row is taken to be absent without
   * asking. Where that is wrong (a repeat), the insert meets the row, and the batch is decided once more with what is stored.
   */
  readonly opensWith?: readonly string[];
  /** Starts external effects after their cause is saved. Must not throw; what fails is found again by recovery. */
  readonly perform?: (effects: readonly Effect[]) => void;
  /** What a batch changed, once it is saved: for counting, and nothing that takes long. Must not throw. */
  readonly committed?: (plan: Pick<Plan<State, Effect, Value, unknown>, 'changes' | 'shared' | 'events'>) => void;
  /** Keep shared values between batches; only where no other process changes them. */
  readonly keepShared?: boolean;
  /** Wait this long for company before folding events; for services nobody waits for. */
  readonly lingerMs?: number;
}

/**
 * A plan that was given to the database, and no reply came: its connection was lost. The statement is whole or not at all,
 * so one of its events in the log says that all of it happened.
 */
export interface Doubt<State, Command, Effect, Value> {
  readonly plan: Plan<State, Effect, Value, WaitingCommand<State, Command>>;
  readonly moves: readonly OffsetMove[];
}

/** Within an order's own queue nothing waits behind anything else. */
const NONE: ReadonlySet<string> = new Set();

export class Committer<State, Command, Effect, Value> {
  readonly #options: ProcessorOptions<State, Command, Effect, Value>;
  readonly #remembered: Remembered<State, Value>;
  readonly #follower: Follower;
  readonly #changeListeners = new Set<(row: Row<State>, events: readonly Envelope[]) => void>();

  constructor(
    options: ProcessorOptions<State, Command, Effect, Value>,
    remembered: Remembered<State, Value>,
    follower: Follower,
  ) {
    this.#options = options;
    this.#remembered = remembered;
    this.#follower = follower;
  }

  onChange(listener: (row: Row<State>, events: readonly Envelope[]) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  /** Commits a batch together with moves of offsets and with events that have to be parked, and answers its commands. */
  async commit(
    given: Batch<WaitingCommand<State, Command>>,
    moves: readonly OffsetMove[],
    parked: readonly ParkedEvent[],
    trustOpening: boolean,
    doubts: Doubt<State, Command, Effect, Value>[] = [],
  ): Promise<void> {
    const startedMs = performance.now();
    const { name, metrics, logger, tracing, database } = this.#options;
    const done = await this.#happened(doubts);
    if (done) {
      if (done.moves === moves) this.#follower.saved(moves);
      this.#follower.parking.add(done.plan.parked);
      this.#finish(done.plan);
      logPlan(logger, done.plan, performance.now() - startedMs);
      return;
    }
    const batch = tracing ? { ...given, commands: await inTheirTraces(database, given.commands) } : given;
    const spans = BatchSpans.begin(tracing, name, batch);
    try {
      const plan = await this.#save(batch, moves, parked, trustOpening, doubts, spans);
      spans?.end();
      const items = batch.events.length + batch.commands.length;
      const tookMs = performance.now() - startedMs;
      metrics.committed(items, plan.events, tookMs / 1000);
      logPlan(logger, plan, tookMs);
    } catch (error) {
      spans?.end(error as Error);
      throw error;
    }
  }

  async #save(
    batch: Batch<WaitingCommand<State, Command>>,
    moves: readonly OffsetMove[],
    parked: readonly ParkedEvent[],
    trustOpening: boolean,
    doubts: Doubt<State, Command, Effect, Value>[],
    spans: BatchSpans | undefined,
  ): Promise<Plan<State, Effect, Value, WaitingCommand<State, Command>>> {
    const { name, store } = this.#options;
    let loaded = await loadBatch(this.#options, this.#remembered, batch, trustOpening);
    let plan = this.#decide(batch, loaded, spans);
    const doubtful = this.#remembered.doubtful(plan, loaded);
    if (doubtful.length > 0) {
      this.#remembered.forgetRows(doubtful);
      loaded = await loadBatch(this.#options, this.#remembered, batch, false);
      plan = this.#decide(batch, loaded, spans);
    }
    this.#logParked(plan.parked);
    spans?.parked(plan.parked);
    plan.parked.push(...parked);
    const writes = writesOf(store, plan);
    if (plan.parked.length > 0) writes.push(this.#follower.parking.park(plan.parked));
    if (moves.length > 0) writes.push(moveOffsets(name, moves));
    spans?.committing();
    try {
      await commitWrites(this.#options, writes, plan.events);
    } catch (error) {
      // Without events there is nothing by which it could be recognized, nor anything that would happen twice.
      if (plan.events.length > 0 && isTransient(error)) doubts.push({ plan, moves });
      throw error;
    }
    this.#follower.saved(moves);
    this.#follower.parking.add(plan.parked);
    this.#committed(plan, loaded);
    return plan;
  }

  #decide<Request extends CommandRequest<Command>>(
    batch: Batch<Request>,
    { rows, values }: Loaded<State, Value>,
    spans?: BatchSpans,
    leftOut: LeftOut = this.#follower.parking,
  ): Plan<State, Effect, Value, Request> {
    const { rules, clock } = this.#options;
    const context = spans ? { ...contextAt(clock), traceOf: spans.traceOf } : contextAt(clock);
    return decideBatch(rules, batch, rows, values, context, leftOut);
  }

  #logParked(parked: readonly ParkedEvent[]): void {
    for (const { event, error } of parked) {
      if (error !== undefined)
        this.#options.logger.error({ err: error, orderId: event.subject, eventType: event.type }, 'event parked');
    }
  }

  #committed(plan: Plan<State, Effect, Value, WaitingCommand<State, Command>>, loaded: Loaded<State, Value>): void {
    this.#remembered.keep(loaded, plan);
    this.#finish(plan);
  }

  /** Which of these plans was committed after all; at most one of a batch can be. */
  async #happened(
    doubts: readonly Doubt<State, Command, Effect, Value>[],
  ): Promise<Doubt<State, Command, Effect, Value> | undefined> {
    if (doubts.length === 0) return undefined;
    const firsts = doubts.map(({ plan }) => plan.events[0]!);
    const rows = await this.#options.database.query<{ id: string }>(
      'select id from log.order_outbox where subject = any($1::uuid[]) and id = any($2::uuid[])',
      [firsts.map(({ subject }) => subject), firsts.map(({ id }) => id)],
    );
    return doubts.find(({ plan }) => rows.some(({ id }) => id === plan.events[0]!.id));
  }

  /** Answers the commands of a plan that is saved, and starts its effects. */
  #finish(plan: Plan<State, Effect, Value, WaitingCommand<State, Command>>): void {
    for (const answer of plan.answers) {
      if ('error' in answer) answer.request.reject(answer.error);
      else answer.request.resolve(answer.answer);
    }
    if (this.#changeListeners.size > 0) {
      for (const change of plan.changes) {
        for (const listener of this.#changeListeners) listener(change.after, plan.events);
      }
    }
    if (plan.effects.length > 0) this.#options.perform?.(plan.effects);
    this.#options.committed?.(plan);
  }

  /** Takes in what an operator releases: in a batch of its own, whose failure is the operator's to see. */
  async unpark({ orderId, change, resolve, reject }: WaitingUnpark): Promise<void> {
    const { parking } = this.#follower;
    try {
      const queue = await parking.open(orderId, change);
      if (!queue) {
        parking.forget(orderId);
        return resolve(0);
      }
      const batch = { events: queue.events, commands: [] };
      this.#remembered.forgetBatch(batch);
      const loaded = await loadBatch(this.#options, this.#remembered, batch, false);
      const plan = this.#decide<never>(batch, loaded, undefined, { parked: NONE, skipped: parking.skipped });
      this.#logParked(plan.parked);
      const writes = [...writesOf(this.#options.store, plan), ...parking.release(queue, plan.parked)];
      await commitWrites(this.#options, writes, plan.events);
      parking.released(queue, plan.parked);
      this.#committed(plan, loaded);
      resolve(queue.stored.length - plan.parked.length);
    } catch (error) {
      reject(error);
    }
  }
}

/** What happened to orders, and what was decided about commands. */
function logPlan<State, Effect, Value, Command>(
  logger: Logger,
  { events, answers }: Plan<State, Effect, Value, CommandRequest<Command>>,
  tookMs: number,
): void {
  logEvents(logger, events, tookMs);
  logCommands(logger, answers, tookMs);
}

/** Rows and shared values of a batch: those remembered, and the others in one query each. */
async function loadBatch<State, Command, Value>(
  {
    database,
    store,
    sharedKeys,
  }: Pick<ProcessorOptions<State, Command, unknown, Value>, 'database' | 'store' | 'sharedKeys'>,
  remembered: Remembered<State, Value>,
  batch: Batch<CommandRequest<Command>>,
  trustOpening: boolean,
): Promise<Loaded<State, Value>> {
  const loaded = remembered.load(batch, trustOpening);
  const { rows, values, missing } = loaded;
  if (missing.length > 0) for (const [id, row] of await store.load(database, missing)) rows.set(id, row);
  if (sharedKeys && store.loadShared) {
    const absent = remembered.loadShared(batch, loaded, sharedKeys);
    if (absent.length > 0) for (const [key, value] of await store.loadShared(database, absent)) values.set(key, value);
  }
  return loaded;
}

/** What a plan changes: the service's own tables, the log, the idempotency keys. */
function writesOf<State, Value>(
  store: ProcessorStore<State, Value>,
  { changes, shared, events, keys, audited }: Plan<State, unknown, Value, unknown>,
): Write[] {
  const writes = changes.length > 0 || shared.length > 0 ? store.save(changes, shared, events) : [];
  if (events.length > 0) writes.push(appendEvents(events));
  if (audited.length > 0) writes.push(auditChanges(audited));
  if (keys.length > 0) {
    writes.push(
      insertRows(
        'keys',
        'log.idempotency_keys',
        { key: 'text', request_hash: 'text', status: 'integer', answer: 'json' },
        keys.map(({ key, requestHash, answer }) => ({ key, request_hash: requestHash, status: 200, answer })),
      ),
    );
  }
  return writes;
}

/** Commits writes in one statement. The bus knows of their events from before the commit, so that no reader misses them. */
async function commitWrites(
  { database, bus }: { readonly database: Database; readonly bus: Bus },
  writes: readonly Write[],
  events: readonly Envelope[],
): Promise<void> {
  if (writes.length === 0) return;
  bus.remember(events);
  try {
    await database.write(writes);
  } catch (error) {
    bus.forget(events);
    throw error;
  }
}
