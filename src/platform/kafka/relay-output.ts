import type { Logger } from '#platform/telemetry/logger.ts';
import { backoffMs, type Backoff } from '#platform/runtime/backoff.ts';
import type { Metrics } from '#platform/telemetry/metrics.ts';
import type { LogPosition } from '#platform/log/bus.ts';
import type { LogFaults } from '#platform/log/faults.ts';
import type { BehindPartitions } from './behind-partitions.ts';
import { diagnose, leaderlessReason, lostReason } from './errors.ts';
import { type KafkaPublisher, type Outgoing, TopicReplacedError } from './publisher.ts';
import type { LogWatch } from './log-watch.ts';
import { type KafkaMetrics, kafkaMetrics } from './metrics.ts';
import { LogCut } from './published-marks.ts';
import type { RelayParked } from './relay-parked.ts';
import type { KafkaConfig } from './settings.ts';

const RETRY: Backoff = { firstMs: 100, longestMs: 2_000 };
/** A batch that nobody has acknowledged for so long is no progress, whatever the connection looks like. */
const SILENCE_MS = 5_000;

/** What was not published, with the reason; null for what only stands behind a parked event of its order. */
export interface Unpublished {
  readonly entry: Outgoing;
  readonly reason: string | null;
}

export interface RelayOutputOptions {
  readonly config: KafkaConfig;
  readonly publisher: KafkaPublisher;
  readonly parked: RelayParked;
  readonly behind: BehindPartitions;
  readonly faults: LogFaults;
  readonly metrics?: Metrics | undefined;
  readonly logger: Logger;
  /** Throws where this process may not publish any more. */
  readonly assertElected: () => void;
  readonly watch: LogWatch;
  readonly pause: (ms: number) => Promise<void>;
}

/** A page of the log on its way to the brokers. */
export interface Page {
  /** Where it begins: from there on a partition that fails is published again. */
  readonly from: LogPosition;
  /** Whether a partition takes part. */
  readonly wants: (partition: number) => boolean;
  /** Wait for brokers that take nothing at all; otherwise every partition is left behind. */
  readonly patient: boolean;
  /** Partitions that were left behind on the way. */
  readonly left: Set<number>;
}

function isOpen({ wants, left }: Page, partition: number): boolean {
  return !left.has(partition) && wants(partition);
}

/** Publishes pages of the log, whatever the brokers make of it: what they refuse is parked, what they cannot take waits. */
export class RelayOutput {
  readonly #options: RelayOutputOptions;
  /** Why the brokers take nothing at all. */
  #failure: string | undefined;
  #sinceMs: number | undefined;
  readonly #metrics: KafkaMetrics | undefined;

  constructor(options: RelayOutputOptions) {
    this.#options = options;
    this.#metrics = options.metrics && kafkaMetrics(options.metrics);
  }

