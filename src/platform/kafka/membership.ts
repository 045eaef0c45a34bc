import { setTimeout as sleep } from 'node:timers/promises';
import { Consumer } from '@platformatic/kafka';
import type { Logger } from '#platform/telemetry/logger.ts';
import { clientOptions } from './client-options.ts';
import type { KafkaConfig } from './settings.ts';
import { diagnose } from './errors.ts';

/**
 * Membership in a consumer group: which partitions are ours now. It moves no data. Partitions are spread by the
 * cooperative protocol, so a rebalance stops only what moves. Who believes to own what is advice, not a lock: the
 * compare-and-set on the stored offsets decides who may save.
 */

/** A process that is silent for so long loses its partitions. */
const SESSION_TIMEOUT_MS = 8_000;
const REBALANCE_TIMEOUT_MS = 8_000;
const HEARTBEAT_MS = 750;
const TICK_MS = 500;
/** Ticks without a heartbeat after which the client is replaced. Ticks, not time: a paused process is not a failed one. */
const SILENT_TICKS_MAX = 60;
/** Ticks until the next attempt after one that failed: the brokers may be away, or not let us in for long. */
const RETRY_TICKS = [2, 2, 4, 6, 10];
const CLOSE_TIMEOUT_MS = 3_000;
const COMMIT_EVERY_TICKS = 2;

export interface MembershipOptions {
  readonly config: KafkaConfig;
  readonly group: string;
  readonly logger: Logger;
  /** The partitions that are ours, after every change. */
  readonly onAssigned: (partitions: ReadonlySet<number>) => void;
  /** Stored offsets to report to the broker, which shows them as lag. */
  readonly offsets: () => ReadonlyMap<number, number>;
}

export class KafkaMembership {
  readonly #options: MembershipOptions;
  readonly #reported = new Map<number, number>();
  readonly #tick: NodeJS.Timeout;
  #client: Consumer;
  #ticks = 0;
  #silentTicks = 0;
  #failures = 0;
  #lastHeartbeat: Date | null = null;
  #owned: ReadonlySet<number> = new Set();
  #joined = false;
  #failure: string | undefined;
  #committing = false;
  #closed = false;

  constructor(options: MembershipOptions) {
    this.#options = options;
    this.#client = this.#join();
    this.#tick = setInterval(() => this.#onTick(), TICK_MS);
  }

  /** True once the group has assigned our partitions, be it none. */
  get joined(): boolean {
    return this.#joined;
  }

  get failure(): string | undefined {
    return this.#failure;
  }

  #join(): Consumer {
    const { config, group } = this.#options;
    const client = new Consumer({
      ...clientOptions(config),
      groupId: group,
      sessionTimeout: SESSION_TIMEOUT_MS,
      rebalanceTimeout: REBALANCE_TIMEOUT_MS,
      heartbeatInterval: HEARTBEAT_MS,
      protocols: [{ name: 'cooperative-sticky', version: 3 }],
      retries: 5,
      retryDelay: 500,
    });
    client.topics.track(config.topic);
    for (const event of [
      'consumer:group:join',
      'consumer:group:rebalance',
      'consumer:rejoin',
      'consumer:heartbeat:end',
    ] as const)
      client.on(event, () => this.#sync(client));
    // Emitted where a rejoin failed for good; without a listener it would end the process.
    client.on('error', (error: Error) => this.#failed(client, error));
    client.on('consumer:heartbeat:error', ({ error }) => {
      this.#failure = diagnose(error, config).reason;
      this.#sync(client);
    });
    client.joinGroup().catch((error: unknown) => this.#failed(client, error));
    return client;
  }

  /** The client is replaced a little later. */
  #failed(client: Consumer, error: unknown): void {
    if (this.#client !== client || this.#closed) return;
    this.#failure = diagnose(error, this.#options.config).reason;
    this.#silentTicks = SILENT_TICKS_MAX - RETRY_TICKS[Math.min(this.#failures++, RETRY_TICKS.length - 1)]!;
  }

  #sync(client: Consumer): void {
    if (client !== this.#client || this.#closed || client.assignments === null) return;
    const owned = new Set(
      client.assignments.find(({ topic }) => topic === this.#options.config.topic)?.partitions ?? [],
    );
    if (this.#joined && owned.size === this.#owned.size && [...owned].every((partition) => this.#owned.has(partition)))
      return;
    this.#joined = true;
    this.#owned = owned;
    this.#reported.clear();
    this.#options.onAssigned(owned);
  }

  #onTick(): void {
    this.#sync(this.#client);
    const { lastHeartbeat } = this.#client;
    if (lastHeartbeat !== null && lastHeartbeat !== this.#lastHeartbeat) {
      this.#lastHeartbeat = lastHeartbeat;
      this.#silentTicks = 0;
      this.#failures = 0;
      this.#failure = undefined;
    } else if (++this.#silentTicks >= SILENT_TICKS_MAX) {
      this.#replace();
    }
    if (++this.#ticks % COMMIT_EVERY_TICKS === 0) void this.#commit();
  }

  /** The client gives up when a rejoin fails too often, and reports it to nobody. */
  #replace(): void {
    this.#options.logger.warn(
      { group: this.#options.group, reason: this.#failure },
      'joining the consumer group once more',
    );
    const old = this.#client;
    this.#silentTicks = 0;
    this.#client = this.#join();
    void old.close(true).catch(() => {});
  }

  /** For reports of lag only: nothing is ever read from these offsets. */
  async #commit(): Promise<void> {
    if (this.#committing || !this.#client.isActive()) return;
    const news = [...this.#options.offsets()].filter(
      ([partition, offset]) => this.#owned.has(partition) && this.#reported.get(partition) !== offset,
    );
    if (news.length === 0) return;
    this.#committing = true;
    const { topic } = this.#options.config;
    try {
      await this.#client.commit({
        offsets: news.map(([partition, offset]) => ({ topic, partition, offset: BigInt(offset), leaderEpoch: -1 })),
      });
      for (const [partition, offset] of news) this.#reported.set(partition, offset);
    } catch {
      // The next tick reports it.
    } finally {
      this.#committing = false;
    }
  }

  async close(): Promise<void> {
    await Promise.race([this.#commit(), waitAtMost(CLOSE_TIMEOUT_MS)]);
    this.#closed = true;
    clearInterval(this.#tick);
    await Promise.race([this.#client.close(true).catch(() => {}), waitAtMost(CLOSE_TIMEOUT_MS)]);
  }
}

function waitAtMost(ms: number): Promise<void> {
  return sleep(ms, undefined, { ref: false });
}
