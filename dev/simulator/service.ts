import { isDeepStrictEqual } from 'node:util';
import type { Envelope } from '#contracts/envelope.ts';
import { isRefusal, type Refusal } from '#contracts/errors.ts';
import {
  type Cause,
  emptyRow,
  type Folded,
  foldCommand,
  foldEvent,
  type Row,
  type Rules,
  type RulesContext,
} from '#platform/processor/aggregate.ts';
import type { RowChange, SharedChange } from '#platform/processor/processor.ts';
import type { Faults } from './faults.ts';
import { fail, type Log, StoryFailure } from './log.ts';
import type { Ids, Random } from './random.ts';
import type { Scheduler } from './scheduler.ts';

/**
 * A service in the simulator: its own rules, the database it saves to, and one or two replicas that fold
 * sets of events and commands the way src/platform/processor/processor.ts does. What the processor asks of SQL is asked here of
 * the maps of a {@link Store}: all or nothing, offsets by compare-and-set, rows by version.
 */

export interface Spec<State, Command, Effect, Value> {
  readonly name: string;
  readonly rules: Rules<State, Command, Effect, Value>;
  readonly sharedKeys?: (item: { event?: Envelope; command?: Command }, state: State | undefined) => readonly string[];
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

interface Request<State, Command> {
  readonly orderId: string;
  readonly command: Command;
  readonly cause: Cause;
  readonly key: string | undefined;
  readonly answer: ((answer: Row<State> | Refusal | undefined) => void) | undefined;
}

type Item<State, Command> =
  | { readonly event: Envelope; readonly request?: never }
  | { readonly request: Request<State, Command>; readonly event?: never };

interface Move {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

interface Plan<State, Effect, Value> {
  readonly drafts: Map<string, RowChange<State>>;
  readonly values: Map<string, SharedChange<Value>>;
  changes: RowChange<State>[];
  readonly events: Envelope[];
  readonly effects: Effect[];
  readonly answers: (() => void)[];
  readonly keys: string[];
  readonly ignored: { readonly event: Envelope; readonly because: string }[];
  /** Rows from the replica's memory, and rows taken to be absent: the stored ones may be others. */
  readonly assumed: Set<string>;
}

/** A decision that will not be saved was made on assumed rows: nothing would notice that the stored ones are others. */
class Stale extends Error {}
const STALE = new Stale();

const ATTEMPTS_MAX = 40;
const RESTART_MAX_MS = 4_000;

export class Replica<State, Command, Effect, Value> {
  readonly service: Service<State, Command, Effect, Value>;
  readonly name: string;
  alive = true;
  /** Counts starts: what an earlier life had under way is lost. */
  incarnation = 0;
  partitions: number[];
  #rows = new Map<string, Row<State>>();
  #values = new Map<string, Value>();
  #valuesEpoch = 0;
  #requests: Request<State, Command>[] = [];
  #read: number[] = [];
  #stored: number[] = [];
  #busy = false;
  #wakesAtMs = Number.POSITIVE_INFINITY;

  constructor(service: Service<State, Command, Effect, Value>, name: string, partitions: number[]) {
    this.service = service;
    this.name = name;
    this.partitions = partitions;
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
    return this.#rows.get(orderId) ?? this.service.load(orderId);
  }

  forgetShared(key: string): void {
    this.#valuesEpoch++;
    this.#values.delete(key);
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
    this.#rows.clear();
    this.#values.clear();
    this.#stored = [...this.service.store.offsets];
    this.#read = [...this.#stored];
  }

  #begin(): void {
    const { world } = this.service;
    const moves: Move[] = [];
    const items: Item<State, Command>[] = [];
    let room = world.random.between(1, world.setMax);
    for (const partition of this.partitions) {
      const entries = world.log.partitions[partition]!;
      let read = this.#read[partition]!;
      while (room > 0 && read < entries.length) {
        const event = entries[read++]!;
        if (!this.service.types.has(event.type)) continue;
        items.push({ event });
        room--;
      }
      if (read !== this.#read[partition]) moves.push({ partition, from: this.#stored[partition]!, to: read });
      this.#read[partition] = read;
    }
    const requests = this.#requests.splice(0, world.random.between(1, world.setMax));
    for (const request of requests) items.push({ request });
    if (items.length === 0 && moves.length === 0) return;
    this.#busy = true;
    this.#attempt(items, moves, 0);
  }

