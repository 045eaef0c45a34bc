import { messageOf } from '#contracts/error-text.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConflictError, type Database } from '#platform/database/database.ts';
import { isMisfit, isTransient, misfitReason } from '#platform/database/failures.ts';
import { type Backoff, backoffMs } from '#platform/runtime/backoff.ts';
import type { Health } from '#platform/runtime/health.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import { type Bus, type Delivery, type Lag, moveOffsets, type OffsetMove, type Subscription } from './bus.ts';
import { Parking } from './parking.ts';

/** How often a consumer should ask for {@link Follower.upkeep}. */
export const UPKEEP_EVERY_MS = 1_000;
/** Between attempts while the database is away. */
export const DATABASE_RETRY: Backoff = { firstMs: 20, longestMs: 2_000 };
/** Progress over events that do not concern the consumer is stored this often: it saves reading them again after a restart. */
const SAVE_IDLE_EVERY_MS = 5_000;
/** A rewind moves stored offsets from outside: a consumer that has not moved them for so long compares them. */
const COMPARE_EVERY_MS = 2_000;

const NO_PARTITIONS: ReadonlyMap<number, number> = new Map();

export interface FollowerOptions {
  readonly consumer: string;
  /** Event types to be given; where there are none, nothing is read. */
  readonly types: readonly string[];
  /** See {@link SubscribeOptions}. */
  readonly encoded?: boolean;
  /** Holds the consumer's offsets, its parked events and its effects. */
  readonly database: Database;
  readonly bus: Bus;
  readonly logger: Logger;
  /** {@link Follower.take} may have something. */
  readonly onReady: () => void;
  /** Reading goes on from the stored offsets, which somebody else may have moved: what is remembered may be old. */
  readonly onReset?: () => void;
}

/**
 * A consumer's way along the log: its subscription, its parked orders, and the upkeep of both. What is done with the
 * events, and when, is the consumer's own affair; it does one thing at a time.
 */
export class Follower {
  readonly parking: Parking;
  /** Why the consumer stands still, as it says itself. */
  failure: string | undefined;
  readonly #options: FollowerOptions;
  #subscription: Subscription | undefined;
  #idleSavedMs = Number.NEGATIVE_INFINITY;
  #comparedMs = Number.NEGATIVE_INFINITY;
  #stopping = false;

  constructor(options: FollowerOptions) {
    this.#options = options;
    this.parking = new Parking(options.database, options.consumer);
  }

  /** Reads what is parked, and begins to read events of these types from the log; of none where there are none. */
  async start(types: readonly string[] = this.#options.types): Promise<void> {
    const { bus, consumer, encoded, database, onReady } = this.#options;
    await this.parking.refresh();
    if (types.length === 0) return;
    this.#subscription = await bus.subscribe({
      consumer,
      types: new Set(types),
      encoded,
      database,
      onReady,
      onGained: () => {
        // Whoever read for these orders meanwhile may have changed what is remembered of them.
        this.#options.onReset?.();
        return this.parking.refresh();
      },
    });
  }

  /** From now on nothing is waited for. */
  stop(): void {
    this.#stopping = true;
  }

  /** Stores the progress that is left to store and closes the subscription; to be called with nothing under way. */
  async close(): Promise<void> {
    this.stop();
    const moves = this.#subscription?.idleMoves() ?? [];
    if (moves.length > 0) await this.#store(moves).catch(() => {});
    await this.#subscription?.close();
  }

  take(max: number): Delivery | undefined {
    return this.#stopping ? undefined : this.#subscription?.take(max);
  }

  /** The moves were committed. */
  saved(moves: readonly OffsetMove[]): void {
    if (moves.length === 0) return;
    this.#subscription?.saved(moves);
    this.#comparedMs = performance.now();
  }

  lag(): Lag {
    return this.#subscription?.lag() ?? { events: 0, ageMs: 0 };
  }

  lagByPartition(): ReadonlyMap<number, number> {
    return this.#subscription?.lagByPartition?.() ?? NO_PARTITIONS;
  }

  healthy(): Health {
    if (this.failure !== undefined) return { ok: false, detail: this.failure };
    return { ok: true, detail: `lag ${this.lag().events} events, ${this.parking.parked.size} orders parked` };
  }

  /** Whether {@link upkeep} has something to do. */
  get needsUpkeep(): boolean {
    if (!this.#subscription || this.#stopping) return false;
    const nowMs = performance.now();
    return nowMs - this.#comparedMs >= COMPARE_EVERY_MS || this.#idleMoves(nowMs).length > 0;
  }

  /** Stores progress over what did not concern the consumer, and notices a rewind; to be called with nothing under way. */
  async upkeep(): Promise<void> {
    const nowMs = performance.now();
    const moves = this.#idleMoves(nowMs);
    if (moves.length > 0) {
      this.#idleSavedMs = nowMs;
      try {
        await this.#store(moves);
        this.saved(moves);
      } catch (error) {
        // A database that is away is met by the next event.
        if (error instanceof ConflictError) await this.reset();
      }
    }
    if (nowMs - this.#comparedMs < COMPARE_EVERY_MS) return;
    this.#comparedMs = nowMs;
    // Nothing is under way, so stored offsets that differ from the known ones were moved by somebody else.
    if (!(await this.#subscription?.moved().catch(() => false))) return;
    this.#options.logger.info(
      { consumer: this.#options.consumer },
      'the stored offsets were moved from outside; reading on from there',
    );
    await this.reset();
  }

  #idleMoves(nowMs: number): readonly OffsetMove[] {
    return nowMs - this.#idleSavedMs > SAVE_IDLE_EVERY_MS ? (this.#subscription?.idleMoves() ?? []) : [];
  }

  async #store(moves: readonly OffsetMove[]): Promise<void> {
    await this.#options.database.write([moveOffsets(this.#options.consumer, moves)]);
  }

  /** Reads on from the stored offsets, with what is parked by now; waits for a database that is away. */
  async reset(): Promise<void> {
    for (let attempt = 0; !this.#stopping; attempt++) {
      try {
        this.#options.onReset?.();
        await this.parking.refresh();
        await this.#subscription?.reset();
        return;
      } catch (error) {
        if (!isTransient(error) && !isMisfit(error)) throw error;
        this.failure = isMisfit(error) ? misfitReason(error) : messageOf(error);
        await sleep(backoffMs(attempt, DATABASE_RETRY));
      }
    }
  }
}
