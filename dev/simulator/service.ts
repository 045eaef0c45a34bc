import { isDeepStrictEqual } from 'node:util';
import type { Envelope } from '#contracts/envelope.ts';
import { isRefusal, type Refusal } from '#contracts/errors.ts';
import type { Cause, Row, Rules } from '#platform/processor/aggregate.ts';
import {
  type Batch,
  type CommandRequest,
  decideBatch,
  type Lookup,
  type Plan,
  type RowChange,
  type SharedChange,
} from '#platform/processor/batch.ts';
import { type Loaded, Remembered, type SharedKeys } from '#platform/processor/rows.ts';
import type { Faults } from './faults.ts';
import { fail, type Log, StoryFailure } from './log.ts';
import type { Ids, Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';

/**
 * A service in the simulator: its own rules, the database it saves to, and one or two replicas that decide
 * batches of events and commands by the code of src/platform/processor. What the processor asks of SQL is asked here of
 * the maps of a {@link Store}: all or nothing, offsets by compare-and-set, rows by version.
 */

export interface Spec<State, Command, Effect, Value> {
  readonly name: string;
  readonly rules: Rules<State, Command, Effect, Value>;
  readonly sharedKeys?: SharedKeys<State, Command>;
  /** Events that open a row: at first it is taken to be absent without a look. */
  readonly opensWith?: readonly string[];
  /** Writes shared values as the service's SQL does; false where a guard refuses. */
  readonly saveShared?: (stored: Map<string, Value>, changes: readonly SharedChange<Value>[]) => boolean;
  /** Rows have no version and forget what they have seen; only the offset fences them. */
  readonly unversioned?: boolean;
  readonly perform?: (effects: readonly Effect[], replica: Replica<State, Command, Effect, Value>) => void;
  /** When a row is to be looked after, and the command for it. */
  readonly dueAt?: (state: State) => number | undefined;
  readonly dueCommand?: (state: State) => { readonly command: Command; readonly cause?: Cause } | undefined;
  /** How often the service looks for what is due, in virtual milliseconds. */
  readonly lookEveryMs?: number;
  /** Told of every save. */
  readonly onSaved?: (changes: readonly RowChange<State>[], events: readonly Envelope[]) => void;
}

/** What the services of a story share. */
export interface World {
  readonly random: Random;
  readonly ids: Ids;
  readonly scheduler: Scheduler;
  readonly log: Log;
  readonly faults: Faults;
  readonly setMax: number;
  /** Keep shared values between sets, as the one process of an embedded system may. */
  readonly exclusive: boolean;
  /** Each service publishes through a relay of its own, as with Kafka; else saving is publishing. */
  readonly relayed: boolean;
  /** Saves that met another writer. */
  conflicts: number;
  /** True where trouble of this kind strikes now; each story has only so much of it. */
  strikes(trouble: Trouble): boolean;
  /** A short delay, rarely a long one. */
  delay(): number;
  note(text: () => string): void;
  /** A reaction was decided to change nothing. */
  ignored(consumer: string, event: Envelope, because: string): void;
}

export type Trouble =
  | 'crashBeforeCommit'
  | 'crashAfterCommit'
  | 'lostCommitReply'
  | 'slowCommit'
  | 'relayCrash'
  | 'lateDelivery'
  | 'kill'
  | 'network'
  | 'breakerOpen';

export class Store<State, Value> {
  readonly rows = new Map<string, Row<State>>();
  readonly shared = new Map<string, Value>();
  readonly offsets: number[];
  readonly outbox: Envelope[] = [];
  readonly usedKeys = new Set<string>();
  published = 0;

  constructor(partitions: number) {
    this.offsets = Array.from({ length: partitions }, () => 0);
  }
}

interface Request<State, Command> extends CommandRequest<Command> {
  readonly reply: ((answer: Row<State> | Refusal | undefined) => void) | undefined;
}

interface Move {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

type ReplicaPlan<State, Command, Effect, Value> = Plan<State, Effect, Value, Request<State, Command>>;

const ATTEMPTS_MAX = 40;
const RESTART_MAX_MS = 4_000;

export class Replica<State, Command, Effect, Value> {
  readonly service: Service<State, Command, Effect, Value>;
  readonly name: string;
  alive = true;
  /** Counts starts: what an earlier life had under way is lost. */
  incarnation = 0;
  partitions: number[];
  readonly #remembered: Remembered<State, Value>;
  #requests: Request<State, Command>[] = [];
  #read: number[] = [];
  #stored: number[] = [];
  #busy = false;
  #wakesAtMs = Number.POSITIVE_INFINITY;

  constructor(service: Service<State, Command, Effect, Value>, name: string, partitions: number[]) {
    this.service = service;
    this.name = name;
    this.partitions = partitions;
    const { spec, world } = service;
    this.#remembered = new Remembered({
      soleWriter: world.exclusive,
      keepShared: world.exclusive,
      opensWith: spec.opensWith,
    });
    this.#reset();
  }

  /** Takes what there is after a while, or earlier where somebody else asked for it. */
  wake(delayMs: number): void {
    const { scheduler } = this.service.world;
    const atMs = scheduler.nowMs + delayMs;
    if (!this.alive || this.#busy || atMs >= this.#wakesAtMs) return;
    this.#wakesAtMs = atMs;
    const { incarnation } = this;
    scheduler.at(atMs, () => {
      if (this.incarnation !== incarnation || this.#wakesAtMs !== atMs) return;
      this.#wakesAtMs = Number.POSITIVE_INFINITY;
      if (!this.#busy) this.#begin();
    });
  }

  submit(request: Request<State, Command>): void {
    if (!this.alive) return;
    this.service.world.log.commanded(request.cause.causationid);
    this.#requests.push(request);
    // Commands wait for the set in flight, never for a late delivery.
    this.wake(this.service.world.random.below(4));
  }

  /** The row as this replica knows it or reads it. */
  read(orderId: string): Row<State> | undefined {
    return this.#remembered.row(orderId) ?? this.service.load(orderId);
  }

  forgetShared(key: string): void {
    this.#remembered.forgetShared([key]);
  }

  /** The process ends here and now: what was not saved is lost, and nobody is answered. */
  crash(): void {
    if (!this.alive) return;
    this.alive = false;
    this.incarnation++;
    this.#requests = [];
    this.#busy = false;
    this.#wakesAtMs = Number.POSITIVE_INFINITY;
  }

  start(): void {
    this.alive = true;
    this.#reset();
    this.wake(0);
  }

  /** Which partitions this replica reads from now on. */
  assign(partitions: number[]): void {
    this.partitions = partitions;
    for (const partition of partitions) {
      this.#stored[partition] = this.service.store.offsets[partition]!;
      this.#read[partition] = this.#stored[partition];
    }
    this.wake(0);
  }

  #reset(): void {
    this.#remembered.clear();
    this.#stored = [...this.service.store.offsets];
    this.#read = [...this.#stored];
  }

  #begin(): void {
    const { world } = this.service;
    const moves: Move[] = [];
    const events: Envelope[] = [];
    let room = world.random.between(1, world.setMax);
    for (const partition of this.partitions) {
      const entries = world.log.partitions[partition]!;
      let read = this.#read[partition]!;
      while (room > 0 && read < entries.length) {
        const event = entries[read++]!;
        if (!this.service.types.has(event.type)) continue;
        events.push(event);
        room--;
      }
      if (read !== this.#read[partition]) moves.push({ partition, from: this.#stored[partition]!, to: read });
      this.#read[partition] = read;
    }
    const commands = this.#requests.splice(0, world.random.between(1, world.setMax));
    if (events.length === 0 && commands.length === 0 && moves.length === 0) return;
    this.#busy = true;
    this.#attempt({ events, commands }, moves, 0);
  }

  #attempt(batch: Batch<Request<State, Command>>, moves: readonly Move[], attempt: number): void {
    const { world } = this.service;
    if (attempt > ATTEMPTS_MAX) fail(`${this.name} meets conflicts without end`);
    const loaded = this.#load(batch, attempt === 0);
    const plan = this.#decide(batch, loaded);
    if (!plan) return this.#retry(batch, moves, attempt, false);
    if (world.strikes('crashBeforeCommit')) return this.#die('before its commit');
    const commit = (): void => {
      const refused = this.service.commit(plan, moves);
      if (refused === undefined) return this.#committed(plan, moves, loaded, batch, attempt);
      world.conflicts++;
      world.note(() => `${this.name} meets another writer (${refused})`);
      this.#retry(batch, moves, attempt, refused === 'offsets');
    };
    if (!world.strikes('slowCommit')) return commit();
    const { incarnation } = this;
    world.scheduler.after(world.random.between(1, 40), () => this.incarnation === incarnation && commit());
  }

  #retry(batch: Batch<Request<State, Command>>, moves: readonly Move[], attempt: number, lost: boolean): void {
    this.#remembered.forgetBatch(batch);
    let { events, commands } = batch;
    const { usedKeys } = this.service.store;
    // The same request was saved before; its caller is answered from there, and it is not decided a second time.
    if (usedKeys.size > 0)
      commands = commands.filter(({ idempotency }) => !idempotency || !usedKeys.has(idempotency.key));
    if (lost) {
      // Another replica consumes now, or an earlier attempt was saved after all; commands are still ours.
      this.#reset();
      events = [];
    }
    if (events.length === 0 && commands.length === 0 && (lost || moves.length === 0)) return this.#done();
    const { incarnation } = this;
    this.service.world.scheduler.after(
      attempt,
      () => this.incarnation === incarnation && this.#attempt({ events, commands }, lost ? [] : moves, attempt + 1),
    );
  }

  #committed(
    plan: ReplicaPlan<State, Command, Effect, Value>,
    moves: readonly Move[],
    loaded: Loaded<State, Value>,
    batch: Batch<Request<State, Command>>,
    attempt: number,
  ): void {
    const { world, spec } = this.service;
    if (world.strikes('lostCommitReply')) {
      world.note(() => `${this.name} never hears that its commit was done`);
      return this.#retry(batch, moves, attempt, moves.length > 0);
    }
    if (world.strikes('crashAfterCommit')) return this.#die('after its commit');
    for (const { partition, to } of moves) this.#stored[partition] = to;
    this.#remembered.keep(loaded, plan);
    for (const answer of plan.answers)
      if ('answer' in answer) answer.request.reply?.(isRefusal(answer.answer) ? answer.answer : answer.answer.row);
    if (plan.effects.length > 0) spec.perform?.(plan.effects, this);
    this.#done();
  }

  #done(): void {
    this.#busy = false;
    const { world } = this.service;
    if (this.#requests.length > 0) return this.wake(world.random.below(4));
    for (const partition of this.partitions) {
      if (this.#read[partition]! < world.log.partitions[partition]!.length) return this.wake(world.delay());
    }
  }

  #die(when: string): void {
    this.service.world.note(() => `${this.name} crashes ${when}`);
    this.service.kill(this);
  }

  #load(batch: Batch<Request<State, Command>>, trustOpening: boolean): Loaded<State, Value> {
    const { spec, store } = this.service;
    const loaded = this.#remembered.load(batch, trustOpening);
    const { rows, values, missing } = loaded;
    for (const id of missing) {
      const row = this.service.load(id);
      if (row) rows.set(id, row);
    }
    if (!spec.sharedKeys) return loaded;
    const absent = this.#remembered.loadShared(batch, loaded, spec.sharedKeys);
    for (const [key, value] of values) {
      const stored = store.shared.get(key);
      if (value !== stored && !isDeepStrictEqual(value, stored))
        fail(
          `${this.name} keeps ${JSON.stringify(value)} of ${key}, ${JSON.stringify(stored)} is stored: nobody will correct it`,
        );
    }
    for (const key of absent) {
      const value = store.shared.get(key);
      if (value !== undefined) values.set(key, value);
    }
    return loaded;
  }

  /** Decides a batch; undefined where it has to be decided once more, on rows read afresh. */
  #decide(
    batch: Batch<Request<State, Command>>,
    loaded: Loaded<State, Value>,
  ): ReplicaPlan<State, Command, Effect, Value> | undefined {
    const { world, rules, spec } = this.service;
    const context = { nowMs: world.scheduler.nowMs, newId: () => world.ids.next(world.scheduler.nowMs) };
    const rows: Lookup<Row<State>> =
      world.faults.dedupe === false ? { get: (id) => ({ ...loaded.rows.get(id)!, consumed: {} }) } : loaded.rows;
    const plan = decideBatch(rules, batch, rows, loaded.values, context);
    if (world.faults.freshRefusals !== false && this.#remembered.doubtful(plan, loaded).length > 0) return undefined;
    for (const { event, reason, error } of plan.parked) {
      if (error instanceof StoryFailure) throw error;
      fail(`${spec.name} cannot take ${event.type}: ${reason}`);
    }
    for (const answer of plan.answers) {
      const command = JSON.stringify(answer.request.command);
      if ('error' in answer) {
        if (answer.error instanceof StoryFailure) throw answer.error;
        fail(`${spec.name} cannot take ${command}: ${(answer.error as Error).message}`);
      }
      const { answer: refusal } = answer;
      if (isRefusal(refusal)) world.note(() => `${this.name} refuses ${command}: ${refusal.refused} ${refusal.detail}`);
    }
    return plan;
  }
}