  #attempt(items: Item<State, Command>[], moves: readonly Move[], attempt: number): void {
    const { world } = this.service;
    if (attempt > ATTEMPTS_MAX) fail(`${this.name} meets conflicts without end`);
    const epoch = this.#valuesEpoch;
    const plan = this.#fold(items, attempt);
    if (!plan) return this.#retry(items, moves, attempt, false);
    if (world.strikes('crashBeforeCommit')) return this.#die('before its commit');
    const commit = (): void => {
      const refused = this.service.commit(plan, moves);
      if (refused === undefined) return this.#committed(plan, moves, epoch, items, attempt);
      world.conflicts++;
      world.note(() => `${this.name} meets another writer (${refused})`);
      this.#retry(items, moves, attempt, refused === 'offsets');
    };
    if (!world.strikes('slowCommit')) return commit();
    const { incarnation } = this;
    world.scheduler.after(world.random.between(1, 40), () => this.incarnation === incarnation && commit());
  }

  #retry(items: Item<State, Command>[], moves: readonly Move[], attempt: number, lost: boolean): void {
    for (const item of items) this.#rows.delete(item.event ? item.event.subject : item.request.orderId);
    this.#values.clear();
    let rest = items;
    const { usedKeys } = this.service.store;
    // The same request was saved before; its caller is told so, and it is not decided a second time.
    if (usedKeys.size > 0)
      rest = rest.filter(({ request }) => request?.key === undefined || !usedKeys.has(request.key));
    if (lost) {
      // Another replica consumes now, or an earlier attempt was saved after all; commands are still ours.
      this.#reset();
      rest = rest.filter((item) => item.request !== undefined);
    }
    if (rest.length === 0 && (lost || moves.length === 0)) return this.#done();
    const { incarnation } = this;
    this.service.world.scheduler.after(
      attempt,
      () => this.incarnation === incarnation && this.#attempt(rest, lost ? [] : moves, attempt + 1),
    );
  }

