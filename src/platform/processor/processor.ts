import type { Envelope } from '#contracts/envelope.ts';
import { isRefusal, refuse, type Refusal } from '#contracts/errors.ts';
import {
  type Cause,
  emptyRow,
  type Folded,
  foldCommand,
  foldEvent,
  type Row,
  type Rules,
  type RulesContext,
  type Shared,
} from './aggregate.ts';
import { type Clock, contextAt } from '#platform/runtime/clock.ts';
import { ConflictError, type Database, isTransient, isUniqueViolation } from '#platform/database/database.ts';
import { insertRows, type Write } from '#platform/database/statement.ts';
import { Lru } from '#platform/runtime/lru.ts';
import { type Bus, type Lag, moveOffsets, type OffsetMove, type Subscription } from '#platform/log/bus.ts';
import { appendEvents } from '#platform/log/outbox.ts';
import {
  deleteParked,
  loadParked,
  loadParkedOrders,
  loadSkipped,
  type Parked,
  parkEvents,
  type UnparkChange,
} from '#platform/log/parked.ts';
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

export interface RowChange<State> {
  readonly before: Row<State>;
  readonly after: Row<State>;
}

export interface SharedChange<Value> {
  readonly key: string;
  readonly before: Value | undefined;
  readonly after: Value;
}

export interface ProcessorOptions<State, Command, Effect, Value> {
  /** Service name; also its consumer's name. */
  readonly name: string;
  readonly rules: Rules<State, Command, Effect, Value>;
  readonly store: ProcessorStore<State, Value>;
  /** Keys of shared values that folding this event or command may touch. */
  readonly sharedKeys?: (item: { event?: Envelope; command?: Command }, state: State | undefined) => readonly string[];
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

export interface CommandRequest<Command> {
  readonly orderId: string;
  readonly command: Command;
  readonly cause: Cause;
  /** Refuse unless the row's sequence is this one (`If-Match`). */
  readonly expectedSequence?: number | undefined;
  readonly idempotency?: { readonly key: string; readonly requestHash: string } | undefined;
}

export interface Done<State> {
  readonly row: Row<State>;
  readonly events: readonly Envelope[];
}

interface CommandItem<State, Command> extends CommandRequest<Command> {
  readonly kind: 'command';
  readonly deadlineMs: number;
  readonly resolve: (answer: Done<State> | Refusal) => void;
  readonly reject: (error: unknown) => void;
}
interface EventItem {
  readonly kind: 'event';
  readonly event: Envelope;
}
interface UnparkItem {
  readonly kind: 'unpark';
  readonly orderId: string;
  readonly change: UnparkChange;
  readonly resolve: (events: number) => void;
  readonly reject: (error: unknown) => void;
}
type Item<State, Command> = CommandItem<State, Command> | EventItem;

const COMMANDS_PER_SET = 256;
const EVENTS_PER_SET = 512;
const COMMAND_QUEUE_MAX = 4_000;
const CACHED_ROWS = 20_000;
/** A processor leaves this long between two commits, so that its sets stay sets; from so many items a second on, longer. */
const PACE_MS = 6;
const BUSY_PER_SECOND = 500;
const BUSY_PACE_MS = 15;
const COMMAND_PATIENCE_MS = 10_000;
const RETRY_WAIT_MS = [20, 50, 100, 250, 500, 1_000, 2_000];
const CONFLICT_ATTEMPTS_MAX = 30;
const TICK_MS = 1_000;
/** A replay moves stored offsets from outside; whoever has not moved them lately looks whether they are the same. */
const LOOK_FOR_REPLAY_MS = 2_000;

class Draft<State, Value> {
  readonly rows = new Map<string, RowChange<State>>();
  readonly values = new Map<string, SharedChange<Value>>();
  /** Orders whose row was remembered instead of read. */
  readonly remembered = new Set<string>();
  /** Of the kept shared values when this draft read them. */
  readonly epoch: number;
  constructor(epoch: number) {
    this.epoch = epoch;
  }
}

interface Plan<State, Effect> {
  readonly changes: RowChange<State>[];
  readonly events: Envelope[];
  readonly effects: Effect[];
  readonly parked: Parked[];
  readonly answers: (() => void)[];
  readonly keys: { key: string; request_hash: string; status: number; answer: unknown }[];
  /** Orders of commands that changed nothing, and of events the rules failed on: no write will show whether their row was the present one. */
  readonly unproven: string[];
  /** Events the rules failed on, for the log once that is certain. */
  readonly failures: { readonly err: unknown; readonly orderId: string; readonly eventType: string }[];
}

export class Processor<State, Command, Effect = never, Value = never> {
  readonly #options: ProcessorOptions<State, Command, Effect, Value>;
  readonly #rows = new Lru<Row<State>>(CACHED_ROWS);
  readonly #values = new Lru<Value>(CACHED_ROWS);
  readonly #parkedOrders = new Set<string>();
  /** Events that an operator left out. */
  readonly #skipped = new Set<string>();
  readonly #changeListeners = new Set<(row: Row<State>, events: readonly Envelope[]) => void>();
  readonly #inFlight = new Set<Promise<unknown>>();
  /** Counts changes from outside: a set that read before one must not keep what it read. */
  #valuesEpoch = 0;
  readonly #opensWith: ReadonlySet<string>;
  #commands: CommandItem<State, Command>[] = [];
  #unparks: UnparkItem[] = [];
  #subscription: Subscription | undefined;
  #running = false;
  #scheduled: { readonly immediate?: NodeJS.Immediate; readonly timeout?: NodeJS.Timeout } | undefined;
  /** The last take was full: more is waiting. */
  #more = false;
  #eventsReady = false;
  readonly #pace = new Linger(BUSY_PER_SECOND, BUSY_PACE_MS);
  /** Not before this may the next set begin. */
  #nextMs = 0;
  #tick: NodeJS.Timeout | undefined;
  #lastIdleSaveMs = 0;
  #offsetsKnownMs = 0;
  #stopping = false;
  #failure: string | undefined;
  #idle: (() => void)[] = [];

