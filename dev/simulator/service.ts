import type { Envelope } from '#contracts/envelope.ts';
import type { Cause, Row, Rules } from '#platform/processor/aggregate.ts';
import type { Random } from './random.ts';
import { type Move, Replica, type ReplicaPlan, type Request } from './replica.ts';
import { type Spec, Store, type World } from './world.ts';

const RESTART_MAX_MS = 4_000;

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

  /** Saves a plan, or returns which of its expectations did not hold; then nothing of it is saved. */
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
