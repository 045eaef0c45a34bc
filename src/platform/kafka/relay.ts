import { ConflictError, type Database, isTransient } from '#platform/database/database.ts';
import type { UnparkChange } from '#platform/log/parked.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import { type Backoff, backoffMs } from '#platform/runtime/backoff.ts';
import type { Health } from '#platform/runtime/health.ts';
import { Pause } from '#platform/runtime/pause.ts';
import { withTimeout } from '#platform/runtime/timeout.ts';
import type { RecentCommits } from '#platform/log/recent-commits.ts';
import { type LogPosition, isAfter, type Lag, LOG_START, moveOffsets } from '#platform/log/bus.ts';
import { decoded } from '#platform/log/encoded.ts';
import type { KafkaConfig } from './settings.ts';
import { diagnose } from './errors.ts';
import { KafkaPublisher, type Outgoing, TopicReplacedError } from './publisher.ts';
import { ensureTopic } from './topic.ts';
import { type Candidacy, Coordinator } from '#platform/log/coordinator.ts';
import { Linger } from '#platform/runtime/linger.ts';
import { RelayLag } from './relay-lag.ts';
import { RelayParked } from './relay-parked.ts';
import { checkMapping } from './partition-mapping.ts';
import { readUnpublished } from './unpublished.ts';
import { loadTopicOffsets } from './topic-offsets.ts';
import type { Parked } from '#platform/log/parked.ts';

/**
 * Publishes a service's outbox to Kafka, in the order of the log. One process per database is elected (coordinator.ts).
 * The cursor moves after the brokers acknowledged, by compare-and-set: a crash publishes a suffix again, which consumers
 * recognize; nothing is ever skipped. One batch is in flight at a time and is sent again whole, so the order of an
 * order's events survives retries.
 *
 * What the brokers refuse for its content parks its order under the consumer name `relay`, and later events of that
 * order wait behind it. While the brokers are away nothing is parked: the relay waits for them for ever and says so.
 */

export const RELAY_CONSUMER = 'relay';
/** Also the lock's key of the version before: its relay and this one must exclude each other. */
const LOCK_KEY = 7_113_002;
/** Of a process that is paused another one takes over after this time. */
const SILENCE_MAX_MS = 1_500;
const PING_MS = 300;
const READ_LIMIT = 1_000;
/** With nothing to publish: whether it could be, and on the same topic, is looked up so often. */
const CHECK_IDLE_MS = 5_000;
/**
 * We are not notified of what another process writes, nor of the end of a transaction that held the log back. Soon after
 * something was published more is likely; then each poll that finds nothing makes the next one wait twice as long.
 */
const POLL_MS = { first: 15, longest: 250 } as const;
/** A crash publishes again what was published in this time; saving costs a commit. */
const SAVE_CURSOR_EVERY_MS = 250;
/** From so many events a second on, batches are published this far apart. */
const BUSY_PER_SECOND = 200;
const LINGER_MS = { first: 40, longest: 150 };
const RETRY: Backoff = { firstMs: 100, longestMs: 5_000 };
const STOP_TIMEOUT_MS = 8_000;

export interface RelayOptions {
  readonly config: KafkaConfig;
  readonly database: Database;
  /** Where the session for the election goes. */
  readonly url: string;
  readonly logger: Logger;
  /** What this process commits, where it is remembered. */
  readonly recentCommits?: RecentCommits;
  /** For tests: called between the acknowledgement and the saving of the cursor. */
  readonly afterAcknowledged?: () => Promise<void>;
}

/** What was not published, with the reason; null for what only stands behind a parked event of its order. */
interface Unpublished {
  readonly entry: Outgoing;
  readonly reason: string | null;
}

class Deposed extends Error {}

