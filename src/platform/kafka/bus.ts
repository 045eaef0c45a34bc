import type { Health } from '#platform/runtime/health.ts';
import { Timers } from '#platform/runtime/timers.ts';
import type { Envelope } from '#contracts/envelope.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import { RecentCommits } from '#platform/log/recent-commits.ts';
import { LogFaults } from '#platform/log/faults.ts';
import type { Metrics } from '#platform/telemetry/metrics.ts';
import {
  type Bus,
  type LogPosition,
  type Delivery,
  isSame,
  LOG_START,
  type Lag,
  type OffsetMove,
  readOffsets,
  type SubscribeOptions,
  type Subscription,
} from '#platform/log/bus.ts';
import type { KafkaConfig } from './settings.ts';
import { diagnose } from './errors.ts';
import { type KafkaMetrics, kafkaMetrics } from './metrics.ts';
import { KafkaMembership } from './membership.ts';
import { UNKNOWN_EPOCH } from './ports.ts';
import { KafkaReader, type ReaderOptions } from './reader.ts';
import { ensureTopic } from './topic.ts';
import { loadTopicOffsets } from './topic-offsets.ts';

/**
 * The bus on Apache Kafka. Consumers of one service are a group, `olms-<consumer>`, and share its partitions. Where
 * a partition is read from is stored in the service's own database with the effects of what was read; the offsets at
 * the broker only report lag. Publishing is not done here: the relay tails the outbox (relay.ts).
 */

const RETRY_MS = [100, 250, 500, 1_000, 2_000];
const OBSERVE_MAX = 1_000;

export class KafkaBus implements Bus {
  readonly recentCommits = new RecentCommits();
  readonly #config: KafkaConfig;
  readonly #logger: Logger;
  readonly #faults: LogFaults;
  readonly #metrics: KafkaMetrics | undefined;
  readonly #subscriptions = new Set<KafkaSubscription>();
  readonly #observers = new Set<(event: Envelope, position: LogPosition) => void>();
  #live: LiveReader | undefined;

  private constructor(config: KafkaConfig, logger: Logger, faults: LogFaults, metrics: KafkaMetrics | undefined) {
    this.#config = config;
    this.#logger = logger;
    this.#faults = faults;
    this.#metrics = metrics;
  }

  /** Makes or checks the topic; throws with what to do where the brokers or the topic do not fit. */
  static async open(config: KafkaConfig, logger: Logger, metrics?: Metrics): Promise<KafkaBus> {
    await ensureTopic(config);
    return new KafkaBus(config, logger, new LogFaults(metrics), metrics && kafkaMetrics(metrics));
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    const counted = { faults: this.#faults, metrics: this.#metrics };
    const subscription = new KafkaSubscription(this.#config, options, this.#logger, counted, () =>
      this.#subscriptions.delete(subscription),
    );
    this.#subscriptions.add(subscription);
    return subscription;
  }

  /** For the relay. Consumers of this process get its events by Kafka like all others: only the log knows their order. */
  remember(events: readonly Envelope[]): void {
    this.recentCommits.add(events);
  }

  forget(events: readonly Envelope[]): void {
    this.recentCommits.remove(events);
  }

  /** From now on, in log order for each order; an observer belongs to no group and stores nothing. */
  observe(listener: (event: Envelope, position: LogPosition) => void): () => void {
    this.#observers.add(listener);
    this.#live ??= new LiveReader(this.#config, this.#logger, this.#observers);
    return () => {
      this.#observers.delete(listener);
      if (this.#observers.size > 0) return;
      void this.#live?.close();
      this.#live = undefined;
    };
  }

  healthy(): Health {
    const failures = [...this.#subscriptions]
      .map((subscription) => subscription.failure())
      .filter((failure) => failure !== undefined);
    const { recent } = this.#faults;
    if (recent !== undefined) failures.push(recent);
    return failures.length === 0
      ? { ok: true, detail: `${this.#subscriptions.size} consumers of ${this.#config.topic}` }
      : { ok: false, detail: failures.join('; ') };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()));
    await this.#live?.close();
  }
}

/** What is known about a partition that is ours. */
interface Owned {
  /** What `consumer_offsets` holds; undefined until it was read. */
  stored: LogPosition | undefined;
  /** Below this offset a rewound consumer reads what it has read before. */
  rereadUntil: number;
  /** Offset after the last event given out, and not yet known to be saved; undefined where nothing is open. */
  given: number | undefined;
}

class KafkaSubscription implements Subscription {
  readonly #config: KafkaConfig;
  readonly #options: SubscribeOptions;
  readonly #logger: Logger;
  readonly #onClose: () => void;
  readonly #reader: KafkaReader;
  readonly #membership: KafkaMembership;
  readonly #owned = new Map<number, Owned>();
  readonly #timers = new Timers();
  #loadFailures = 0;
  #failure: string | undefined;
  #closed = false;