  #committed(
    plan: Plan<State, Effect, Value>,
    moves: readonly Move[],
    epoch: number,
    items: Item<State, Command>[],
    attempt: number,
  ): void {
    const { world, spec } = this.service;
    if (world.strikes('lostCommitReply')) {
      world.note(() => `${this.name} never hears that its commit was done`);
      return this.#retry(items, moves, attempt, moves.length > 0);
    }
    if (world.strikes('crashAfterCommit')) return this.#die('after its commit');
    for (const { partition, to } of moves) this.#stored[partition] = to;
    for (const { after } of plan.drafts.values()) if (after.revision > 0) this.#rows.set(after.id, after);
    if (world.exclusive) {
      const overtaken = epoch !== this.#valuesEpoch;
      for (const { key, after } of plan.values.values()) {
        if (overtaken) this.#values.delete(key);
        else this.#values.set(key, after);
      }
    }
    for (const answer of plan.answers) answer();
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

  /** Decides a set; undefined where it has to be decided again on rows read afresh. */
  #fold(items: readonly Item<State, Command>[], attempt: number): Plan<State, Effect, Value> | undefined {
    const { service } = this;
    const { world, spec } = service;
    const plan: Plan<State, Effect, Value> = {
      drafts: new Map(),
      values: new Map(),
      changes: [],
      events: [],
      effects: [],
      answers: [],
      keys: [],
      ignored: [],
      assumed: new Set(),
    };
    const { drafts, values } = plan;
    for (const { event, request } of items) {
      const id = event ? event.subject : request.orderId;
      let draft = drafts.get(id);
      if (!draft) {
        const remembered = this.#rows.get(id);
        const opens =
          !remembered && attempt === 0 && event !== undefined && spec.opensWith?.includes(event.type) === true;
        if (remembered ? !world.exclusive : opens) plan.assumed.add(id);
        const row = remembered ?? (opens ? undefined : service.load(id)) ?? emptyRow<State>(id);
        drafts.set(id, (draft = { before: row, after: row }));
      }
      if (!spec.sharedKeys) continue;
      for (const key of spec.sharedKeys(event ? { event } : { command: request.command }, draft.before.state)) {
        if (values.has(key)) continue;
        const stored = service.store.shared.get(key);
        const value = this.#values.get(key) ?? stored;
        if (value !== stored && !isDeepStrictEqual(value, stored))
          fail(
            `${this.name} keeps ${JSON.stringify(value)} of ${key}, ${JSON.stringify(stored)} is stored: nobody will tell it`,
          );
        if (value !== undefined) values.set(key, { key, before: value, after: value });
      }
    }
    const context: RulesContext<Value> = {
      nowMs: world.scheduler.nowMs,
      newId: () => world.ids.next(world.scheduler.nowMs),
      shared: {
        get: (key) => values.get(key)?.after,
        set: (key, value) => values.set(key, { key, before: values.get(key)?.before as Value, after: value }),
      },
    };
    try {
      for (const item of items) this.#foldItem(item, plan, context);
    } catch (error) {
      if (error instanceof Stale) return undefined;
      throw error;
    }
    for (const [id, { before, after }] of drafts) {
      if (after === before) continue;
      const change = { before, after: { ...after, revision: before.revision + 1 } };
      drafts.set(id, change);
      plan.changes.push(change);
    }
    return plan;
  }

  #foldItem(
    { event, request }: Item<State, Command>,
    plan: Plan<State, Effect, Value>,
    context: RulesContext<Value>,
  ): void {
    const { service } = this;
    const { rules } = service;
    const id = event ? event.subject : request.orderId;
    const entry = plan.drafts.get(id)!;
    const old = plan.assumed.has(id) && service.world.faults.freshRefusals !== false;
    let folded: Folded<State, Effect> | Refusal;
    try {
      if (event)
        folded = foldEvent(
          rules,
          service.world.faults.dedupe === false ? { ...entry.after, consumed: {} } : entry.after,
          event,
          context,
        );
      else folded = foldCommand(rules, entry.after, request.command, request.cause, context);
    } catch (error) {
      if (error instanceof StoryFailure) throw error;
      if (old) throw STALE;
      fail(
        `${service.spec.name} cannot take ${event ? event.type : JSON.stringify(request.command)}: ${(error as Error).message}`,
      );
    }
    if (old && request && (isRefusal(folded) || folded.row === entry.after)) throw STALE;
    if (isRefusal(folded)) {
      const refusal = folded;
      service.world.note(
        () => `${this.name} refuses ${JSON.stringify(request?.command)}: ${refusal.refused} ${refusal.detail}`,
      );
      if (request?.answer) plan.answers.push(() => request.answer!(refusal));
      return;
    }
    const { row, events, effects, ignored } = folded;
    if (row !== entry.after) plan.drafts.set(id, { before: entry.before, after: row });
    plan.events.push(...events);
    plan.effects.push(...effects);
    if (event && ignored !== undefined) plan.ignored.push({ event, because: ignored });
    if (request?.key !== undefined) plan.keys.push(request.key);
    if (request?.answer) plan.answers.push(() => request.answer!(row));
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
      answer?: Request<State, Command>['answer'];
    } = {},
  ): boolean {
    const up = this.replicas.filter((replica) => replica.alive);
    if (up.length === 0) return false;
    let { cause } = options;
    if (!cause) {
      const id = this.world.ids.next(this.world.scheduler.nowMs);
      cause = { causationid: id, correlationid: id };
    }
    const replica = options.to ?? this.world.random.pick(up);
    this.world.note(() => `${replica.name} is asked for ${JSON.stringify(command)}`);
    replica.submit({ orderId, command, cause, key: options.key, answer: options.answer });
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
    { changes, values, events, keys, ignored }: Plan<State, Effect, Value>,
    moves: readonly Move[],
  ): string | undefined {
    const { store, spec, world } = this;
    if (!spec.unversioned && world.faults.versions !== false) {
      for (const { before } of changes)
        if ((store.rows.get(before.id)?.revision ?? 0) !== before.revision) return 'rows';
    }
    for (const { partition, from } of moves) if (store.offsets[partition] !== from) return 'offsets';
    const shared: SharedChange<Value>[] = [];
    for (const change of values.values()) if (change.after !== change.before) shared.push(change);
    for (const key of keys) if (store.usedKeys.has(key)) return 'keys';
    if (shared.length > 0 && spec.saveShared && !spec.saveShared(store.shared, shared)) return 'guard';
    for (const { after } of changes) store.rows.set(after.id, after);
    for (const key of keys) store.usedKeys.add(key);
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