export class Service<State, Command, Effect, Value> {
  readonly spec: Spec<State, Command, Effect, Value>;
  readonly world: World;
  readonly store: Store<State, Value>;
  readonly replicas: Replica<State, Command, Effect, Value>[] = [];
  readonly types: ReadonlySet<string>;
  /** Ends the process a replica lives in; a process may hold replicas of several services. */
  kill: (replica: { readonly name: string }) => void = () => {};
  #nextLookMs = Number.POSITIVE_INFINITY;
  #relaying = false;

  constructor(spec: Spec<State, Command, Effect, Value>, world: World, replicas: number) {
    this.spec = spec;
    this.world = world;
    this.store = new Store(world.log.partitions.length);
    this.types = new Set<string>(spec.rules.consumes);
    for (let i = 0; i < replicas; i++)
      this.replicas.push(new Replica(this, replicas === 1 ? spec.name : `${spec.name}/${i + 1}`, []));
  }

  get rules(): Rules<State, Command, Effect, Value> {
    return this.spec.rules;
  }

  load(orderId: string): Row<State> | undefined {
    const row = this.store.rows.get(orderId);
    return row && this.spec.unversioned
      ? { id: row.id, revision: 1, sequence: 0, consumed: {}, state: row.state }
      : row;
  }

  state(orderId: string): State | undefined {
    return this.store.rows.get(orderId)?.state;
  }