  constructor(options: ProcessorOptions<State, Command, Effect, Value>) {
    this.#options = options;
    this.#opensWith = new Set(options.opensWith);
  }

  /** Begins consuming; before that, only commands are taken. */
  async start(): Promise<void> {
    const { name, rules, database, bus } = this.#options;
    await this.#refreshParked();
    if (rules.consumes.length > 0) {
      this.#subscription = await bus.subscribe({
        consumer: name,
        types: new Set<string>(rules.consumes),
        database,
        onReady: () => {
          this.#eventsReady = true;
          this.#schedule();
        },
        onGained: () => this.#refreshParked(),
      });
    }
    this.#tick = setInterval(() => void this.#onTick(), TICK_MS);
  }

  /** Stops taking work and waits for the set in flight. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#tick);
    clearTimeout(this.#scheduled?.timeout);
    clearImmediate(this.#scheduled?.immediate);
    for (const item of this.#commands.splice(0)) item.resolve(refuse('UNAVAILABLE', 'The service is stopping.'));
    await Promise.allSettled(this.#inFlight);
    const moves = this.#subscription?.idleMoves() ?? [];
    if (moves.length > 0) await this.#options.database.write([moveOffsets(this.#options.name, moves)]).catch(() => {});
    await this.#subscription?.close();
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
      this.#commands.push({ kind: 'command', ...request, deadlineMs, resolve, reject });
      this.#schedule();
    });
  }

  /** Applies an operator's decision to a parked order. Resolves with the number of events that left the park. */
  unpark(orderId: string, change: UnparkChange): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#unparks.push({ kind: 'unpark', orderId, change, resolve, reject });
      this.#schedule();
    });
  }

  /** The row of an order as this process knows it or reads it. */
  async read(orderId: string): Promise<Row<State>> {
    const cached = this.#options.database.soleWriter ? this.#rows.get(orderId) : undefined;
    if (cached) return cached;
    return (await this.#options.store.load(this.#options.database, [orderId])).get(orderId) ?? emptyRow(orderId);
  }

  /** Makes rows known that were saved outside the processor (new orders come through the intake). */
  remember(rows: readonly Row<State>[]): void {
    for (const row of rows) if (!this.#rows.get(row.id)) this.#rows.set(row.id, row);
  }

  /** Another process moved these orders on: what is remembered of them is old. */
  forget(orderIds: readonly string[]): void {
    for (const id of orderIds) this.#rows.delete(id);
  }

  /** Shared values were changed outside the processor. */
  forgetShared(keys: readonly string[]): void {
    this.#valuesEpoch++;
    for (const key of keys) this.#values.delete(key);
  }

  onChange(listener: (row: Row<State>, events: readonly Envelope[]) => void): () => void {
    this.#changeListeners.add(listener);
    return () => this.#changeListeners.delete(listener);
  }

  lag(): Lag {
    return this.#subscription?.lag() ?? { events: 0, ageMs: 0 };
  }

  get parkedCount(): number {
    return this.#parkedOrders.size;
  }

  healthy(): { ok: boolean; detail: string } {
    if (this.#failure !== undefined) return { ok: false, detail: this.#failure };
    return { ok: true, detail: `lag ${this.lag().events} events, ${this.#parkedOrders.size} orders parked` };
  }

  /** Resolves when no command and no readable event is waiting. */
  async settled(): Promise<void> {
    if (!this.#running && this.#commands.length === 0 && this.lag().events === 0) return;
    await new Promise<void>((resolve) => {
      this.#idle.push(resolve);
      this.#schedule();
    });
  }

  async #onTick(): Promise<void> {
    this.#eventsReady = true;
    this.#schedule();
    const now = this.#options.clock.nowMs();
    const moves = this.#running ? [] : (this.#subscription?.idleMoves() ?? []);
    if (moves.length > 0 && now - this.#lastIdleSaveMs > 5 * TICK_MS) {
      this.#lastIdleSaveMs = now;
      this.#track(this.#exclusively(async () => this.#saveIdle()));
    }
    if (performance.now() - this.#offsetsKnownMs >= LOOK_FOR_REPLAY_MS && this.#subscription)
      this.#track(this.#exclusively(() => this.#lookForReplay()));
    const lag = this.lag();
    this.#options.metrics.lag(lag.events, lag.ageMs, this.#parkedOrders.size);
  }

  async #saveIdle(): Promise<void> {
    const moves = this.#subscription?.idleMoves() ?? [];
    if (moves.length === 0) return;
    try {
      await this.#options.database.write([moveOffsets(this.#options.name, moves)]);
      this.#subscription?.saved(moves);
    } catch (error) {
      if (error instanceof ConflictError) await this.#resetSubscription();
    }
  }

  /** Nothing is under way here, so stored offsets that differ from the known ones were moved by somebody else. */
  async #lookForReplay(): Promise<void> {
    this.#offsetsKnownMs = performance.now();
    // A database that is away is met by the next look.
    if (!(await this.#subscription?.moved().catch(() => false))) return;
    this.#options.logger.info('the stored offsets were moved from outside; reading on from there');
    await this.#resetSubscription();
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
    const delivery = this.#stopping ? undefined : this.#subscription?.take(EVENTS_PER_SET);
    this.#more = delivery !== undefined && delivery.events.length >= EVENTS_PER_SET;
    if (this.#more) this.#eventsReady = true;
    if (commands.length === 0 && !delivery) {
      if (this.lag().events === 0) for (const idle of this.#idle.splice(0)) idle();
      return;
    }
    // Events first: a command then meets what the log already told.
    const items: Item<State, Command>[] = delivery ? delivery.events.map((event) => ({ kind: 'event', event })) : [];
    items.push(...commands);
    await this.#process(items, delivery?.moves ?? []);
    const nowMs = performance.now();
    this.#nextMs = nowMs + Math.max(PACE_MS, this.#pace.after(items.length, nowMs));
    if (this.#idle.length > 0) this.#eventsReady = true;
  }

  /** Commits a set, splitting it where one of its items is the cause of a failure. */
  async #process(items: Item<State, Command>[], moves: readonly OffsetMove[]): Promise<void> {
    let work = items;
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#commit(work, moves, [], attempt === 0);
        this.#failure = undefined;
        return;
      } catch (error) {
        this.#forget(work);
        if (error instanceof ConflictError) {
          this.#options.metrics.conflict();
          if (error.write === 'offsets') {
            // Another process consumes now; its offsets are the truth. Commands are still ours to decide.
            await this.#resetSubscription();
            work = work.filter((item) => item.kind === 'command');
            moves = [];
            if (work.length === 0) return;
          } else if (attempt >= CONFLICT_ATTEMPTS_MAX) {
            work = this.#rejectCommands(work, error);
            attempt = 0;
          }
          if (attempt > 2) await wait(Math.random() * 5 * attempt);
        } else if (isTransient(error)) {
          this.#failure = (error as Error).message;
          if (attempt === 0) this.#options.logger.warn({ err: error }, 'the database is not reachable; waiting');
          work = this.#rejectCommands(work, error, this.#options.clock.nowMs());
          if (work.length === 0 && moves.length === 0) return;
          if (this.#stopping) {
            this.#rejectCommands(work, error);
            return;
          }
          await wait(RETRY_WAIT_MS[Math.min(attempt, RETRY_WAIT_MS.length - 1)]!);
        } else if (isUniqueViolation(error) && attempt === 0) {
          // A row taken to be absent was there: decide again with what is stored.
        } else {
          await this.#isolate(work, moves, error);
          return;
        }
      }
    }
  }

  /** A set the database refuses for its data: halve it until the item at fault stands alone. */
  async #isolate(items: Item<State, Command>[], moves: readonly OffsetMove[], error: unknown): Promise<void> {
    // A move from a place to itself changes nothing but still fences: parts must not outlive a lost partition.
    const fence = moves.map((move) => ({ ...move, to: move.from }));
    if (items.length > 1) {
      const half = items.length >>> 1;
      await this.#process(items.slice(0, half), fence);
      await this.#process(items.slice(half), fence);
    } else {
      const [item] = items;
      if (item?.kind === 'command') item.reject(error);
      if (item?.kind === 'event') {
        this.#options.logger.error(
          { err: error, orderId: item.event.subject, eventType: item.event.type },
          'event parked',
        );
        await this.#processParking([{ event: item.event, reason: (error as Error).message }], fence);
      }
    }
    if (moves.some((move, index) => move.to !== fence[index]!.from)) await this.#process([], moves);
  }

  async #processParking(parked: Parked[], fence: readonly OffsetMove[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        await this.#commit([], fence, parked, false);
        return;
      } catch (error) {
        if (error instanceof ConflictError) return void (await this.#resetSubscription());
        if (this.#stopping) return;
        await wait(RETRY_WAIT_MS[Math.min(attempt, RETRY_WAIT_MS.length - 1)]!);
      }
    }
  }

  #rejectCommands(
    items: Item<State, Command>[],
    error: unknown,
    expiredBeforeMs = Number.POSITIVE_INFINITY,
  ): Item<State, Command>[] {
    return items.filter((item) => {
      if (item.kind !== 'command' || item.deadlineMs > expiredBeforeMs) return true;
      item.reject(error);
      return false;
    });
  }

  async #resetSubscription(): Promise<void> {
    for (let attempt = 0; !this.#stopping; attempt++) {
      try {
        this.#rows.clear();
        this.#values.clear();
        await this.#refreshParked();
        await this.#subscription?.reset();
        return;
      } catch (error) {
        if (!isTransient(error)) throw error;
        await wait(RETRY_WAIT_MS[Math.min(attempt, RETRY_WAIT_MS.length - 1)]!);
      }
    }
  }

  #forget(items: readonly Item<State, Command>[]): void {
    for (const item of items) this.#rows.delete(item.kind === 'event' ? item.event.subject : item.orderId);
    this.#values.clear();
  }

  async #commit(
    items: readonly Item<State, Command>[],
    moves: readonly OffsetMove[],
    parked: readonly Parked[],
    trustOpening: boolean,
  ): Promise<void> {
    const startedMs = performance.now();
    const { name, database, bus, store, metrics } = this.#options;
    let draft = await this.#loadDraft(items, trustOpening);
    let plan = this.#fold(items, draft);
    // Another process may have moved on a row remembered here; what would be refused for it is decided on the stored one.
    const doubtful = database.soleWriter ? [] : plan.unproven.filter((id) => draft.remembered.has(id));
    if (doubtful.length > 0) {
      for (const id of doubtful) this.#rows.delete(id);
      draft = await this.#loadDraft(items, trustOpening);
      plan = this.#fold(items, draft);
    }
    for (const failure of plan.failures) this.#options.logger.error(failure, 'event parked');
    plan.parked.push(...parked);
    const writes = this.#writesOf(plan, draft, store);
    if (plan.parked.length > 0) writes.push(parkEvents(name, plan.parked, { again: true }));
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
    this.#subscription?.saved(moves);
    if (moves.length > 0) this.#offsetsKnownMs = performance.now();
    for (const entry of plan.parked) this.#parkedOrders.add(entry.event.subject);
    this.#committed(plan, draft);
    metrics.committed(items.length, plan.events.length, (performance.now() - startedMs) / 1000);
  }

  #writesOf(plan: Plan<State, Effect>, draft: Draft<State, Value>, store: ProcessorStore<State, Value>): Write[] {
    const values = [...draft.values.values()].filter((change) => change.after !== change.before);
    const writes = plan.changes.length > 0 || values.length > 0 ? store.save(plan.changes, values, plan.events) : [];
    if (plan.events.length > 0) writes.push(appendEvents(plan.events));
    if (plan.keys.length > 0) {
      writes.push(
        insertRows(
          'keys',
          'log.idempotency_keys',
          { key: 'text', request_hash: 'text', status: 'integer', answer: 'json' },
          plan.keys,
        ),
      );
    }
    return writes;
  }

  async #loadDraft(items: readonly Item<State, Command>[], trustOpening: boolean): Promise<Draft<State, Value>> {
    const { store, database, sharedKeys } = this.#options;
    const draft = new Draft<State, Value>(this.#valuesEpoch);
    const missing: string[] = [];
    for (const item of items) {
      const id = item.kind === 'event' ? item.event.subject : item.orderId;
      if (draft.rows.has(id)) continue;
      const row = this.#rows.get(id);
      const known = row ?? emptyRow<State>(id);
      if (row && !database.soleWriter) draft.remembered.add(id);
      draft.rows.set(id, { before: known, after: known });
      const opens = trustOpening && item.kind === 'event' && this.#opensWith.has(item.event.type);
      if (!row && !opens) missing.push(id);
    }
    if (missing.length > 0) {
      for (const [id, row] of await store.load(database, missing)) draft.rows.set(id, { before: row, after: row });
    }
    if (sharedKeys && store.loadShared) {
      const absent = new Set<string>();
      for (const item of items) {
        const state = draft.rows.get(item.kind === 'event' ? item.event.subject : item.orderId)?.before.state;
        for (const key of sharedKeys(item, state)) {
          if (draft.values.has(key) || absent.has(key)) continue;
          const value = this.#values.get(key);
          if (value === undefined) absent.add(key);
          else draft.values.set(key, { key, before: value, after: value });
        }
      }
      if (absent.size > 0) {
        for (const [key, value] of await store.loadShared(database, [...absent]))
          draft.values.set(key, { key, before: value, after: value });
      }
    }
    return draft;
  }

  #contextOf(draft: Draft<State, Value>): RulesContext<Value> {
    const shared: Shared<Value> = {
      get: (key) => draft.values.get(key)?.after,
      set: (key, value) => draft.values.set(key, { key, before: draft.values.get(key)?.before, after: value }),
    };
    const { nowMs, newId } = contextAt(this.#options.clock);
    return { nowMs, newId, shared };
  }

  #fold(items: readonly Item<State, Command>[], draft: Draft<State, Value>): Plan<State, Effect> {
    const context = this.#contextOf(draft);
    const plan: Plan<State, Effect> = {
      changes: [],
      events: [],
      effects: [],
      parked: [],
      answers: [],
      keys: [],
      unproven: [],
      failures: [],
    };
    const parkedInSet = new Set<string>();
    for (const item of items) {
      if (item.kind === 'command') this.#foldCommand(item, draft, plan, context);
      else if (this.#isSkipped(item.event)) continue;
      else if (this.#parkedOrders.has(item.event.subject) || parkedInSet.has(item.event.subject))
        plan.parked.push({ event: item.event, reason: null });
      else {
        try {
          this.#take(
            foldEvent(this.#options.rules, draft.rows.get(item.event.subject)!.after, item.event, context),
            draft,
            plan,
          );
        } catch (error) {
          // The rules failed on this event: a bug, or data they were never meant to meet. Its order waits, others go on.
          plan.failures.push({ err: error, orderId: item.event.subject, eventType: item.event.type });
          plan.unproven.push(item.event.subject);
          parkedInSet.add(item.event.subject);
          plan.parked.push({ event: item.event, reason: (error as Error).message });
        }
      }
    }
    for (const [id, { before, after }] of draft.rows) {
      if (after === before) continue;
      const change = { before, after: { ...after, revision: before.revision + 1 } };
      draft.rows.set(id, change);
      plan.changes.push(change);
    }
    return plan;
  }

  /** Looking an id up that nobody asked about before costs more than the rest of the question. */
  #isSkipped(event: Envelope): boolean {
    return this.#skipped.size > 0 && this.#skipped.has(event.id);
  }

  #foldCommand(
    item: CommandItem<State, Command>,
    draft: Draft<State, Value>,
    plan: Plan<State, Effect>,
    context: RulesContext<Value>,
  ): void {
    const row = draft.rows.get(item.orderId)!.after;
    if (item.expectedSequence !== undefined && item.expectedSequence !== row.sequence) {
      plan.unproven.push(item.orderId);
      const stale = refuse(
        'VERSION_MISMATCH',
        `The present version is ${row.sequence}, If-Match asks for ${item.expectedSequence}.`,
      );
      plan.answers.push(() => item.resolve(stale));
      return;
    }
    let folded: Folded<State, Effect> | Refusal;
    try {
      folded = foldCommand(this.#options.rules, row, item.command, item.cause, context);
    } catch (error) {
      plan.answers.push(() => item.reject(error));
      return;
    }
    if (isRefusal(folded)) {
      plan.unproven.push(item.orderId);
      const refusal = folded;
      plan.answers.push(() => item.resolve(refusal));
      return;
    }
    const done = folded;
    if (done.row === row) plan.unproven.push(item.orderId);
    this.#take(done, draft, plan);
    if (item.idempotency) {
      const answer = { orderId: item.orderId, sequence: done.row.sequence };
      plan.keys.push({ key: item.idempotency.key, request_hash: item.idempotency.requestHash, status: 200, answer });
    }
    plan.answers.push(() => item.resolve({ row: done.row, events: done.events }));
  }

  #take(folded: Folded<State, Effect>, draft: Draft<State, Value>, plan: Plan<State, Effect>): void {
    const id = folded.row.id;
    const entry = draft.rows.get(id)!;
    if (folded.row !== entry.after) draft.rows.set(id, { before: entry.before, after: folded.row });
    plan.events.push(...folded.events);
    plan.effects.push(...folded.effects);
  }

  #committed(plan: Plan<State, Effect>, draft: Draft<State, Value>): void {
    for (const { after } of draft.rows.values()) if (after.revision > 0) this.#rows.set(after.id, after);
    if (this.#options.keepShared) {
      // Overtaken by a change from outside, a set keeps nothing; and what was kept before it is older still.
      const overtaken = draft.epoch !== this.#valuesEpoch;
      for (const { key, after } of draft.values.values()) {
        if (overtaken) this.#values.delete(key);
        else this.#values.set(key, after);
      }
    }
    for (const answer of plan.answers) answer();
    if (this.#changeListeners.size > 0) {
      for (const change of plan.changes) {
        for (const listener of this.#changeListeners) listener(change.after, plan.events);
      }
    }
    if (plan.effects.length > 0) this.#options.perform?.(plan.effects);
  }

  async #refreshParked(): Promise<void> {
    const orders = await loadParkedOrders(this.#options.database, this.#options.name);
    this.#parkedOrders.clear();
    for (const order of orders) this.#parkedOrders.add(order);
    for (const id of await loadSkipped(this.#options.database, this.#options.name)) this.#skipped.add(id);
  }

  async #unpark(item: UnparkItem): Promise<void> {
    const { name, database, store, bus } = this.#options;
    try {
      const parked = await loadParked(database, name, item.orderId);
      if (parked.length === 0) {
        this.#parkedOrders.delete(item.orderId);
        return item.resolve(0);
      }
      const [first, ...behind] = parked;
      const head =
        item.change.action === 'skip'
          ? []
          : [item.change.data === undefined ? first!.event : { ...first!.event, data: item.change.data }];
      const items = [...head, ...behind.map((entry) => entry.event)].map((event): EventItem => ({
        kind: 'event',
        event,
      }));
      this.#rows.delete(item.orderId);
      this.#values.clear();
      const draft = await this.#loadDraft(items, false);
      this.#parkedOrders.delete(item.orderId);
      const plan = this.#fold(items, draft);
      for (const failure of plan.failures) this.#options.logger.error(failure, 'event parked');
      const writes = this.#writesOf(plan, draft, store);
      writes.push(...deleteParked(name, item.orderId, parked, item.change.actor, item.change.action));
      if (plan.parked.length > 0) writes.push(parkEvents(name, plan.parked));
      bus.remember(plan.events);
      try {
        await database.write(writes);
      } catch (error) {
        bus.forget(plan.events);
        this.#parkedOrders.add(item.orderId);
        throw error;
      }
      if (plan.parked.length > 0) this.#parkedOrders.add(item.orderId);
      if (item.change.action === 'skip') this.#skipped.add(first!.event.id);
      this.#committed(plan, draft);
      item.resolve(parked.length - plan.parked.length);
    } catch (error) {
      item.reject(error);
    }
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
