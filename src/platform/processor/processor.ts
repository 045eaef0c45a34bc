import { setTimeout as sleep } from 'node:timers/promises';
import type { Envelope } from '#contracts/envelope.ts';
import { refuse, type Refusal } from '#contracts/errors.ts';
import { emptyRow, type Row, type Rules } from './aggregate.ts';
import {
  type Batch,
  type CommandRequest,
  decideBatch,
  type Done,
  type LeftOut,
  type ParkedEvent,
  type Plan,
  type RowChange,
  type SharedChange,
} from './batch.ts';
import { type Loaded, Remembered, type SharedKeys } from './rows.ts';
import { type Clock, contextAt } from '#platform/runtime/clock.ts';
import { ConflictError, type Database, isTransient, isUniqueViolation } from '#platform/database/database.ts';
import { insertRows, type Write } from '#platform/database/statement.ts';
import { type Bus, type Lag, moveOffsets, type OffsetMove } from '#platform/log/bus.ts';
import { DATABASE_RETRY, Follower, UPKEEP_EVERY_MS } from '#platform/log/follower.ts';
import { appendEvents } from '#platform/log/outbox.ts';
import type { UnparkChange } from '#platform/log/parked.ts';
import { backoffMs } from '#platform/runtime/backoff.ts';
import type { Health } from '#platform/runtime/health.ts';
import { Linger } from '#platform/runtime/linger.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import type { ProcessorMetrics } from '#platform/telemetry/metrics.ts';

/**
 * A processor is how a service saves. It takes the events its consumer has read and the commands that arrived
 * meanwhile, folds them all in memory, and commits the whole set as one SQL statement: rows, events,
 * offsets, idempotency keys. One set is in flight at a time, so within a process nothing conflicts; another
 * process is met by version checks, and then only the set's own rows are read again and re-decided.
 */

/** SQL of one service: which rows to read for a set, and how to write what changed. */
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
  /**
   * Event types that are the first this service hears of an order: its row is taken to be absent without
   * asking. Where that is wrong (a repeat), the insert meets the row, and the set is decided again with what is stored.
   */
  readonly opensWith?: readonly string[];
  /** Starts external effects after their cause is saved. Must not throw; what fails is found again by recovery. */
  readonly perform?: (effects: readonly Effect[]) => void;
  /** Keep shared values between sets; only where no other process changes them. */
  readonly keepShared?: boolean;
  /** Wait this long for company before folding events; for services nobody waits for. */
  readonly lingerMs?: number;
}

/** A command that waits, and whom to answer. */
interface Waiting<State, Command> extends CommandRequest<Command> {
  readonly deadlineMs: number;
  readonly resolve: (answer: Done<State> | Refusal) => void;
  readonly reject: (error: unknown) => void;
}
interface UnparkItem {
  readonly orderId: string;
  readonly change: UnparkChange;
  readonly resolve: (events: number) => void;
  readonly reject: (error: unknown) => void;
}

const COMMANDS_PER_SET = 256;
const EVENTS_PER_SET = 512;
const COMMAND_QUEUE_MAX = 4_000;
/** A processor leaves this long between two commits, so that its sets stay sets; from so many items a second on, longer. */
const PACE_MS = 6;
const BUSY_PER_SECOND = 500;
const BUSY_PACE_MS = 15;
const COMMAND_PATIENCE_MS = 10_000;
const CONFLICT_ATTEMPTS_MAX = 30;

const NOTHING = { events: [], commands: [] };
const NONE: ReadonlySet<string> = new Set();

export class Processor<State, Command, Effect = never, Value = never> {
  readonly #options: ProcessorOptions<State, Command, Effect, Value>;
  readonly #remembered: Remembered<State, Value>;
  readonly #follower: Follower;
  readonly #changeListeners = new Set<(row: Row<State>, events: readonly Envelope[]) => void>();
  readonly #inFlight = new Set<Promise<unknown>>();
  #commands: Waiting<State, Command>[] = [];
  #unparks: UnparkItem[] = [];
  #running = false;
  #scheduled: { readonly immediate?: NodeJS.Immediate; readonly timeout?: NodeJS.Timeout } | undefined;
  /** The last take was full: more is waiting. */
  #more = false;
  #eventsReady = false;
  readonly #pace = new Linger(BUSY_PER_SECOND, BUSY_PACE_MS);
  /** Not before this may the next set begin. */
  #nextMs = 0;
  #tick: NodeJS.Timeout | undefined;
  #stopping = false;
  #idle: (() => void)[] = [];