  /** Gives a command to some replica that is up, as a load balancer would; false where none is. */
  submit(
    orderId: string,
    command: Command,
    options: {
      cause?: Cause;
      key?: string;
      to?: Replica<State, Command, Effect, Value>;
      reply?: Request<State, Command>['reply'];
    } = {},
  ): boolean {
    const up = this.replicas.filter((replica) => replica.alive);
    if (up.length === 0) return false;
    const { key, reply } = options;
    let { cause } = options;
    if (!cause) {
      const id = this.world.ids.next(this.world.scheduler.nowMs);
      cause = { causationid: id, correlationid: id };
    }
    const replica = options.to ?? this.world.random.pick(up);
    this.world.note(() => `${replica.name} is asked for ${JSON.stringify(command)}`);
    replica.submit({
      orderId,
      command,
      cause,
      idempotency: key === undefined ? undefined : { key, requestHash: '' },
      reply,
    });
    return true;
  }

  /** Saves a row outside the processor, as the intake does. */
  insert(row: Row<State>, events: readonly Envelope[]): void {
    this.store.rows.set(row.id, row);
    this.append(events);
    if (row.state !== undefined) this.#wakeAt(this.spec.dueAt?.(row.state));
  }

  /** Saves a plan, or tells which of its expectations did not hold; then nothing of it is saved. */
  commit(
    { changes, shared, events, keys, ignored }: ReplicaPlan<State, Command, Effect, Value>,
    moves: readonly Move[],
  ): string | undefined {
    const { store, spec, world } = this;
    if (!spec.unversioned && world.faults.versions !== false) {
      for (const { before } of changes)
        if ((store.rows.get(before.id)?.revision ?? 0) !== before.revision) return 'rows';
    }
    for (const { partition, from } of moves) if (store.offsets[partition] !== from) return 'offsets';
    for (const { key } of keys) if (store.usedKeys.has(key)) return 'keys';
    if (shared.length > 0 && spec.saveShared && !spec.saveShared(store.shared, shared)) return 'guard';
    for (const { after } of changes) store.rows.set(after.id, after);
    for (const { key } of keys) store.usedKeys.add(key);
    for (const { partition, to } of moves) store.offsets[partition] = to;
    for (const { event, because } of ignored) world.ignored(spec.name, event, because);
    spec.onSaved?.(changes, events);
    this.append(events);
    if (spec.dueAt)
      for (const { after } of changes) this.#wakeAt(after.state === undefined ? undefined : spec.dueAt(after.state));
    return undefined;
  }

