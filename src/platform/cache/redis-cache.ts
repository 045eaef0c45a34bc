import { randomUUID } from 'node:crypto';
import { Redis, type RedisOptions } from 'ioredis';
import type { Health } from '#platform/runtime/health.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import type { Metrics } from '#platform/telemetry/metrics.ts';
import {
  type Bucket,
  type Cache,
  type Holder,
  LEASE_MS,
  type Missing,
  STREAM_START,
  type StreamEntry,
  type StreamPlace,
  type Taken,
  type Versioned,
} from './cache.ts';
import { type CacheMetrics, cacheMetrics } from './metrics.ts';
import type { TlsFiles } from '#platform/runtime/tls.ts';
import { Connector, redisReason, tlsOptionsOf } from './redis-connection.ts';
import { type Scripted, SCRIPTS } from './redis-scripts.ts';

const COMMAND_TIMEOUT_MS = 150;
const CONNECT_TIMEOUT_MS = 1_000;
const RECONNECT_MAX_MS = 500;
/** So many in a row that fail say that Redis is away: one may have failed because this process was busy. */
const FAILURES_MAX = 3;
const PROBE_MS = 200;
/** A connection that is silent for so long is given up, in case it is the connection and not Redis. */
const SILENCE_MAX_MS = 5_000;
const NO_FILES: TlsFiles = { ca: '', cert: '', key: '' };
const OPEN_TIMEOUT_MS = 1_500;
const FOLLOW_BLOCK_MS = 1_000;
const FOLLOW_COUNT = 500;

export interface RedisCacheOptions {
  readonly url: string;
  readonly tls?: TlsFiles;
  /** Begins the name of every key, so that several systems may share one Redis. */
  readonly prefix: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Nothing waits in a queue and nothing is sent twice: a command is answered soon, or it failed. */
const CLIENT_OPTIONS = {
  protocol: 2,
  Connector,
  // It asks for INFO, which not everybody may. Whether Redis serves us, our own probe finds out.
  enableReadyCheck: false,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  connectTimeout: CONNECT_TIMEOUT_MS,
  commandTimeout: COMMAND_TIMEOUT_MS,
  retryStrategy: (times: number) => Math.min(RECONNECT_MAX_MS, 50 * times),
} as const satisfies RedisOptions;

/**
 * The cache that processes share. A Redis that is dead or stalled costs the first few calls their timeout; then it is
 * taken to be away, nothing is asked of it any more, and a probe finds out when it is back.
 */
export class RedisCache implements Cache {
  readonly shared = true;
  readonly #options: RedisCacheOptions;
  readonly #client: Redis & Scripted;
  readonly #listeners = new Set<(up: boolean) => void>();
  readonly #followers = new Set<() => void>();
  readonly #metrics: CacheMetrics;
  #up = false;
  #failures = 0;
  #reason = 'not connected yet';
  #probe: NodeJS.Timeout | undefined;
  #lastAnswerMs = performance.now();
  #closed = false;

  private constructor(options: RedisCacheOptions) {
    this.#options = options;
    const { metrics } = options;
    this.#metrics = cacheMetrics(metrics);
    const tls = tlsOptionsOf(options.url, options.tls ?? NO_FILES);
    this.#client = new Redis(options.url, { ...CLIENT_OPTIONS, ...tls, scripts: SCRIPTS }) as Redis & Scripted;
    this.#client.on('error', (error: Error) => {
      if (!this.#up) this.#reason = this.#reasonOf(error);
    });
    this.#client.on('ready', () => void this.#ask());
    this.#client.on('close', () => this.#down('the connection was closed'));
    this.#probe = setTimeout(() => void this.#ask(), PROBE_MS);
  }

