import { ConflictError, type Database } from '#platform/database/database.ts';
import { isTransient } from '#platform/database/failures.ts';
import type { UnparkChange } from '#platform/log/parked.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import { type Backoff, backoffMs } from '#platform/runtime/backoff.ts';
import type { Health } from '#platform/runtime/health.ts';
import { Pause } from '#platform/runtime/pause.ts';
import { withTimeout } from '#platform/runtime/timeout.ts';
import type { RecentCommits } from '#platform/log/recent-commits.ts';
import { type LogPosition, isAfter, type Lag } from '#platform/log/bus.ts';
import { LogFaults } from '#platform/log/faults.ts';
import type { Metrics } from '#platform/telemetry/metrics.ts';
import { decoded } from '#platform/log/encoded.ts';
import type { KafkaConfig } from './settings.ts';
import { diagnose, isFromBrokers } from './errors.ts';
import { BehindPartitions } from './behind-partitions.ts';
import { KafkaPublisher, type Outgoing } from './publisher.ts';
import { LogWatch } from './log-watch.ts';
import { RelayCursor } from './relay-cursor.ts';
import { type Page, RelayOutput } from './relay-output.ts';
import { ensureTopic, type Topic } from './topic.ts';
import { type Candidacy, Coordinator } from '#platform/log/coordinator.ts';
import { Linger } from '#platform/runtime/linger.ts';
import { RelayLag } from './relay-lag.ts';
import { RelayParked } from './relay-parked.ts';
import { checkMapping } from './partition-mapping.ts';
import { readMissed, readUnpublished } from './unpublished.ts';
import { loadTopicOffsets } from './topic-offsets.ts';
import type { Parked } from '#platform/log/parked.ts';
import { LOCKS } from '#platform/database/locks.ts';

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
/** Of a process that is paused another one takes over after this time. */
const SILENCE_MAX_MS = 1_500;
const PING_MS = 300;
const READ_LIMIT = 1_000;
/** Who relayed for so long did not fail at the beginning. */
const LED_MS = 10_000;
/** An answer that takes longer is no progress. */
const SILENCE_MS = 5_000;
/**
 * We are not notified of what another process writes, nor of the end of a transaction that held the log back. Soon after
 * something was published more is likely; then each poll that finds nothing makes the next one wait twice as long.
 */
const POLL_MS = { first: 15, longest: 250 } as const;
/** From so many events a second on, batches are published this far apart. */
const BUSY_PER_SECOND = 200;
const LINGER_MS = { first: 40, longest: 150 };
const RETRY: Backoff = { firstMs: 100, longestMs: 3_000 };
const STOP_TIMEOUT_MS = 8_000;

export interface RelayOptions {
  readonly config: KafkaConfig;
  readonly database: Database;
  /** Where the session for the election goes: the database itself, past any pooler. */
  readonly url: string;
  readonly logger: Logger;
  readonly metrics?: Metrics;
  /** What this process commits, where it is remembered. */
  readonly recentCommits?: RecentCommits;
  /** For tests: called between the acknowledgement and the saving of the cursor. */
  readonly afterAcknowledged?: () => Promise<void>;
}

class Deposed extends Error {}

export class Relay {
  readonly #options: RelayOptions;
  readonly #parked: RelayParked;
  readonly #stopWatchingWrites: () => void;
  readonly #publisher: KafkaPublisher;
  readonly #watch: LogWatch;
  readonly #behind = new BehindPartitions();
  readonly #output: RelayOutput;
  readonly #cursor: RelayCursor;
  readonly #faults: LogFaults;
  readonly #idle = new Set<() => void>();
  readonly #linger = new Linger(BUSY_PER_SECOND, LINGER_MS.first, LINGER_MS.longest);
  readonly #coordinator: Coordinator;
  #candidacy: Candidacy | undefined;
  #state: 'standby' | 'active' = 'standby';
  #failure: string | undefined;
  /** The reason that was logged last, so that one which stays is logged once. */
  #logged: string | undefined;
  #readingSinceMs: number | undefined;
  #pollMs: number = POLL_MS.longest;
  readonly #lag = new RelayLag();
  readonly #sleeping = new Pause();
  #endsOnWrite = false;
  #written = false;
  #stopping = false;
  #running: Promise<void>;

