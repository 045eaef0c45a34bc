import { isDeepStrictEqual } from 'node:util';
import type { Envelope } from '#contracts/envelope.ts';
import { type Refusal, isRefusal } from '#contracts/errors.ts';
import type { Row } from '#platform/processor/aggregate.ts';
import { type Batch, type CommandRequest, type Lookup, type Plan, decideBatch } from '#platform/processor/batch.ts';
import { type Loaded, Remembered } from '#platform/processor/rows.ts';
import { StoryFailure, fail } from './log.ts';
import type { Service } from './service.ts';

/** One process of a service: it takes what is there, decides it by the code of src/platform/processor, and saves it, or dies. */

export interface Request<State, Command> extends CommandRequest<Command> {
  readonly reply: ((answer: Row<State> | Refusal | undefined) => void) | undefined;
}

export interface Move {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
}

export type ReplicaPlan<State, Command, Effect, Value> = Plan<State, Effect, Value, Request<State, Command>>;

const ATTEMPTS_MAX = 40;

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
      soleWriter: world.soleWriter,
      keepShared: world.soleWriter,
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
    // Commands wait for the batch in flight, never for a late delivery.
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
    // Of what is gained, others may have changed what is remembered.
    if (partitions.some((partition) => !this.partitions.includes(partition))) this.#remembered.clear();
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
    let room = world.random.between(1, world.batchMax);
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
    const commands = this.#requests.splice(0, world.random.between(1, world.batchMax));
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
