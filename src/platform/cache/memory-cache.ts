import { randomUUID } from 'node:crypto';
import type { Health } from '#platform/runtime/health.ts';
import { Lru } from '#platform/runtime/lru.ts';
import {
  type Bucket,
  type Cache,
  type Holder,
  LEASE_MS,
  type Missing,
  type StreamEntry,
  type StreamPlace,
  type Taken,
  type Versioned,
} from './cache.ts';

const VALUES_MAX = 10_000;
const BUCKETS_MAX = 10_000;

interface Slot {
  readonly version?: number;
  readonly value?: string;
  readonly lease?: string;
  readonly untilMs: number;
}

interface Level {
  tokens: number;
  atMs: number;
}

interface Stream {
  entries: StreamEntry[];
  last: number;
  readonly listeners: Set<(entries: readonly StreamEntry[]) => void>;
}

/** The cache of a single process: the same rules in plain memory, bounded. It is never away. */
export class MemoryCache implements Cache {
  readonly shared = false;
  readonly #slots = new Lru<Slot>(VALUES_MAX);
  readonly #levels = new Lru<Level>(BUCKETS_MAX);
  readonly #holders = new Map<string, { owner: string; untilMs: number }>();
  readonly #streams = new Map<string, Stream>();

  async getVersioned(key: string): Promise<Versioned | Missing> {
    const slot = this.#slot(key);
    if (slot?.value !== undefined) return { version: slot.version!, value: slot.value };
    if (slot) return { lease: undefined };
    const lease = randomUUID();
    this.#slots.set(key, { lease, untilMs: performance.now() + LEASE_MS });
    return { lease };
  }

  async putVersioned(key: string, version: number, value: string, ttlMs: number, lease?: string): Promise<boolean> {
    const slot = this.#slot(key);
    if (lease !== undefined && slot?.lease !== lease) return false;
    if (slot?.version !== undefined && slot.version > version) return false;
    this.#slots.set(key, { version, value, untilMs: performance.now() + ttlMs });
    return true;
  }

  async forget(keys: readonly string[]): Promise<boolean> {
    for (const key of keys) this.#slots.delete(key);
    return true;
  }

  #slot(key: string): Slot | undefined {
    const slot = this.#slots.get(key);
    return slot && slot.untilMs > performance.now() ? slot : undefined;
  }

  async take(key: string, { size, perSecond }: Bucket, cost: number): Promise<Taken> {
    const nowMs = performance.now();
    let level = this.#levels.get(key);
    if (!level) this.#levels.set(key, (level = { tokens: size, atMs: nowMs }));
    level.tokens = Math.min(size, level.tokens + ((nowMs - level.atMs) * perSecond) / 1000);
    level.atMs = nowMs;
    const allowed = level.tokens >= Math.min(cost, size);
    if (allowed) level.tokens -= cost;
    return { allowed, tokens: level.tokens };
  }

  async hold(key: string, owner: string, ttlMs: number): Promise<boolean> {
    if (!this.#mayHold(key, owner)) return false;
    this.#holders.set(key, { owner, untilMs: performance.now() + ttlMs });
    return true;
  }

  #mayHold(key: string, owner: string): boolean {
    const holder = this.#holders.get(key);
    return !holder || holder.owner === owner || holder.untilMs <= performance.now();
  }

  async letGo(key: string, owner: string): Promise<void> {
    if (this.#holders.get(key)?.owner === owner) this.#holders.delete(key);
  }

  async append(name: string, texts: readonly string[], max: number, holder: Holder): Promise<boolean> {
    const present = this.#holders.get(holder.key);
    if (present?.owner !== holder.owner || present.untilMs <= performance.now()) return false;
    const stream = this.#stream(name);
    const added = texts.map((text): StreamEntry => ({ a: ++stream.last, b: 0, text }));
    stream.entries.push(...added);
    if (stream.entries.length > 2 * max) stream.entries = stream.entries.slice(-max);
    for (const listener of stream.listeners) listener(added);
    return true;
  }

  async lastPlace(name: string): Promise<StreamPlace> {
    return { a: this.#stream(name).last, b: 0 };
  }

  async entriesAfter(name: string, after: StreamPlace, max: number): Promise<StreamEntry[] | undefined> {
    const { entries, last } = this.#stream(name);
    const from = entries.length - (last - after.a);
    if (from < 0 || after.a > last) return undefined;
    return entries.slice(from, from + max);
  }

  follow(name: string, after: StreamPlace, onEntries: (entries: readonly StreamEntry[]) => void): () => void {
    const { entries, last, listeners } = this.#stream(name);
    const missed = entries.slice(Math.max(0, entries.length - (last - after.a)));
    if (missed.length > 0) onEntries(missed);
    listeners.add(onEntries);
    return () => listeners.delete(onEntries);
  }

  #stream(name: string): Stream {
    let stream = this.#streams.get(name);
    if (!stream) this.#streams.set(name, (stream = { entries: [], last: 0, listeners: new Set() }));
    return stream;
  }

  onState(): () => void {
    return () => {};
  }

  healthy(): Health {
    return { ok: true, detail: 'in this process' };
  }

  async close(): Promise<void> {
    for (const { listeners } of this.#streams.values()) listeners.clear();
  }
}