export class Relay {
  readonly #options: RelayOptions;
  readonly #parked: RelayParked;
  readonly #stopWatchingWrites: () => void;
  readonly #publisher: KafkaPublisher;
  readonly #idle = new Set<() => void>();
  readonly #linger = new Linger(BUSY_PER_SECOND, LINGER_MS.first, LINGER_MS.longest);
  readonly #coordinator: Coordinator;
  #candidacy: Candidacy | undefined;
  #state: 'standby' | 'active' = 'standby';
  #failure: string | undefined;
  #brokerFailure: string | undefined;
  #checkedMs = 0;
  #stored: LogPosition = LOG_START;
  #read: LogPosition = LOG_START;
  #saving: Promise<void> | undefined;
  #savedMs = 0;
  #pollMs: number = POLL_MS.longest;
  readonly #lag = new RelayLag();
  readonly #sleeping = new Pause();
  #endsOnWrite = false;
  #written = false;
  #stopping = false;
  #running: Promise<void>;

  private constructor(options: RelayOptions, publisher: KafkaPublisher) {
    this.#options = options;
    this.#parked = new RelayParked({
      consumer: RELAY_CONSUMER,
      database: options.database,
      publisher,
      describe: (error) => this.#away(error),
    });
    this.#publisher = publisher;
    this.#stopWatchingWrites = options.database.onWrite(() => this.#onWrite());
    const { url, logger } = options;
    this.#coordinator = new Coordinator({
      url,
      logger,
      applicationName: 'olms-relay',
      silenceMaxMs: SILENCE_MAX_MS,
      pingMs: PING_MS,
    });
    this.#running = this.#run();
  }

  /** Checks topic and settings, then relays in the background until {@link stop}. */
  static async start(options: RelayOptions): Promise<Relay> {
    const topic = await ensureTopic(options.config);
    await checkMapping(options.database, options.config, options.logger);
    return new Relay(options, new KafkaPublisher(options.config, topic));
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#stopping;) {
      try {
        await this.#election();
        if (this.#stopping) break;
        failures = 0;
        await this.#lead();
      } catch (error) {
        if (this.#stopping) break;
        if (!(error instanceof Deposed)) {
          this.#failure = diagnose(error, this.#options.config).reason;
          // The stack of this error alone: those the client wraps fill pages, and the reason is not among them.
          const { stack } = error as Error;
          this.#options.logger.warn({ reason: this.#failure, stack }, 'the relay stopped; it starts again');
          await this.#pause(backoffMs(failures++, RETRY), false);
        }
      } finally {
        this.#state = 'standby';
        await this.#candidacy?.withdraw();
      }
    }
  }

  /** Resolves when this process is elected. */
  async #election(): Promise<void> {
    const endPause = (): void => this.#sleeping.end();
    this.#candidacy = this.#coordinator.campaign({
      name: RELAY_CONSUMER,
      key: LOCK_KEY,
      onElected: endPause,
      onDeposed: endPause,
    });
    while (!this.#candidacy.elected && !this.#stopping) {
      await this.#pause(PING_MS, false);
      if (!this.#candidacy.elected) this.#failure = this.#coordinator.failure;
    }
  }

  async #lead(): Promise<void> {
    const { database, config } = this.#options;
    const topicId = await this.#publisher.refresh();
    const { offsets, startedOver } = await loadTopicOffsets(database, RELAY_CONSUMER, [0], topicId);
    if (startedOver)
      this.#options.logger.warn(
        { topic: config.topic },
        'the topic is another one than before; publishing the whole log again',
      );
    this.#brokerFailure = undefined;
    this.#stored = offsets.get(0)!;
    this.#read = this.#stored;
    await this.#parked.parking.refreshOrders();
    this.#state = 'active';
    let ahead: Promise<Outgoing[]> | undefined;
    while (!this.#stopping) {
      this.#assertElected();
      this.#written = false;
      const startedMs = performance.now();
      const entries = await (ahead ?? this.#readAhead(this.#read));
      ahead = undefined;
      this.#failure = undefined;
      const isFull = entries.length === READ_LIMIT;
      await this.#lag.measure(database, entries[0]?.event.time, entries.length, isFull, this.#read);
      if (entries.length === 0) {
        await this.#idleRound();
        continue;
      }
      this.#pollMs = POLL_MS.first;
      const to = entries.at(-1)!.position;
      // While the brokers work on this batch, the database reads the next.
      if (isFull) ahead = this.#readAhead(to);
      await this.#relay(entries);
      this.#read = to;
      await this.#saveCursor(isFull ? 0 : SAVE_CURSOR_EVERY_MS);
      const waitMs = this.#linger.after(entries.length, startedMs) - (performance.now() - startedMs);
      if (!isFull && waitMs > 0) await this.#pause(waitMs, false);
    }
    await this.#saveCursor(0);
    await this.#saving;
  }

  #assertElected(): void {
    if (!this.#candidacy?.elected) throw new Deposed('another process may relay now');
  }

  /** Begins to read the next rows; a failure is met by who awaits them, if anybody still does. */
  #readAhead(after: LogPosition): Promise<Outgoing[]> {
    const { database, recentCommits } = this.#options;
    const entries = readUnpublished(database, recentCommits, this.#publisher, after, READ_LIMIT);
    entries.catch(() => {});
    return entries;
  }

  /** Publishes what can be; parks what the brokers refuse and queues what stands behind parked events. */
  async #relay(entries: readonly Outgoing[]): Promise<void> {
    if (this.#parked.parking.parked.size > 0) await this.#parked.releaseWaiting();
    const unpublished: Unpublished[] = [];
    for (const batch of this.#publisher.batches(entries)) unpublished.push(...(await this.#publish(batch)));
    await this.#options.afterAcknowledged?.();
    if (unpublished.length > 0) await this.#park(unpublished, entries.at(-1)!.position);
  }

  async #park(unpublished: Unpublished[], to: LogPosition): Promise<void> {
    await this.#saving;
    // In log order, whatever order the brokers refused them in.
    unpublished.sort((a, b) => (isAfter(a.entry.position, b.entry.position) ? 1 : -1));
    const parked = unpublished.map(({ entry, reason }): Parked => ({ event: decoded(entry.event), reason }));
    await this.#options.database.write([
      this.#parked.parking.park(parked),
      moveOffsets(RELAY_CONSUMER, [{ partition: 0, from: this.#stored, to }]),
    ]);
    this.#stored = to;
    this.#parked.parking.add(parked);
  }

  /** Publishes a batch, halving it where the brokers refuse it until what is at fault stands alone. */
  async #publish(batch: readonly Outgoing[]): Promise<Unpublished[]> {
    const isParked = ({ event }: Outgoing): boolean => this.#parked.parking.parked.has(event.subject);
    const behind = batch.filter(isParked).map((entry): Unpublished => ({ entry, reason: null }));
    const send = batch.filter((entry) => !isParked(entry));
    const refusal = send.length > 0 ? await this.#send(send) : undefined;
    if (refusal === undefined) return behind;
    if (send.length === 1) {
      const { event } = send[0]!;
      this.#options.logger.error(
        { orderId: event.subject, eventType: event.type, reason: refusal },
        'event parked: Kafka does not take it',
      );
      this.#parked.parking.add(send);
      return [...behind, { entry: send[0]!, reason: refusal }];
    }
    const half = send.length >>> 1;
    return [...behind, ...(await this.#publish(send.slice(0, half))), ...(await this.#publish(send.slice(half)))];
  }

  /** Sends until the brokers took it. Answers the reason where they refuse it for its content. */
  async #send(batch: readonly Outgoing[]): Promise<string | undefined> {
    for (let attempt = 0; ; attempt++) {
      this.#assertElected();
      try {
        await this.#publisher.check();
        const refusal = await this.#publisher.send(batch);
        this.#brokerFailure = undefined;
        return refusal;
      } catch (error) {
        if (this.#stopping || error instanceof TopicReplacedError) throw error;
        this.#brokerFailure = this.#away(error);
        if (attempt === 0) this.#options.logger.warn({ reason: this.#brokerFailure }, 'Kafka takes no events; waiting');
        await this.#pause(backoffMs(attempt, RETRY), false);
      }
    }
  }

  #away(error: unknown): string {
    const { config } = this.#options;
    return `Kafka at ${config.brokers}: ${diagnose(error, config).reason}`;
  }

  /** Moves the stored cursor, at most one write at a time and not for every small batch. */
  async #saveCursor(atLeastEveryMs: number): Promise<void> {
    if (this.#saving) {
      if (atLeastEveryMs > 0) return;
      await this.#saving;
    }
    if (!isAfter(this.#read, this.#stored) || Date.now() - this.#savedMs < atLeastEveryMs) return;
    this.#savedMs = Date.now();
    const to = this.#read;
    this.#saving = this.#options.database
      .write([moveOffsets(RELAY_CONSUMER, [{ partition: 0, from: this.#stored, to }])])
      .then(() => {
        this.#stored = to;
      })
      .catch((error: unknown) => {
        // Another relay moved it: this one is the past. A database that is away is met by the next read.
        if (error instanceof ConflictError) void this.#candidacy?.withdraw();
        else if (!isTransient(error)) this.#options.logger.error({ err: error }, 'the relay cannot save its cursor');
      })
      .finally(() => {
        this.#saving = undefined;
      });
    if (atLeastEveryMs === 0) await this.#saving;
  }

  /** Nothing to publish: save what is unsaved, notify who waits, and wait for a write or the next poll. */
  async #idleRound(): Promise<void> {
    if (Date.now() - this.#checkedMs > CHECK_IDLE_MS) await this.#checkIdle();
    await this.#saveCursor(this.#pollMs < POLL_MS.longest ? SAVE_CURSOR_EVERY_MS : 0);
    if (this.#parked.parking.parked.size > 0) await this.#parked.releaseWaiting();
    for (const idle of this.#idle) idle();
    this.#idle.clear();
    await this.#pause(this.#pollMs, true);
    this.#pollMs = Math.min(2 * this.#pollMs, POLL_MS.longest);
  }

  async #checkIdle(): Promise<void> {
    try {
      await this.#publisher.check();
      this.#brokerFailure = undefined;
    } catch (error) {
      if (error instanceof TopicReplacedError) throw error;
      this.#brokerFailure = this.#away(error);
    } finally {
      this.#checkedMs = Date.now();
    }
  }

  /** Publishes a parked order as an operator decided. Any process may do it. */
  unpark(orderId: string, change: UnparkChange): Promise<number> {
    return this.#parked.unpark(orderId, change);
  }

  lag(): Lag {
    return this.#lag.current;
  }

  get parkedCount(): number {
    return this.#parked.parking.parked.size;
  }

  healthy(): Health {
    if (this.#failure !== undefined) return { ok: false, detail: this.#failure };
    if (this.active && this.#brokerFailure !== undefined) return { ok: false, detail: this.#brokerFailure };
    if (!this.active) return { ok: true, detail: 'standing by: another process relays' };
    return {
      ok: true,
      detail: `relaying, ${this.#lag.current.events} events to publish, ${this.#parked.parking.parked.size} orders parked`,
    };
  }

  /** True while this process is the one that publishes. */
  get active(): boolean {
    return this.#state === 'active' && this.#candidacy?.elected === true;
  }

  /** Resolves when everything committed before the call is published by this process; at once where another relays. */
  async settled(): Promise<void> {
    if (!this.active) return;
    for (let round = 0; round < 2; round++) {
      await new Promise<void>((resolve) => {
        this.#idle.add(resolve);
        this.#onWrite();
      });
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#stopWatchingWrites();
    this.#sleeping.end();
    // What the brokers have not acknowledged by then is published again by the next relay.
    await withTimeout(this.#running, STOP_TIMEOUT_MS).catch(() => {});
    for (const idle of this.#idle) idle();
    await this.#publisher.close(STOP_TIMEOUT_MS);
    await this.#coordinator.stop();
  }

  /** There may be something to publish. */
  #onWrite(): void {
    this.#written = true;
    if (this.#endsOnWrite) this.#sleeping.end();
  }

  /** Waits for a time, for a write of this process where `endsOnWrite`, or for the relay's stop or the loss of the election. */
  async #pause(ms: number, endsOnWrite: boolean): Promise<void> {
    if (this.#stopping || (endsOnWrite && this.#written)) return;
    this.#endsOnWrite = endsOnWrite;
    await this.#sleeping.wait(ms);
  }
}
