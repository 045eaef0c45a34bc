import { randomUUID } from 'node:crypto';
import type { Health } from '#platform/runtime/health.ts';
import { type Envelope, toCloudEvent } from '#contracts/envelope.ts';
import { type Cache, STREAM_START, type StreamEntry, type StreamPlace } from '#platform/cache/cache.ts';
import { MemoryCache } from '#platform/cache/memory-cache.ts';
import type { Database } from '#platform/database/database.ts';
import { Lru } from '#platform/runtime/lru.ts';
import { type Bus, type LogPosition, LOG_START } from '#platform/log/bus.ts';
import { cursorOf, readTail, tailEnd, tailLength } from '#platform/log/tail.ts';
import { fromRow, OUTBOX_COLUMNS, type OutboxRow } from '#platform/log/outbox.ts';

/** Where the events of `GET /stream` come from, and how far back they can be read again. */

/** A place in a feed; a client sends it back to go on from there. */
export interface Place {
  /** Places of different feeds cannot be compared. */
  readonly feed: string;
  readonly a: number;
  readonly b: number;
}

export interface Entry {
  readonly place: Place;
  /** Undefined where what is before and what is behind may not join: events between them may be missing. */
  readonly event: { readonly type: string; readonly orderId: string; readonly json: () => string } | undefined;
}

export interface Feed {
  /** Passes on every entry from now on, in order. `onBreak` reports that entries may be missing, and that all places are new. */
  listen(onEntry: (entry: Entry) => void, onBreak: (reason: string) => void): Promise<void>;
  stop(): Promise<void>;
  /** The last place there is now. */
  head(): Promise<Place>;
  /** Whether everything after a place can be read again, and is at most `bound` entries. */
  resumable(place: Place, bound: number): Promise<boolean>;
  /** At most `max` entries after a place, oldest first; undefined where they are gone. */
  after(place: Place, max: number): Promise<readonly Entry[] | undefined>;
  healthy(): Health;
}

/** True where `a` is to be sent to a client that is at `b`. */
export function isBehind(a: Place, b: Place): boolean {
  return a.feed !== b.feed || a.a > b.a || (a.a === b.a && a.b > b.b);
}

/** The log in PostgreSQL: every process reads the same one, so a place means the same everywhere and for good. */
export class LogFeed implements Feed {
  readonly #bus: Bus;
  readonly #log: Database;
  readonly #publicUrl: () => string;
  #unobserve: (() => void) | undefined;

  constructor(bus: Bus, log: Database, publicUrl: () => string) {
    this.#bus = bus;
    this.#log = log;
    this.#publicUrl = publicUrl;
  }

  async listen(onEntry: (entry: Entry) => void): Promise<void> {
    this.#unobserve = this.#bus.observe((event, cursor) => onEntry(this.#entry(event, cursor)));
  }

  async stop(): Promise<void> {
    this.#unobserve?.();
  }

