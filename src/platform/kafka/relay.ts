import type { Envelope } from '#contracts/envelope.ts';
import { ConflictError, type Database, isTransient } from '#platform/database/database.ts';
import type { UnparkChange } from '#platform/log/parked.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import type { Health } from '#platform/runtime/health.ts';
import { Pause } from '#platform/runtime/pause.ts';
import { withTimeout } from '#platform/runtime/timeout.ts';
import type { RecentCommits } from '#platform/log/recent-commits.ts';
import { type LogPosition, isAfter, type Lag, LOG_START, moveOffsets } from '#platform/log/bus.ts';
import { decoded, encoded, type EncodedEvent } from '#platform/log/encoded.ts';
import type { KafkaConfig } from './settings.ts';
import { diagnose } from './errors.ts';
import { KafkaPublisher, type Outgoing, TopicReplacedError } from './publisher.ts';
import { ensureTopic } from './topic.ts';
import { type Candidacy, Coordinator } from '#platform/log/coordinator.ts';
import { readTailEvents, tailLength } from '#platform/log/tail.ts';
import { fromRow } from '#platform/log/outbox.ts';
import { Linger } from '#platform/runtime/linger.ts';
import { checkMapping } from './partition-mapping.ts';
import { loadTopicOffsets } from './topic-offsets.ts';
import { loadParked, type Parked } from '#platform/log/parked.ts';
import { Parking } from '#platform/log/parking.ts';

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
 * What another process writes does not wake us, nor does the end of a transaction that held the log back. Soon after
 * something was published more is likely; then each look that finds nothing makes the next one wait twice as long.
 */
const POLL_MS = { first: 15, longest: 250 } as const;
/** A crash publishes again what was published in this time; saving costs a commit. */
const SAVE_CURSOR_EVERY_MS = 250;
/** From so many events a second on, sets are published this far apart. */
const BUSY_PER_SECOND = 200;
const PACE_MS = { first: 40, longest: 150 };
const RETRY_MS = [100, 250, 500, 1_000, 2_000, 5_000];
const STOP_TIMEOUT_MS = 8_000;
const COUNT_BOUND = 100_000;
const COUNT_EVERY_MS = 2_000;
const UNPARK_ATTEMPTS_MAX = 10;