  /** Resolves when Redis answers, or without it after a short while: it is not needed for anything. */
  static async open(options: RedisCacheOptions): Promise<RedisCache> {
    const cache = new RedisCache(options);
    const stop: (() => void)[] = [];
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, OPEN_TIMEOUT_MS);
      stop.push(
        () => clearTimeout(timer),
        cache.onState(() => resolve()),
      );
    });
    for (const end of stop) end();
    if (!cache.#up) options.logger.warn({ reason: cache.#reason }, 'Redis does not answer; going on without it');
    return cache;
  }

  async #ask(): Promise<void> {
    if (this.#up || this.#closed) return;
    clearTimeout(this.#probe);
    try {
      if (this.#client.status === 'ready') {
        await this.#tryEverything();
        return this.#back();
      }
    } catch (error) {
      this.#reason = this.#reasonOf(error as Error);
      if (performance.now() - this.#lastAnswerMs > SILENCE_MAX_MS) {
        this.#lastAnswerMs = performance.now();
        this.#client.disconnect(true);
      }
    }
    if (this.#closed) return;
    clearTimeout(this.#probe);
    this.#probe = setTimeout(() => void this.#ask(), PROBE_MS);
  }

  /** What we ask of Redis later, once: an answer to a ping says nothing about what we may do. */
  async #tryEverything(): Promise<void> {
    const [value, holder, stream] = ['value', 'holder', 'stream'].map((name) =>
      this.#key(`probe:${randomUUID()}:${name}`),
    );
    const client = this.#client;
    await Promise.all([
      client.olmsGet(value!, 'probe', LEASE_MS),
      client.olmsTake(`${value!}s`, 1, 1, 1),
      client.olmsHold(holder!, 'probe', LEASE_MS),
      client.olmsAppend(stream!, holder!, 'probe', 1, 'probe'),
      client.xrevrange(stream!, '+', '-', 'COUNT', 1),
      client.xread('COUNT', 1, 'STREAMS', stream!, '0-0'),
      client.unlink(value!, `${value!}s`, holder!, stream!),
    ]);
  }

  #reasonOf(error: Error): string {
    return redisReason(error, this.#options.url, this.#options.tls ?? NO_FILES);
  }

  #back(): void {
    if (this.#up || this.#closed) return;
    this.#up = true;
    this.#failures = 0;
    this.#lastAnswerMs = performance.now();
    this.#metrics.up.set(1);
    this.#options.logger.info('Redis answers');
    for (const listener of this.#listeners) listener(true);
  }

  #down(reason: string): void {
    if (!this.#up || this.#closed) return;
    this.#up = false;
    this.#reason = reason;
    this.#metrics.up.set(0);
    this.#options.logger.warn({ reason }, 'Redis is away; going on without it');
    for (const listener of this.#listeners) listener(false);
    clearTimeout(this.#probe);
    this.#probe = setTimeout(() => void this.#ask(), PROBE_MS);
  }

  /** One call; undefined where Redis is away or did not answer well. */
  async #call<Answer>(send: () => Promise<unknown>): Promise<Answer | undefined> {
    if (!this.#up) return undefined;
    const startedMs = performance.now();
    try {
      const answer = await send();
      this.#failures = 0;
      this.#lastAnswerMs = performance.now();
      this.#metrics.seconds.observe((this.#lastAnswerMs - startedMs) / 1000);
      return answer as Answer;
    } catch (error) {
      this.#metrics.errors.inc();
      if (++this.#failures >= FAILURES_MAX) this.#down(this.#reasonOf(error as Error));
      return undefined;
    }
  }

  #key(key: string): string {
    return `${this.#options.prefix}${key}`;
  }

  async getVersioned(key: string): Promise<Versioned | Missing> {
    const lease = randomUUID();
    const found = await this.#call<[] | [1] | [string, string]>(() =>
      this.#client.olmsGet(this.#key(key), lease, LEASE_MS),
    );
    if (found?.length === 2) {
      this.#metrics.hits.inc();
      return { version: Number(found[0]), value: found[1] };
    }
    this.#metrics.misses.inc();
    return { lease: found?.length === 1 ? lease : undefined };
  }

  async putVersioned(key: string, version: number, value: string, ttlMs: number, lease = ''): Promise<boolean> {
    return (await this.#call(() => this.#client.olmsPut(this.#key(key), version, value, ttlMs, lease))) === 1;
  }

  async forget(keys: readonly string[]): Promise<boolean> {
    const names = keys.map((key) => this.#key(key));
    for (let attempt = 0; attempt < 2; attempt++) {
      if ((await this.#call(() => this.#client.unlink(...names))) !== undefined) return true;
    }
    return false;
  }

  async take(key: string, { size, perSecond }: Bucket, cost: number): Promise<Taken | undefined> {
    const answer = await this.#call<[number, string]>(() =>
      this.#client.olmsTake(this.#key(key), size, perSecond, cost),
    );
    return answer && { allowed: answer[0] === 1, tokens: Number(answer[1]) };
  }

  async hold(key: string, owner: string, ttlMs: number): Promise<boolean | undefined> {
    const held = await this.#call(() => this.#client.olmsHold(this.#key(key), owner, ttlMs));
    return held === undefined ? undefined : held === 1;
  }

  async letGo(key: string, owner: string): Promise<void> {
    await this.#call(() => this.#client.olmsLetGo(this.#key(key), owner));
  }

  async append(stream: string, texts: readonly string[], max: number, holder: Holder): Promise<boolean> {
    const added = await this.#call(() =>
      this.#client.olmsAppend(this.#key(stream), this.#key(holder.key), holder.owner, max, ...texts),
    );
    return added === 1;
  }

  async lastPlace(stream: string): Promise<StreamPlace | undefined> {
    const last = await this.#call<RawEntry[]>(() => this.#client.xrevrange(this.#key(stream), '+', '-', 'COUNT', 1));
    return last && (last[0] ? positionOf(last[0][0]) : STREAM_START);
  }

  async entriesAfter(stream: string, after: StreamPlace, max: number): Promise<StreamEntry[] | undefined> {
    const entries = await this.#call<RawEntry[] | 0>(() => this.#client.olmsAfter(this.#key(stream), idOf(after), max));
    return Array.isArray(entries) ? entries.map(entryOf) : undefined;
  }

  follow(
    stream: string,
    after: StreamPlace,
    onEntries: (entries: readonly StreamEntry[]) => void,
    onLost: () => void,
  ): () => void {
    // A read that waits for entries holds up what is sent behind it: it has a connection of its own.
    const client = this.#client.duplicate({
      commandTimeout: FOLLOW_BLOCK_MS + FOLLOW_BLOCK_MS,
      enableOfflineQueue: true,
      retryStrategy: null,
    });
    let stopped = false;
    const stop = (): void => {
      stopped = true;
      this.#followers.delete(stop);
      client.disconnect();
    };
    client.on('error', () => {});
    this.#followers.add(stop);
    const run = async (): Promise<void> => {
      let place = idOf(after);
      while (!stopped) {
        const answer = await client.xread(
          'COUNT',
          FOLLOW_COUNT,
          'BLOCK',
          FOLLOW_BLOCK_MS,
          'STREAMS',
          this.#key(stream),
          place,
        );
        const entries = ((answer?.[0]?.[1] ?? []) as RawEntry[]).map(entryOf);
        if (entries.length === 0 || stopped) continue;
        place = idOf(entries.at(-1)!);
        onEntries(entries);
      }
    };
    run().catch(() => {
      if (stopped) return;
      stop();
      onLost();
    });
    return stop;
  }

  onState(listener: (up: boolean) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  healthy(): Health {
    return this.#up ? { ok: true, detail: 'Redis answers' } : { ok: false, detail: `Redis is away: ${this.#reason}` };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#up = false;
    clearTimeout(this.#probe);
    this.#listeners.clear();
    for (const stop of this.#followers) stop();
    this.#client.disconnect();
  }
}

type RawEntry = [id: string, fields: string[]];

function idOf(place: StreamPlace): string {
  return `${place.a}-${place.b}`;
}

function positionOf(id: string): StreamPlace {
  const [a, b] = id.split('-');
  return { a: Number(a), b: Number(b) };
}

function entryOf([id, fields]: RawEntry): StreamEntry {
  return { ...positionOf(id), text: fields[1] ?? '' };
}