  get failure(): string | undefined {
    const { behind, config, watch } = this.#options;
    if (this.#failure !== undefined) return this.#failure;
    const waitedMs = this.#sinceMs === undefined ? 0 : performance.now() - this.#sinceMs;
    if (waitedMs > SILENCE_MS)
      return `NO_ANSWER: Kafka at ${config.brokers} has acknowledged nothing for ${Math.round(waitedMs / 1_000)} s; look at the network between.`;
    if (watch.leaderless.length > 0) return leaderlessReason(config.topic, watch.leaderless);
    const { standing } = behind;
    return standing && `${standing.reason} (partitions ${standing.partitions.join(', ')}; the others go on)`;
  }

  /** Whether the brokers could be asked, where nothing is sent that would show it. */
  asked(error?: unknown): void {
    this.#failure = error === undefined ? undefined : this.describe(error);
  }

  /** Looks after the log with nothing to send: what is found is logged, and goes on. Throws {@link TopicReplacedError}. */
  async check(): Promise<void> {
    const { watch } = this.#options;
    try {
      if (await watch.check()) this.asked();
    } catch (error) {
      if (error instanceof TopicReplacedError) throw error;
      if (error instanceof LogCut) this.#cut(error);
      else {
        this.asked(error);
        watch.later();
      }
    }
  }

  describe(error: unknown): string {
    const { config } = this.#options;
    return `Kafka at ${config.brokers}: ${diagnose(error, config).reason}`;
  }

  /** What comes back has to be parked. */
  async publish(entries: readonly Outgoing[], page: Page): Promise<Unpublished[]> {
    const unpublished: Unpublished[] = [];
    for (const batch of this.#options.publisher.batches(entries))
      unpublished.push(...(await this.#publish(batch, page)));
    return unpublished;
  }

  /** Publishes a batch, halving it where the brokers refuse it until what is at fault stands alone. */
  async #publish(batch: readonly Outgoing[], page: Page): Promise<Unpublished[]> {
    const { parking } = this.#options.parked;
    const open = batch.filter(
      ({ partition, event }) => isOpen(page, partition) && !(parking.skipped.size > 0 && parking.skipped.has(event.id)),
    );
    const isParked = ({ event }: Outgoing): boolean => parking.parked.has(event.subject);
    const behind = open.filter(isParked).map((entry): Unpublished => ({ entry, reason: null }));
    const send = open.filter((entry) => !isParked(entry));
    const refusal = await this.#send(send, page);
    if (refusal === undefined) return behind;
    if (send.length === 1) {
      const { event } = send[0]!;
      this.#options.logger.error(
        { orderId: event.subject, eventType: event.type, reason: refusal },
        'event parked: Kafka does not take it',
      );
      parking.add(send);
      return [...behind, { entry: send[0]!, reason: refusal }];
    }
    const half = send.length >>> 1;
    return [
      ...behind,
      ...(await this.#publish(send.slice(0, half), page)),
      ...(await this.#publish(send.slice(half), page)),
    ];
  }

  /** Sends until every partition took its part or is left behind. Answers the reason where the content is refused. */
  async #send(batch: readonly Outgoing[], page: Page): Promise<string | undefined> {
    const { publisher, assertElected, watch, logger, pause } = this.#options;
    const metrics = this.#metrics;
    this.#sinceMs = performance.now();
    try {
      for (let attempt = 0; ; attempt++) {
        assertElected();
        try {
          await watch.check();
          // A partition may have been left behind since the page was read.
          const open = batch.filter(({ partition }) => isOpen(page, partition));
          if (open.length === 0) return undefined;
          const startedMs = performance.now();
          const { refusal, failed } = await publisher.send(open);
          this.#failure = undefined;
          metrics?.publishSeconds.observe((performance.now() - startedMs) / 1000);
          if (refusal === undefined && failed.size === 0) metrics?.published.inc(open.length);
          for (const [partition, error] of failed) this.#leave(page, partition, error);
          return refusal;
        } catch (error) {
          if (error instanceof TopicReplacedError) throw error;
          if (error instanceof LogCut) {
            this.#cut(error);
            for (const { partition } of error.cuts) page.left.add(partition);
            continue;
          }
          metrics?.publishFailures.inc();
          if (!page.patient) {
            for (const { partition } of batch) if (isOpen(page, partition)) this.#leave(page, partition, error);
            return undefined;
          }
          this.#failure = this.describe(error);
          if (attempt === 0) logger.warn({ reason: this.#failure }, 'Kafka takes no events; waiting');
          await pause(backoffMs(attempt, RETRY));
        }
      }
    } finally {
      this.#sinceMs = undefined;
    }
  }

  #leave({ from, left }: Page, partition: number, error: unknown): void {
    const { behind, config, logger } = this.#options;
    const { reason } = diagnose(error, config);
    this.#metrics?.partitionFailures.inc();
    if (!behind.has(partition)) logger.warn({ partition, reason }, 'a partition takes no events; the others go on');
    behind.hold(partition, behind.positionOf(partition) ?? from, reason);
    left.add(partition);
  }

  /** What was lost is published again, before anything newer of its partition. */
  #cut({ cuts }: LogCut): void {
    const { behind, config, faults, logger } = this.#options;
    for (const { partition, end, from } of cuts) {
      const reason = lostReason(config.topic, partition, end);
      faults.met('truncated', { text: reason });
      logger.error({ topic: config.topic, partition, from, reason }, 'the log was cut');
      behind.hold(partition, from);
    }
  }
}