  constructor(options: ProcessorOptions<State, Command, Effect, Value>) {
    this.#options = options;
    const { name, rules, database, bus, logger, keepShared = false, opensWith } = options;
    this.#remembered = new Remembered({ soleWriter: database.soleWriter, keepShared, opensWith });
    this.#follower = new Follower({
      consumer: name,
      types: rules.consumes,
      database,
      bus,
      logger,
      onReady: () => {
        this.#eventsReady = true;
        this.#schedule();
      },
      onReset: () => this.#remembered.clear(),
    });
  }

  /** Begins consuming; before that, only commands are taken. */
  async start(): Promise<void> {
    await this.#follower.start();
    this.#tick = setInterval(() => this.#onTick(), UPKEEP_EVERY_MS);
  }

  /** Stops taking work and waits for the set in flight. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#follower.stop();
    clearInterval(this.#tick);
    clearTimeout(this.#scheduled?.timeout);
    clearImmediate(this.#scheduled?.immediate);
    for (const item of this.#commands.splice(0)) item.resolve(refuse('UNAVAILABLE', 'The service is stopping.'));
    await Promise.allSettled(this.#inFlight);
    await this.#follower.close();
  }

  /** Decides a command and saves it with everything else that waits. A full queue refuses at once. */
  submit(request: CommandRequest<Command>): Promise<Done<State> | Refusal> {
    if (this.#stopping) return Promise.resolve(refuse('UNAVAILABLE', 'The service is stopping.'));
    if (this.#commands.length >= COMMAND_QUEUE_MAX) {
      return Promise.resolve(
        refuse('OVERLOADED', `${this.#commands.length} commands are waiting in ${this.#options.name}.`),
      );
    }
    const deadlineMs = this.#options.clock.nowMs() + COMMAND_PATIENCE_MS;
    return new Promise((resolve, reject) => {
      this.#commands.push({ ...request, deadlineMs, resolve, reject });
      this.#schedule();
    });
  }

  /** Applies an operator's decision to a parked order. Resolves with the number of events that left the park. */
  unpark(orderId: string, change: UnparkChange): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#unparks.push({ orderId, change, resolve, reject });
      this.#schedule();
    });
  }

  /** The row of an order as this process knows it or reads it. */
  async read(orderId: string): Promise<Row<State>> {
    const cached = this.#options.database.soleWriter ? this.#remembered.row(orderId) : undefined;
    if (cached) return cached;
    return (await this.#options.store.load(this.#options.database, [orderId])).get(orderId) ?? emptyRow(orderId);
  }

  /** Makes rows known that were saved outside the processor (new orders come through the intake). */
  remember(rows: readonly Row<State>[]): void {
    this.#remembered.addRows(rows);
  }

  /** Another process moved these orders on: what is remembered of them is old. */
  forget(orderIds: readonly string[]): void {
    this.#remembered.forgetRows(orderIds);
  }

  /** Shared values were changed outside the processor. */
  forgetShared(keys: readonly string[]): void {
    this.#remembered.forgetShared(keys);
  }

  onChange(listener: (row: Row<State>, events: readonly Envelope[]) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  lag(): Lag {
    return this.#follower.lag();
  }

  get parkedCount(): number {
    return this.#follower.parking.parked.size;
  }

  healthy(): Health {
    return this.#follower.healthy();
  }

  /** Resolves when no command and no readable event is waiting. */
  async settled(): Promise<void> {
    if (!this.#running && this.#commands.length === 0 && this.lag().events === 0) return;
    await new Promise<void>((resolve) => {
      this.#idle.push(resolve);
      this.#schedule();
    });
  }

  #onTick(): void {
    this.#eventsReady = true;
    this.#schedule();
    if (this.#follower.needsUpkeep) this.#track(this.#exclusively(() => this.#follower.upkeep()));
    const lag = this.lag();
    this.#options.metrics.lag(lag.events, lag.ageMs, this.parkedCount);
  }

  #track(work: Promise<unknown>): void {
    this.#inFlight.add(work);
    void work.finally(() => this.#inFlight.delete(work)).catch(() => {});
  }

  async #exclusively(work: () => Promise<void>): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      await work();
    } finally {
      this.#running = false;
      this.#schedule();
    }
  }

  #schedule(): void {
    if (this.#running || this.#scheduled || this.#stopping) return;
    if (this.#commands.length === 0 && this.#unparks.length === 0 && !this.#eventsReady && this.#idle.length === 0)
      return;
    const pace = this.#nextMs - performance.now();
    const linger = this.#commands.length === 0 && !this.#more ? (this.#options.lingerMs ?? 0) : 0;
    const run = (): void => {
      this.#scheduled = undefined;
      if (!this.#running) this.#track(this.#exclusively(() => this.#drain()));
    };
    const delay = Math.max(pace, linger);
    // A turn of the event loop lets requests that arrived together be decided together.
    this.#scheduled = delay < 1 ? { immediate: setImmediate(run) } : { timeout: setTimeout(run, delay) };
  }

  async #drain(): Promise<void> {
    for (const unpark of this.#unparks.splice(0)) await this.#unpark(unpark);
    const commands = this.#commands.splice(0, COMMANDS_PER_SET);
    this.#eventsReady = false;
    const delivery = this.#follower.take(EVENTS_PER_SET);
    this.#more = delivery !== undefined && delivery.events.length >= EVENTS_PER_SET;
    if (this.#more) this.#eventsReady = true;
    if (commands.length === 0 && !delivery) {
      if (this.lag().events === 0) for (const idle of this.#idle.splice(0)) idle();
      return;
    }
    await this.#process({ events: delivery?.events ?? [], commands }, delivery?.moves ?? []);
    const nowMs = performance.now();
    this.#nextMs = nowMs + Math.max(PACE_MS, this.#pace.after(commands.length + (delivery?.events.length ?? 0), nowMs));
    if (this.#idle.length > 0) this.#eventsReady = true;
  }

  /** Commits a batch, splitting it where one of its items is the cause of a failure. */
  async #process(batch: Batch<Waiting<State, Command>>, moves: readonly OffsetMove[]): Promise<void> {
    let { events, commands } = batch;
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#commit({ events, commands }, moves, [], attempt === 0);
        this.#follower.failure = undefined;
        return;
      } catch (error) {
        this.#remembered.forgetBatch({ events, commands });
        if (error instanceof ConflictError) {
          this.#options.metrics.conflict();
          if (error.write === 'offsets') {
            // Another process consumes now; its offsets are the truth. Commands are still ours to decide.
            await this.#follower.reset();
            events = [];
            moves = [];
            if (commands.length === 0) return;
          } else if (attempt >= CONFLICT_ATTEMPTS_MAX) {
            commands = rejectExpired(commands, error);
            attempt = 0;
          }
          if (attempt > 2) await sleep(Math.random() * 5 * attempt);
        } else if (isTransient(error)) {
          this.#follower.failure = (error as Error).message;
          if (attempt === 0) this.#options.logger.warn({ err: error }, 'the database is not reachable; waiting');
          commands = rejectExpired(commands, error, this.#options.clock.nowMs());
          if (commands.length === 0 && events.length === 0 && moves.length === 0) return;
          if (this.#stopping) {
            rejectExpired(commands, error);
            return;
          }
          await sleep(backoffMs(attempt, DATABASE_RETRY));
        } else if (isUniqueViolation(error) && attempt === 0) {
          // A row taken to be absent was there: decide again with what is stored.
        } else {
          await this.#isolate({ events, commands }, moves, error);
          return;
        }
      }
    }
  }

  /** A batch the database refuses for its data: halve it until the item at fault stands alone. */
  async #isolate(
    { events, commands }: Batch<Waiting<State, Command>>,
    moves: readonly OffsetMove[],
    error: unknown,
  ): Promise<void> {
    // A move from an offset to itself changes nothing but still fences: parts must not outlive a lost partition.
    const fence = moves.map((move) => ({ ...move, to: move.from }));
    const size = events.length + commands.length;
    if (size > 1) {
      const half = size >>> 1;
      const commandsBefore = Math.max(0, half - events.length);
      await this.#process({ events: events.slice(0, half), commands: commands.slice(0, commandsBefore) }, fence);
      await this.#process({ events: events.slice(half), commands: commands.slice(commandsBefore) }, fence);
    } else {
      commands[0]?.reject(error);
      const [event] = events;
      if (event) {
        this.#options.logger.error({ err: error, orderId: event.subject, eventType: event.type }, 'event parked');
        await this.#processParking([{ event, reason: (error as Error).message }], fence);
      }
    }
    if (moves.some((move, index) => move.to !== fence[index]!.from)) await this.#process(NOTHING, moves);
  }

  async #processParking(parked: readonly ParkedEvent[], fence: readonly OffsetMove[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#commit(NOTHING, fence, parked, false);
        return;
      } catch (error) {
        if (error instanceof ConflictError) return await this.#follower.reset();
        if (this.#stopping) return;
        await sleep(backoffMs(attempt, DATABASE_RETRY));
      }
    }
  }

  async #commit(
    batch: Batch<Waiting<State, Command>>,
    moves: readonly OffsetMove[],
    parked: readonly ParkedEvent[],
    trustOpening: boolean,
  ): Promise<void> {
    const startedMs = performance.now();
    const { name, database, bus, metrics } = this.#options;
    let loaded = await this.#load(batch, trustOpening);
    let plan = this.#decide(batch, loaded);
    const doubtful = this.#remembered.doubtful(plan, loaded);
    if (doubtful.length > 0) {
      this.#remembered.forgetRows(doubtful);
      loaded = await this.#load(batch, false);
      plan = this.#decide(batch, loaded);
    }
    this.#logParked(plan);
    plan.parked.push(...parked);
    const writes = this.#writesOf(plan);
    if (plan.parked.length > 0) writes.push(this.#follower.parking.park(plan.parked));
    if (moves.length > 0) writes.push(moveOffsets(name, moves));
    if (writes.length > 0) {
      bus.remember(plan.events);
      try {
        await database.write(writes);
      } catch (error) {
        bus.forget(plan.events);
        throw error;
      }
    }
    this.#follower.saved(moves);
    this.#follower.parking.add(plan.parked);
    this.#committed(plan, loaded);
    const items = batch.events.length + batch.commands.length;
    metrics.committed(items, plan.events.length, (performance.now() - startedMs) / 1000);
  }

  async #load(batch: Batch<CommandRequest<Command>>, trustOpening: boolean): Promise<Loaded<State, Value>> {
    const { store, database, sharedKeys } = this.#options;
    const loaded = this.#remembered.load(batch, trustOpening);
    const { rows, values, missing } = loaded;
    if (missing.length > 0) for (const [id, row] of await store.load(database, missing)) rows.set(id, row);
    if (sharedKeys && store.loadShared) {
      const absent = this.#remembered.loadShared(batch, loaded, sharedKeys);
      if (absent.length > 0)
        for (const [key, value] of await store.loadShared(database, absent)) values.set(key, value);
    }
    return loaded;
  }

  #decide<Request extends CommandRequest<Command>>(
    batch: Batch<Request>,
    { rows, values }: Loaded<State, Value>,
    leftOut: LeftOut = this.#follower.parking,
  ): Plan<State, Effect, Value, Request> {
    return decideBatch(this.#options.rules, batch, rows, values, contextAt(this.#options.clock), leftOut);
  }

  #logParked({ parked }: Plan<State, Effect, Value, unknown>): void {
    for (const { event, error } of parked) {
      if (error !== undefined)
        this.#options.logger.error({ err: error, orderId: event.subject, eventType: event.type }, 'event parked');
    }
  }

  #writesOf({ changes, shared, events, keys }: Plan<State, Effect, Value, unknown>): Write[] {
    const writes = changes.length > 0 || shared.length > 0 ? this.#options.store.save(changes, shared, events) : [];
    if (events.length > 0) writes.push(appendEvents(events));
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

  #committed(plan: Plan<State, Effect, Value, Waiting<State, Command>>, loaded: Loaded<State, Value>): void {
    this.#remembered.keep(loaded, plan);
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
  }

  async #unpark({ orderId, change, resolve, reject }: UnparkItem): Promise<void> {
    const { database, bus } = this.#options;
    const { parking } = this.#follower;
    try {
      const queue = await parking.open(orderId, change);
      if (!queue) {
        parking.forget(orderId);
        return resolve(0);
      }
      const batch = { events: queue.events, commands: [] };
      this.#remembered.forgetBatch(batch);
      const loaded = await this.#load(batch, false);
      // All of the batch is of this order: nothing of it waits behind anything else.
      const plan = this.#decide<never>(batch, loaded, { parked: NONE, skipped: parking.skipped });
      this.#logParked(plan);
      bus.remember(plan.events);
      try {
        await database.write([...this.#writesOf(plan), ...parking.release(queue, plan.parked)]);
      } catch (error) {
        bus.forget(plan.events);
        throw error;
      }
      parking.released(queue, plan.parked);
      this.#committed(plan, loaded);
      resolve(queue.stored.length - plan.parked.length);
    } catch (error) {
      reject(error);
    }
  }
}

/** Rejects the commands whose patience ended before then (all of them, without a time) and returns the others. */
function rejectExpired<Item extends { readonly deadlineMs: number; reject(error: unknown): void }>(
  commands: readonly Item[],
  error: unknown,
  beforeMs = Number.POSITIVE_INFINITY,
): Item[] {
  return commands.filter((command) => {
    if (command.deadlineMs > beforeMs) return true;
    command.reject(error);
    return false;
  });
}