  /** Appends saved events to the log: at once, or by the relay. */
  append(events: readonly Envelope[]): void {
    if (events.length === 0) return;
    if (!this.world.relayed) {
      for (const event of events) this.world.log.publish(event);
      return;
    }
    this.store.outbox.push(...events);
    if (!this.#relaying) {
      this.#relaying = true;
      this.world.scheduler.after(this.world.delay(), () => this.#relay());
    }
  }

  #relay(): void {
    const { store, world } = this;
    const end = Math.min(store.outbox.length, store.published + world.random.between(1, 6));
    for (let i = store.published; i < end; i++) world.log.publish(store.outbox[i]!);
    // A relay that dies before it saves its cursor publishes the same events again when it is back.
    if (world.strikes('relayCrash'))
      world.note(() => `the relay of ${this.spec.name} crashes before it saves its cursor`);
    else store.published = end;
    this.#relaying = store.published < store.outbox.length;
    if (this.#relaying) world.scheduler.after(world.delay(), () => this.#relay());
  }

  /** Something may be due then. Times stand in the rows, so a look after a crash finds what an earlier process knew. */
  #wakeAt(timeMs: number | undefined): void {
    if (timeMs === undefined || timeMs >= this.#nextLookMs) return;
    this.#nextLookMs = timeMs;
    this.world.scheduler.at(timeMs + this.world.random.below(50), () => this.#nextLookMs === timeMs && this.#look());
  }

  #look(): void {
    const { spec, world, store } = this;
    const now = world.scheduler.nowMs;
    let next = Number.POSITIVE_INFINITY;
    for (const row of store.rows.values()) {
      const dueAt = row.state === undefined ? undefined : spec.dueAt!(row.state);
      if (dueAt === undefined) continue;
      if (dueAt > now) {
        if (dueAt < next) next = dueAt;
        continue;
      }
      next = Math.min(next, now + spec.lookEveryMs!);
      const up = this.replicas.filter((replica) => replica.alive);
      if (up.length === 0) continue;
      const replica = world.random.pick(up);
      const state = replica.read(row.id)?.state;
      const due = state === undefined ? undefined : spec.dueCommand!(state);
      if (due) this.submit(row.id, due.command, { to: replica, ...(due.cause && { cause: due.cause }) });
    }
    this.#nextLookMs = Number.POSITIVE_INFINITY;
    if (next !== Number.POSITIVE_INFINITY) this.#wakeAt(next);
  }
}

/** A replica's process is started again after this long. */
export function restartDelayMs(random: Random): number {
  return random.duration(5, RESTART_MAX_MS);
}