  private constructor(options: RelayOptions, topic: Topic) {
    this.#options = options;
    const { config, database } = options;
    this.#faults = new LogFaults(options.metrics);
    this.#watch = new LogWatch(config, database);
    const { marks } = this.#watch;
    this.#publisher = new KafkaPublisher(
      config,
      topic,
      () => marks.verify(),
      (...stored) => this.#watch.stored(...stored),
    );
    this.#parked = new RelayParked({
      consumer: RELAY_CONSUMER,
      database,
      publisher: this.#publisher,
      describe: (error) => this.#output.describe(error),
    });
    this.#cursor = new RelayCursor({
      consumer: RELAY_CONSUMER,
      database,
      marks,
      behind: this.#behind,
      onFailure: (error) => this.#notSaved(error),
    });
    this.#output = new RelayOutput({
      config,
      publisher: this.#publisher,
      parked: this.#parked,
      behind: this.#behind,
      faults: this.#faults,
      metrics: options.metrics,
      logger: options.logger,
      assertElected: () => this.#assertElected(),
      watch: this.#watch,
      pause: (ms) => this.#pause(ms, false),
    });
    this.#stopWatchingWrites = database.onWrite(() => this.#onWrite());
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
    return new Relay(options, topic);
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#stopping;) {
      const startedMs = performance.now();
      try {
        await this.#election();
        if (this.#stopping) break;
        await this.#lead();
      } catch (error) {
        if (this.#stopping) break;
        // One that led for a while begins at once; one that cannot even begin waits longer each time.
        if (performance.now() - startedMs > LED_MS) failures = 0;
        if (!(error instanceof Deposed)) {
          this.#stopped(error);
          await this.#pause(backoffMs(failures++, RETRY), false);
        }
      } finally {
        this.#state = 'standby';
        await this.#candidacy?.withdraw();
      }
    }
  }

  /** Says why it does not relay, once. */
  #stopped(error: unknown): void {
    const { config, logger } = this.#options;
    this.#failure = diagnose(error, config).reason;
    if (this.#logged === this.#failure) return;
    this.#logged = this.#failure;
    // Of what waiting cures, the reason says all. Those errors that the client wraps fill pages, and it is not among them.
    const stack = isTransient(error) || isFromBrokers(error) ? undefined : (error as Error).stack;
    logger.warn({ reason: this.#failure, stack }, 'the relay stopped; it starts again');
  }

  /** Resolves when this process is elected. */
  async #election(): Promise<void> {
    const endPause = (): void => this.#sleeping.end();
    this.#candidacy = this.#coordinator.campaign({
      name: RELAY_CONSUMER,
      key: LOCKS.relay,
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
    this.#output.asked();
    const { txid, position } = offsets.get(0)!;
    this.#cursor.begin({ txid, position });
    await this.#behind.load(database);
    if (startedOver) {
      this.#behind.clear();
      this.#faults.forget();
    }
    await this.#watch.begin(topicId);
    await this.#parked.parking.refresh();
    await this.#output.check();
    this.#state = 'active';
    let ahead: Promise<Outgoing[]> | undefined;
    while (!this.#stopping) {
      this.#assertElected();
      this.#written = false;
      const startedMs = performance.now();
      const { read: from } = this.#cursor;
      const entries = await this.#reading(ahead ?? this.#readAhead(from));
      ahead = undefined;
      this.#failure = undefined;
      this.#logged = undefined;
      const isFull = entries.length === READ_LIMIT;
      await this.#lag.measure(database, entries[0]?.event.id, entries.length, isFull, from);
      const caughtUp = await this.#catchUp();
      if (entries.length === 0) {
        if (caughtUp) await this.#idleRound();
        continue;
      }
      this.#pollMs = POLL_MS.first;
      const to = entries.at(-1)!.position;
      // While the brokers work on this batch, the database reads the next.
      if (isFull) ahead = this.#readAhead(to);
      const wants = (partition: number): boolean => !this.#behind.has(partition);
      await this.#relay(entries, { from, to, patient: true, wants, left: new Set() });
      this.#cursor.read = to;
      await this.#cursor.save(isFull);
      const waitMs = this.#linger.after(entries.length, startedMs) - (performance.now() - startedMs);
      if (!isFull && waitMs > 0) await this.#pause(waitMs, false);
    }
    await this.#cursor.save(true);
    await this.#cursor.settled();
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

  /** A database that does not answer is no progress, whatever the connection looks like. */
  async #reading<Read>(entries: Promise<Read>): Promise<Read> {
    this.#readingSinceMs = performance.now();
    try {
      return await entries;
    } finally {
      this.#readingSinceMs = undefined;
    }
  }

  /** Publishes what can be; parks what the brokers refuse and queues what stands behind parked events. */
  async #relay(entries: readonly Outgoing[], page: Page & { readonly to: LogPosition }): Promise<void> {
    if (this.#parked.parking.parked.size > 0) await this.#parked.releaseWaiting();
    const unpublished = await this.#output.publish(entries, page);
    await this.#options.afterAcknowledged?.();
    if (unpublished.length === 0) return;
    // In log order, whatever order the brokers refused them in.
    unpublished.sort((a, b) => (isAfter(a.entry.position, b.entry.position) ? 1 : -1));
    const parked = unpublished.map(({ entry, reason }): Parked => ({ event: decoded(entry.event), reason }));
    await this.#cursor.saveWith([this.#parked.parking.park(parked)], page.to);
    this.#parked.parking.add(parked);
  }

  /** Publishes a page of what partitions have missed that stood still; true where nothing is left that could be now. */
  async #catchUp(): Promise<boolean> {
    if (this.#behind.size === 0) return true;
    await this.#output.check();
    const open = this.#behind.open(this.#watch.leaderless);
    if (open.size === 0) return true;
    const { read, stored } = this.#cursor;
    const { database } = this.#options;
    const { from, to, missed } = await this.#reading(
      readMissed(database, this.#publisher, this.#behind, { open, cursor: read, limit: READ_LIMIT }),
    );
    const left = new Set<number>();
    await this.#relay(missed, { from, to: stored, patient: false, wants: (partition) => open.has(partition), left });
    for (const partition of left) open.delete(partition);
    this.#behind.advance(open, to, read);
    await this.#cursor.save(false);
    return this.#behind.open(this.#watch.leaderless).size === 0;
  }

  #notSaved(error: unknown): void {
    // Another relay moved it: this one is the past. A database that is away is met by the next read.
    if (error instanceof ConflictError) void this.#candidacy?.withdraw();
    else if (!isTransient(error)) this.#options.logger.error({ err: error }, 'the relay cannot save its cursor');
  }

  /** Nothing to publish: save what is unsaved, notify who waits, and wait for a write or the next poll. */
  async #idleRound(): Promise<void> {
    await this.#output.check();
    await this.#cursor.save(this.#pollMs >= POLL_MS.longest);
    if (this.#parked.parking.parked.size > 0) await this.#parked.releaseWaiting();
    for (const idle of this.#idle) idle();
    this.#idle.clear();
    await this.#pause(this.#pollMs, true);
    this.#pollMs = Math.min(2 * this.#pollMs, POLL_MS.longest);
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
    if (!this.active) return { ok: true, detail: 'standing by: another process relays' };
    const waitedMs = this.#readingSinceMs === undefined ? 0 : performance.now() - this.#readingSinceMs;
    if (waitedMs > SILENCE_MS)
      return { ok: false, detail: `the database has not answered for ${Math.round(waitedMs / 1_000)} s` };
    const failure = this.#output.failure ?? this.#faults.recent;
    if (failure !== undefined) return { ok: false, detail: failure };
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
    await this.#watch.close();
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