  constructor(
    config: KafkaConfig,
    options: SubscribeOptions,
    logger: Logger,
    counted: Pick<ReaderOptions, 'faults' | 'metrics'>,
    onClose: () => void,
  ) {
    this.#config = config;
    this.#options = options;
    this.#logger = logger.child({ consumer: options.consumer });
    this.#onClose = onClose;
    const group = `olms-${options.consumer}`;
    this.#reader = new KafkaReader({
      config,
      name: group,
      types: options.types,
      encoded: options.encoded,
      logger: this.#logger,
      ...counted,
      onReady: options.onReady,
      onReplaced: () => this.#reload(),
    });
    this.#membership = new KafkaMembership({
      config,
      group,
      logger: this.#logger,
      onAssigned: (partitions) => this.#assign(partitions),
      offsets: () => this.#storedOffsets(),
    });
  }

  #assign(partitions: ReadonlySet<number>): void {
    for (const partition of this.#owned.keys()) {
      if (partitions.has(partition)) continue;
      this.#owned.delete(partition);
      this.#reader.drop(partition);
    }
    const gained = [...partitions].filter((partition) => !this.#owned.has(partition));
    for (const partition of gained) this.#owned.set(partition, { stored: undefined, rereadUntil: 0, given: undefined });
    if (gained.length > 0) void this.#load(true);
    this.#options.onReady();
  }

  /** Reads the stored offsets of partitions that have none in memory, and reads on from there; tries until it works. */
  async #load(gained: boolean): Promise<void> {
    const missing = [...this.#owned].filter(([, owned]) => owned.stored === undefined);
    if (missing.length === 0 || this.#closed) return;
    try {
      if (gained) await this.#options.onGained?.();
      await this.#readStored(missing, (await this.#reader.topic.metadata()).id);
      this.#loadFailures = 0;
      this.#failure = undefined;
    } catch (error) {
      this.#failure = `the stored offsets cannot be read: ${diagnose(error, this.#config).reason}`;
      const waitMs = RETRY_MS[Math.min(this.#loadFailures++, RETRY_MS.length - 1)]!;
      this.#timers.after(waitMs, () => void this.#load(gained));
    }
  }

  async #readStored(partitions: readonly (readonly [number, Owned])[], topicId: string): Promise<void> {
    const { offsets } = await loadTopicOffsets(
      this.#options.database,
      this.#options.consumer,
      partitions.map(([partition]) => partition),
      topicId,
    );
    // The topic was replaced while the database answered: onReplaced loads everything once more.
    if (this.#closed || this.#reader.topic.id !== topicId) return;
    for (const [partition, owned] of partitions) {
      // Lost, or lost and regained, while the database answered: that one is loaded for itself.
      if (this.#owned.get(partition) !== owned) continue;
      const { rereadTo, ...stored } = offsets.get(partition)!;
      owned.stored = stored;
      owned.rereadUntil = rereadTo?.txid === 0 ? rereadTo.position : 0;
      owned.given = undefined;
      // A position in the PostgreSQL log (txid > 0) says nothing about this topic: it is read from its start, and repeats are recognized.
      const { position, epoch } = stored.txid === 0 ? stored : LOG_START;
      this.#reader.seek(partition, position, epoch);
    }
    this.#options.onReady();
  }

  take(max: number): Delivery | undefined {
    const { events, progress } = this.#reader.take(max);
    if (events.length === 0) return undefined;
    const moves: OffsetMove[] = [];
    for (const [partition, offset] of progress) {
      const owned = this.#owned.get(partition)!;
      owned.given = offset;
      moves.push({ partition, from: owned.stored!, to: this.#positionAt(partition, offset) });
    }
    return { events, moves };
  }

  saved(moves: readonly OffsetMove[]): void {
    let reload = false;
    for (const { partition, from, to } of moves) {
      const owned = this.#owned.get(partition);
      if (!owned?.stored) continue;
      const expected = owned.stored.txid === from.txid && owned.stored.position === from.position;
      if (expected && (to.txid !== 0 || to.position <= (this.#reader.position(partition) ?? -1))) {
        owned.stored = to;
        if (owned.given !== undefined && to.txid === 0 && owned.given <= to.position) owned.given = undefined;
      } else {
        // The partition was lost and regained in between: what was just saved is behind what is read now.
        owned.stored = undefined;
        this.#reader.drop(partition);
        reload = true;
      }
    }
    if (reload) void this.#load(false);
  }

  idleMoves(): readonly OffsetMove[] {
    const moves: OffsetMove[] = [];
    for (const [partition, { stored, given }] of this.#owned) {
      const position = this.#reader.position(partition);
      // While a delivery is not saved, progress behind it would skip it.
      if (
        !stored ||
        position === undefined ||
        given !== undefined ||
        (stored.txid === 0 && position <= stored.position)
      )
        continue;
      moves.push({ partition, from: stored, to: this.#positionAt(partition, position) });
    }
    return moves;
  }

  /** An offset with the epoch by which it is known, after a restart too, whether the log was cut before it. */
  #positionAt(partition: number, position: number): LogPosition {
    const epoch = this.#reader.epochBefore(partition, position);
    return epoch === UNKNOWN_EPOCH ? { txid: 0, position } : { txid: 0, position, epoch };
  }

  async reset(): Promise<void> {
    const topicId = this.#reader.topic.id;
    // Without an answer of the brokers nothing was given that could be forgotten.
    if (topicId === undefined) return this.#reload();
    this.#forget();
    await this.#readStored([...this.#owned], topicId);
  }

  #forget(): void {
    for (const [partition, owned] of this.#owned) {
      owned.stored = undefined;
      owned.given = undefined;
      this.#reader.drop(partition);
    }
  }

  #reload(): void {
    this.#forget();
    void this.#load(false);
  }

  async moved(): Promise<boolean> {
    const known = [...this.#owned].filter(([, owned]) => owned.stored !== undefined);
    if (known.length === 0) return false;
    const offsets = await readOffsets(this.#options.database, this.#options.consumer);
    return known.some(([partition, owned]) => {
      const stored = offsets.get(partition);
      // Lost meanwhile, or being loaded: whoever owns it now knows.
      if (!stored || this.#owned.get(partition) !== owned || !owned.stored) return false;
      return !isSame(stored, owned.stored);
    });
  }

  lag(): Lag {
    const unread = this.#reader.unread((partition) => this.#owned.get(partition)?.rereadUntil ?? 0);
    // What is still being looked up may well hold something.
    const unknown = this.#membership.joined
      ? [...this.#owned.values()].filter(({ stored }) => stored === undefined).length
      : 1;
    return { events: unread.events + unknown, ageMs: unread.ageMs };
  }

  lagByPartition(): ReadonlyMap<number, number> {
    return this.#reader.unreadByPartition();
  }

  failure(): string | undefined {
    const failure = this.#failure ?? this.#membership.failure ?? this.#reader.failure;
    return failure === undefined ? undefined : `${this.#options.consumer}: ${failure}`;
  }

  #storedOffsets(): Map<number, number> {
    const offsets = new Map<number, number>();
    for (const [partition, { stored }] of this.#owned) if (stored?.txid === 0) offsets.set(partition, stored.position);
    return offsets;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#timers.stop();
    this.#onClose();
    await Promise.all([this.#membership.close(), this.#reader.close()]);
  }
}

/** Feeds observers from the end of every partition. */
class LiveReader {
  readonly #reader: KafkaReader;
  readonly #observers: ReadonlySet<(event: Envelope, position: LogPosition) => void>;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(
    config: KafkaConfig,
    logger: Logger,
    observers: ReadonlySet<(event: Envelope, position: LogPosition) => void>,
  ) {
    this.#observers = observers;
    this.#reader = new KafkaReader({
      config,
      name: 'olms-live',
      types: undefined,
      logger,
      onReady: () => this.#deliver(),
      onReplaced: () => void this.#start(),
    });
    void this.#start();
  }

  async #start(): Promise<void> {
    try {
      const { partitions } = await this.#reader.topic.metadata();
      const unread = partitions.filter((partition) => this.#reader.position(partition) === undefined);
      const bounds = await this.#reader.topic.boundsOf(unread);
      if (this.#closed) return;
      for (const [partition, { end }] of bounds) this.#reader.seek(partition, end);
      if (bounds.size < unread.length) this.#startLater();
    } catch {
      this.#startLater();
    }
  }

  /** Partitions that could not be asked for their ends are read from those they have a little later. */
  #startLater(): void {
    if (this.#closed) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#start(), RETRY_MS.at(-1));
  }

  #deliver(): void {
    for (;;) {
      const { events, positions } = this.#reader.take(OBSERVE_MAX);
      if (events.length === 0) return;
      for (const [i, event] of events.entries())
        for (const observer of this.#observers) observer(event, { txid: 0, position: positions[i]! });
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#retry);
    await this.#reader.close();
  }
}