/** Data stays the text it was stored as. */
const COLUMNS =
  'id, source, type, subject, sequence, time, correlationid, causationid, traceparent, data::text as data';

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
  readonly #parking: Parking;
  readonly #stopWatchingWrites: () => void;
  readonly #publisher: KafkaPublisher;
  readonly #idle = new Set<() => void>();
  readonly #pace = new Linger(BUSY_PER_SECOND, PACE_MS.first, PACE_MS.longest);
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
  #countedMs = 0;
  #lag: Lag = { events: 0, ageMs: 0 };
  readonly #sleeping = new Pause();
  #wakeable = false;
  #woken = false;
  #stopping = false;
  #running: Promise<void>;

  private constructor(options: RelayOptions, publisher: KafkaPublisher) {
    this.#options = options;
    this.#parking = new Parking(options.database, RELAY_CONSUMER);
    this.#publisher = publisher;
    this.#stopWatchingWrites = options.database.onWrite(() => this.#wakeUp());
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
          await this.#pause(RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]!, false);
        }
      } finally {
        this.#state = 'standby';
        await this.#candidacy?.withdraw();
      }
    }
  }

  /** Resolves when this process is elected. */
  async #election(): Promise<void> {
    const wakeUp = (): void => this.#sleeping.end();
    this.#candidacy = this.#coordinator.campaign({
      name: RELAY_CONSUMER,
      key: LOCK_KEY,
      onElected: wakeUp,
      onDeposed: wakeUp,
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
    await this.#parking.refreshOrders();
    this.#state = 'active';
    let ahead: Promise<Outgoing[]> | undefined;
    while (!this.#stopping) {
      this.#assertElected();
      this.#woken = false;
      const startedMs = performance.now();
      const entries = await (ahead ?? this.#readAhead(this.#read));
      ahead = undefined;
      this.#failure = undefined;
      await this.#measure(entries);
      if (entries.length === 0) {
        await this.#rest();
        continue;
      }
      this.#pollMs = POLL_MS.first;
      const to = entries.at(-1)!.cursor;
      const isFull = entries.length === READ_LIMIT;
      // While the brokers work on this batch, the database reads the next.
      if (isFull) ahead = this.#readAhead(to);
      await this.#relay(entries);
      this.#read = to;
      await this.#saveCursor(isFull ? 0 : SAVE_CURSOR_EVERY_MS);
      const waitMs = this.#pace.after(entries.length, startedMs) - (performance.now() - startedMs);
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
    const entries = this.#readNext(after);
    entries.catch(() => {});
    return entries;
  }

  /** The next rows in the order of the log. What this process wrote is still in memory, the rest is read. */
  async #readNext(after: LogPosition): Promise<Outgoing[]> {
    const { database, recentCommits } = this.#options;
    const entries = await readTailEvents(database, after, {
      limit: READ_LIMIT,
      recentCommits,
      columns: COLUMNS,
      ofMemory: encoded,
      ofRow: (row) => fromRow(row) as EncodedEvent,
    });
    return entries.map(({ cursor, event }) => this.#publisher.prepare(cursor, event));
  }

  /** Publishes what can be; parks what the brokers refuse and queues what stands behind parked events. */
  async #relay(entries: readonly Outgoing[]): Promise<void> {
    if (this.#parking.parked.size > 0) await this.#releaseWaiting();
    const unpublished: Unpublished[] = [];
    for (const batch of this.#publisher.batches(entries)) unpublished.push(...(await this.#publish(batch)));
    await this.#options.afterAcknowledged?.();
    if (unpublished.length > 0) await this.#park(unpublished, entries.at(-1)!.cursor);
  }

  async #park(unpublished: Unpublished[], to: LogPosition): Promise<void> {
    await this.#saving;
    // In log order, whatever order the brokers refused them in.
    unpublished.sort((a, b) => (isAfter(a.entry.cursor, b.entry.cursor) ? 1 : -1));
    const parked = unpublished.map(({ entry, reason }): Parked => ({ event: decoded(entry.event), reason }));
    await this.#options.database.write([
      this.#parking.park(parked),
      moveOffsets(RELAY_CONSUMER, [{ partition: 0, from: this.#stored, to }]),
    ]);
    this.#stored = to;
    this.#parking.add(parked);
  }

  /** Publishes a batch, halving it where the brokers refuse it until what is at fault stands alone. */
  async #publish(batch: readonly Outgoing[]): Promise<Unpublished[]> {
    const isParked = ({ event }: Outgoing): boolean => this.#parking.parked.has(event.subject);
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
      this.#parking.add(send);
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
        await this.#pause(RETRY_MS[Math.min(attempt, RETRY_MS.length - 1)]!, false);
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

  /** Nothing to publish: save what is unsaved, tell who waits, and wait for a write or the next poll. */
  async #rest(): Promise<void> {
    if (Date.now() - this.#checkedMs > CHECK_IDLE_MS) await this.#checkIdle();
    await this.#saveCursor(this.#pollMs < POLL_MS.longest ? SAVE_CURSOR_EVERY_MS : 0);
    if (this.#parking.parked.size > 0) await this.#releaseWaiting();
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

  async #measure(entries: readonly Outgoing[]): Promise<void> {
    const oldest = entries[0]?.event.time;
    let events = entries.length;
    if (entries.length === READ_LIMIT) {
      events = Math.max(events, this.#lag.events);
      if (Date.now() - this.#countedMs > COUNT_EVERY_MS) {
        this.#countedMs = Date.now();
        events = (await tailLength(this.#options.database, this.#read, COUNT_BOUND)).rows;
      }
    }
    this.#lag = { events, ageMs: oldest === undefined ? 0 : Math.max(0, Date.now() - Date.parse(oldest)) };
  }

  /**
   * An operator may release an order through another process while this one queues behind it. What then waits behind
   * nothing (its first event has no reason) is published here, before anything newer of that order.
   */
  async #releaseWaiting(): Promise<void> {
    await this.#parking.refreshOrders();
    for (const order of this.#parking.parked) {
      const parked = await loadParked(this.#options.database, RELAY_CONSUMER, order);
      if (parked.length === 0 || parked[0]!.reason !== null) continue;
      await this.unpark(order, { action: 'retry', actor: RELAY_CONSUMER });
    }
    await this.#parking.refreshOrders();
  }

  /**
   * Publishes an order's parked events, the first one edited or left out where asked. Any process may do it. What
   * the active relay believes to be parked is left alone: if it changed while a batch is on its way, a later event of
   * the order could pass an earlier one.
   */
  async unpark(orderId: string, change: UnparkChange): Promise<number> {
    const { database } = this.#options;
    for (let attempt = 1; ; attempt++) {
      const queue = await this.#parking.open(orderId, change);
      if (!queue) return 0;
      const { published, refused } = await this.#publishParked(queue.events);
      const left = queue.events
        .slice(published)
        .map((event, i): Parked => ({ event, reason: i === 0 ? refused! : null }));
      try {
        await database.write(this.#parking.release(queue, left));
        return queue.stored.length - left.length;
      } catch (error) {
        // The active relay queued one more meanwhile. What is published again is recognized by consumers.
        if (!(error instanceof ConflictError) || attempt === UNPARK_ATTEMPTS_MAX) throw error;
      }
    }
  }

  /** Publishes one by one until one is refused. */
  async #publishParked(events: readonly Envelope[]): Promise<{ published: number; refused?: string }> {
    for (const [i, event] of events.entries()) {
      try {
        const refused = await this.#publisher.send([this.#publisher.prepare(LOG_START, encoded(event))]);
        if (refused !== undefined) return { published: i, refused };
      } catch (error) {
        throw new Error(this.#away(error), { cause: error });
      }
    }
    return { published: events.length };
  }

  lag(): Lag {
    return this.#lag;
  }

  get parkedCount(): number {
    return this.#parking.parked.size;
  }

  healthy(): Health {
    if (this.#failure !== undefined) return { ok: false, detail: this.#failure };
    if (this.active && this.#brokerFailure !== undefined) return { ok: false, detail: this.#brokerFailure };
    if (!this.active) return { ok: true, detail: 'standing by: another process relays' };
    return {
      ok: true,
      detail: `relaying, ${this.#lag.events} events to publish, ${this.#parking.parked.size} orders parked`,
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
        this.#wakeUp();
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
  #wakeUp(): void {
    this.#woken = true;
    if (this.#wakeable) this.#sleeping.end();
  }

  /** Waits for a time, for a wake-up where `wakeable`, or for the relay's stop or the loss of its office. */
  async #pause(ms: number, wakeable: boolean): Promise<void> {
    if (this.#stopping || (wakeable && this.#woken)) return;
    this.#wakeable = wakeable;
    await this.#sleeping.wait(ms);
  }
}