  async head(): Promise<Place> {
    return logPlace(await tailEnd(this.#log));
  }

  async resumable(place: Place, bound: number): Promise<boolean> {
    if (place.feed !== LOG) return false;
    const cursor = { txid: place.a, position: place.b };
    // While its own entry is there, none behind it was removed; an entry of another log is not there.
    if (cursor.txid !== LOG_START.txid) {
      const [own] = await this.#log.query(
        'select 1 from log.order_outbox where txid = $1::text::xid8 and position = $2',
        [cursor.txid, cursor.position],
      );
      if (!own) return false;
    }
    return (await tailLength(this.#log, cursor, bound + 1)).rows <= bound;
  }

  async after(place: Place, max: number): Promise<readonly Entry[]> {
    const rows = await readTail<OutboxRow>(this.#log, OUTBOX_COLUMNS, { txid: place.a, position: place.b }, max);
    return rows.map((row) => this.#entry(fromRow(row), cursorOf(row)));
  }

  #entry(event: Envelope, cursor: LogPosition): Entry {
    let json: string | undefined;
    return {
      place: logPlace(cursor),
      event: {
        type: event.type,
        orderId: event.subject,
        json: () => (json ??= JSON.stringify(toCloudEvent(event, this.#publicUrl()))),
      },
    };
  }

  healthy(): Health {
    return { ok: true, detail: 'from the log' };
  }
}

const LOG = 'log';

function logPlace({ txid, position }: LogPosition): Place {
  return { feed: LOG, a: txid, b: position };
}

const STREAM = 'stream:events';
const PUBLISHER = 'stream:publisher';
export const STREAM_MAX = 10_000;
const HOLD_MS = 3_000;
const ELECT_MS = 1_000;
const RESTART_MS = 500;
const APPEND_MAX = 500;
/** More than that wait for Redis: then it is too slow, and a gap is marked instead. */
const WAITING_MAX = 20_000;
/** Kafka may deliver an event twice after a crash; the last ones are remembered. */
const REMEMBERED_EVENTS = 20_000;

/**
 * Kafka delivers to a process what happens now, but a place in it is many offsets. So one of the gateways that have
 * clients copies the events to a stream of the cache, and all read that: a place in it is good on each of them. Whenever
 * copying starts over, a gap is marked in it. Without Redis, or while it is away, each process has a stream of its own.
 */
export class FanOut implements Feed {
  readonly #bus: Bus;
  readonly #cache: Cache | undefined;
  readonly #publicUrl: () => string;
  #onEntry: (entry: Entry) => void = () => {};
  #onBreak: (reason: string) => void = () => {};
  #copy: Copy | undefined;
  #stopState: (() => void) | undefined;
  #restart: NodeJS.Timeout | undefined;

  constructor(bus: Bus, cache: Cache | undefined, publicUrl: () => string) {
    this.#bus = bus;
    this.#publicUrl = publicUrl;
    this.#cache = cache?.shared ? cache : undefined;
  }

  async listen(onEntry: (entry: Entry) => void, onBreak: (reason: string) => void): Promise<void> {
    this.#onEntry = onEntry;
    this.#onBreak = onBreak;
    this.#stopState = this.#cache?.onState((up) => this.#begin(up ? 'Redis is back' : 'Redis is away'));
    await this.#open();
  }

  async #open(): Promise<void> {
    const shared = this.#cache?.healthy().ok ? this.#cache : undefined;
    const name = shared ? 'redis' : `here${randomUUID().slice(0, 8)}`;
    const copy = new Copy(this.#bus, shared ?? new MemoryCache(), name, this.#publicUrl);
    this.#copy = copy;
    await copy.start(
      (entry) => this.#onEntry(entry),
      () => {
        if (this.#copy !== copy) return;
        clearTimeout(this.#restart);
        this.#restart = setTimeout(() => this.#begin('the stream was lost'), RESTART_MS);
      },
    );
  }

  #begin(reason: string): void {
    clearTimeout(this.#restart);
    void this.#copy?.stop();
    this.#onBreak(reason);
    void this.#open();
  }

  async stop(): Promise<void> {
    clearTimeout(this.#restart);
    this.#stopState?.();
    const copy = this.#copy;
    this.#copy = undefined;
    await copy?.stop();
  }

  async head(): Promise<Place> {
    return this.#copy!.head();
  }

  async resumable(place: Place, bound: number): Promise<boolean> {
    const entries = await this.after(place, bound + 1);
    return entries !== undefined && entries.length <= bound;
  }

  async after(place: Place, max: number): Promise<readonly Entry[] | undefined> {
    return this.#copy?.name === place.feed ? this.#copy.after(place, max) : undefined;
  }

  healthy(): Health {
    if (!this.#cache) return { ok: true, detail: 'from Kafka, for clients of this process alone' };
    if (this.#cache.healthy().ok) return { ok: true, detail: 'through Redis' };
    return { ok: false, detail: 'Redis is away: from Kafka, for clients of this process alone' };
  }
}

/** One stream of a cache: read by this process, and written by it while it is the one that copies. */
class Copy {
  readonly name: string;
  readonly #bus: Bus;
  readonly #cache: Cache;
  readonly #publicUrl: () => string;
  readonly #owner = randomUUID();
  #copied = new Lru<true>(REMEMBERED_EVENTS);
  #waiting: string[] = [];
  #writing = false;
  /** Nothing was copied since this process began to. */
  #fresh = true;
  #unfollow: (() => void) | undefined;
  #unobserve: (() => void) | undefined;
  #election: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(bus: Bus, cache: Cache, name: string, publicUrl: () => string) {
    this.#bus = bus;
    this.#publicUrl = publicUrl;
    this.#cache = cache;
    this.name = name;
  }

  async start(onEntry: (entry: Entry) => void, onLost: () => void): Promise<void> {
    const last = await this.#cache.lastPlace(STREAM);
    if (this.#stopped) return;
    if (!last) return onLost();
    const onEntries = (entries: readonly StreamEntry[]): void => {
      if (!this.#stopped) for (const entry of entries) onEntry(this.#entry(entry));
    };
    this.#unfollow = this.#cache.follow(STREAM, last, onEntries, onLost);
    await this.#elect();
    if (!this.#stopped) this.#election = setInterval(() => void this.#elect(), ELECT_MS);
  }

  async #elect(): Promise<void> {
    const held = await this.#cache.hold(PUBLISHER, this.#owner, HOLD_MS);
    if (this.#stopped) return held ? this.#cache.letGo(PUBLISHER, this.#owner) : undefined;
    if (!held) this.#resign();
    else if (!this.#unobserve) {
      this.#copied = new Lru(REMEMBERED_EVENTS);
      this.#fresh = true;
      this.#unobserve = this.#bus.observe((event) => this.#observed(event));
    }
  }

  #resign(): void {
    this.#unobserve?.();
    this.#unobserve = undefined;
    this.#waiting = [];
  }

  #observed(event: Envelope): void {
    if (this.#copied.get(event.id)) return;
    // What was emitted before the first event that arrives here, nobody may have copied.
    if (this.#fresh) this.#waiting.push(GAP);
    this.#fresh = false;
    this.#copied.set(event.id, true);
    const json = JSON.stringify(toCloudEvent(event, this.#publicUrl()));
    this.#waiting.push(`${event.type}\n${event.subject}\n${json}`);
    if (this.#waiting.length > WAITING_MAX) this.#resign();
    else if (!this.#writing) {
      this.#writing = true;
      setImmediate(() => void this.#write());
    }
  }

  async #write(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#stopped) {
      const texts = this.#waiting.splice(0, APPEND_MAX);
      if (await this.#cache.append(STREAM, texts, STREAM_MAX, { key: PUBLISHER, owner: this.#owner })) continue;
      this.#resign();
    }
    this.#writing = false;
  }

  async head(): Promise<Place> {
    return this.#place((await this.#cache.lastPlace(STREAM)) ?? STREAM_START);
  }

  async after(place: Place, max: number): Promise<Entry[] | undefined> {
    return (await this.#cache.entriesAfter(STREAM, place, max))?.map((entry) => this.#entry(entry));
  }

  #place({ a, b }: StreamPlace): Place {
    return { feed: this.name, a, b };
  }

  #entry(entry: StreamEntry): Entry {
    const place = this.#place(entry);
    if (entry.text === GAP) return { place, event: undefined };
    const [type = '', orderId = ''] = entry.text.split('\n', 2);
    const json = entry.text.slice(type.length + orderId.length + 2);
    return { place, event: { type, orderId, json: () => json } };
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#election);
    this.#unfollow?.();
    const published = this.#unobserve !== undefined;
    this.#resign();
    if (published) await this.#cache.letGo(PUBLISHER, this.#owner);
  }
}

const GAP = '';
