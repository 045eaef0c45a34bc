import type { ServerResponse } from 'node:http';
import type { Counter, Gauge } from 'prom-client';
import type { FieldPermission } from '#contracts/permissions.ts';
import type { Health } from '#platform/runtime/health.ts';
import type { Cache } from '#platform/cache/cache.ts';
import { Problem } from '#platform/http/problems.ts';
import type { OwnOrders } from '#platform/http/own-orders.ts';
import { jsonWithout } from '#platform/http/withheld.ts';
import type { Bus } from '#platform/log/bus.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import type { Metrics } from '#platform/telemetry/metrics.ts';
import { gatewayMetrics } from './metrics.ts';
import { type Entry, FanOut, type Feed, isBehind, LogFeed, type Place } from './stream-feeds.ts';

/**
 * `GET /stream`: events as they happen, as server-sent events. A client that comes back with the last id it saw gets
 * what it missed, once and in order, as far as that is still there and not too much. Where it is not, and wherever
 * events may be missing, it gets `reset`: what it shows is to be read again.
 */

const HEARTBEAT_MS = 15_000;
const RETRY_MS = 2_000;
/** A client further behind than this is better off starting over. */
export const RESUME_MAX = 10_000;
/** What happened meanwhile may grow the way, but not for ever. */
const CATCH_UP_MAX = 3 * RESUME_MAX;
const PAGE = 500;
const PENDING_MAX = 500;
/** What may wait in this process for one client; what comes on top of it is read again when that is taken. */
const BUFFER_MAX_BYTES = 512 * 1024;
const DRAIN_TIMEOUT_MS = 10_000;
const END_TIMEOUT_MS = 1_000;
/** The source is kept for clients that come back. */
const LINGER_MS = 60_000;

export interface StreamOptions {
  readonly bus: Bus;
  readonly cache: Cache | undefined;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clientsMax: number;
  readonly clientsPerKeyMax: number;
  /** Base URL of the API as it is reached from outside. */
  readonly publicUrl: () => string;
  /** After so long an answer ends, and its client comes back with a new request. */
  readonly ageMaxMs: number;
}

/** Whose connection it is. */
export interface Listener {
  /** Of the caller, whose streams are counted. */
  readonly name: string;
  /** Of a customer: whose orders there are. */
  readonly own?: { readonly customer: string; readonly orders: OwnOrders } | undefined;
  /** Permissions for fields that the caller lacks. */
  readonly lacked?: ReadonlySet<FieldPermission> | undefined;
  /** Whether the key still opens the stream. */
  readonly admitted: () => boolean | Promise<boolean>;
}

export interface StreamFilter {
  /** All where empty. */
  readonly orderIds: ReadonlySet<string>;
  readonly types: ReadonlySet<string>;
}

export function isAsked({ orderIds, types }: StreamFilter, event: NonNullable<Entry['event']>): boolean {
  return (orderIds.size === 0 || orderIds.has(event.orderId)) && (types.size === 0 || types.has(event.type));
}

/** Whether a listener may know of an order; undefined where that has to be learned first. */
export function mayKnow({ own }: Listener, orderId: string): boolean | undefined {
  return !own || own.orders.isOf(own.customer, orderId);
}

/** Somebody who follows what happens. */
export interface Follower {
  readonly listener: Listener;
  readonly ageMs: number;
  send(entry: Entry): void;
  /** Events may be missing, and places of before mean nothing any more. */
  startOver(reason: string): void;
  /** Called now and then, so that the connection is not taken for dead. */
  beat(): void;
  end(): Promise<void>;
}

export class Stream {
  readonly #options: StreamOptions;
  readonly #feed: Feed;
  readonly #clients = new Set<Follower>();
  readonly #gauge: Gauge;
  readonly #dropped: Counter;
  #listening: Promise<void> | undefined;
  #heartbeat: NodeJS.Timeout | undefined;
  #linger: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: StreamOptions) {
    const { bus, cache, metrics, publicUrl } = options;
    this.#options = options;
    // A log that every process reads needs nobody to fan it out, and is right whatever becomes of Redis.
    this.#feed = bus.log ? new LogFeed(bus, bus.log, publicUrl) : new FanOut(bus, cache, publicUrl);
    const { clients, dropped } = gatewayMetrics(metrics);
    this.#gauge = clients;
    this.#dropped = dropped;
  }

  /** Throws a {@link Problem} where one more client of this key cannot be served. */
  assertRoom(name: string): void {
    const { clientsMax, clientsPerKeyMax } = this.#options;
    if (this.#closed) throw new Problem('UNAVAILABLE', 'This process is stopping.');
    let own = 0;
    for (const client of this.#clients) if (client.listener.name === name) own++;
    if (own >= clientsPerKeyMax)
      throw new Problem('RATE_LIMITED', `${own} clients with this key are following the stream already.`, {
        headers: { 'retry-after': String(HEARTBEAT_MS / 1000) },
      });
    if (this.#clients.size >= clientsMax)
      throw new Problem('OVERLOADED', `${this.#clients.size} clients are following the stream already.`);
  }

  /** Resolves once events are listened to. */
  async listen(): Promise<void> {
    clearTimeout(this.#linger);
    this.#listening ??= this.#feed.listen(
      (entry) => {
        for (const client of this.#clients) client.send(entry);
      },
      (reason) => {
        for (const client of this.#clients) client.startOver(reason);
      },
    );
    try {
      await this.#listening;
    } catch (error) {
      this.#listening = undefined;
      throw error;
    }
  }

  /** Serves one client until it goes away, is too slow or old, its key opens nothing any more, or the process stops. */
  serve(response: ServerResponse, listener: Listener, filter: StreamFilter, last: string | undefined): void {
    const client = new Client(response, this.#feed, listener, filter, (error) => {
      if (error) return this.#options.logger.warn({ err: error }, 'a client of the stream could not be served');
      this.#dropped.inc();
      this.#options.logger.info('a client of the stream reads too slowly and was disconnected');
    });
    response.once('close', this.join(client));
    client.follow(last);
  }

  /** Sends somebody what happens from now on; `listen` must have resolved before. Returns what ends it. */
  join(follower: Follower): () => void {
    this.#clients.add(follower);
    this.#gauge.set(this.#clients.size);
    this.#heartbeat ??= setInterval(() => {
      for (const each of this.#clients) void this.#beat(each);
    }, HEARTBEAT_MS);
    return () => this.#left(follower);
  }

  async #beat(client: Follower): Promise<void> {
    if (client.ageMs >= this.#options.ageMaxMs) return client.end();
    try {
      if (!(await client.listener.admitted())) return await client.end();
    } catch (error) {
      // Nobody can say now; they are asked again, and the age of the answer is the limit.
      this.#options.logger.warn(
        { err: error },
        'whether a client of the stream still may follow it could not be asked',
      );
    }
    client.beat();
  }

  #left(client: Follower): void {
    if (!this.#clients.delete(client)) return;
    this.#gauge.set(this.#clients.size);
    if (this.#clients.size > 0) return;
    clearInterval(this.#heartbeat);
    this.#heartbeat = undefined;
    clearTimeout(this.#linger);
    if (!this.#closed) this.#linger = setTimeout(() => void this.#rest(), LINGER_MS);
  }

  async #rest(): Promise<void> {
    if (this.#clients.size > 0 || !this.#listening) return;
    this.#listening = undefined;
    await this.#feed.stop();
  }

  healthy(): Health {
    const { ok, detail } = this.#feed.healthy();
    return { ok, detail: `${detail}; ${this.#clients.size} clients` };
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#heartbeat);
    clearTimeout(this.#linger);
    await Promise.all([...this.#clients].map((client) => client.end()));
    await this.#rest();
  }
}

/** One connection: what it is owed, and no more of that in memory than it may. */
class Client implements Follower {
  readonly listener: Listener;
  readonly #sinceMs = performance.now();
  readonly #response: ServerResponse;
  readonly #feed: Feed;
  readonly #filter: StreamFilter;
  readonly #onGivenUp: (error?: unknown) => void;
  /** Up to here everything was sent or was not asked for. */
  #place: Place = NOWHERE;
  #saidPlace: Place | undefined = NOWHERE;
  /** What came while the past is read; undefined once the present is sent as it comes. */
  #pending: Entry[] | undefined = [];
  #overflowed = false;
  /** Of the feed; what was read of an earlier one is void. */
  #era = 0;

  constructor(
    response: ServerResponse,
    feed: Feed,
    listener: Listener,
    filter: StreamFilter,
    onGivenUp: (error?: unknown) => void,
  ) {
    this.listener = listener;
    this.#response = response;
    this.#feed = feed;
    this.#filter = filter;
    this.#onGivenUp = onGivenUp;
  }

  get ageMs(): number {
    return performance.now() - this.#sinceMs;
  }

  /** Sends what happened after the last id the client saw, or after now, and then everything as it happens. */
  follow(last: string | undefined): void {
    this.#start(last).catch((error: unknown) => this.#giveUp(error));
  }

  async #start(last: string | undefined): Promise<void> {
    this.#response.write(`retry: ${RETRY_MS}\n: what happens from here on\n\n`);
    const era = this.#era;
    const wanted = last === undefined ? undefined : parsePlace(last);
    const resumes = wanted !== undefined && (await this.#feed.resumable(wanted, RESUME_MAX));
    const start = resumes ? wanted : await this.#feed.head();
    if (era === this.#era) {
      this.#place = start;
      if (last !== undefined && !resumes) this.#reset('what happened since cannot be sent any more', start);
      else this.#sayPlace();
    }
    await this.#catchUp(era);
  }

  /** Reads from the feed what the client has not got, as fast as it takes it, until nothing is left of that. */
  async #catchUp(era: number): Promise<void> {
    let sent = 0;
    while (era === this.#era && this.#open) {
      this.#pending = [];
      this.#overflowed = false;
      const page = await this.#feed.after(this.#place, PAGE);
      if (era !== this.#era) return;
      if (!page) return this.startOver('what happened since cannot be sent any more');
      await this.listener.own?.orders.learn(page.flatMap(({ event }) => event?.orderId ?? []));
      if (era !== this.#era) return;
      for (const entry of page) this.#offer(entry);
      sent += page.length;
      if (sent > CATCH_UP_MAX || !(await this.#drained())) return this.#giveUp();
      if (era !== this.#era) return;
      if (page.length === PAGE || this.#overflowed || this.#pending.some((entry) => this.#isOwn(entry) === undefined))
        continue;
      for (const entry of this.#pending) this.#offer(entry);
      this.#pending = undefined;
      return;
    }
  }

  /** Sends an entry of the present, at once or behind what is still read of the past. */
  send(entry: Entry): void {
    if (this.#pending) {
      // What does not fit is read from the feed.
      if (this.#pending.length < PENDING_MAX) this.#pending.push(entry);
      else this.#overflowed = true;
      return;
    }
    // Whose order it is, is asked while the entry is read once more.
    if (this.#isOwn(entry) === undefined) return this.#wait();
    this.#offer(entry);
    if (this.#response.writableLength > BUFFER_MAX_BYTES) this.#wait();
  }

  #isOwn({ event }: Entry): boolean | undefined {
    return !event || mayKnow(this.listener, event.orderId);
  }

  /** Keeps nothing more for a client that has enough to take, until it has. */
  #wait(): void {
    const era = this.#era;
    this.#pending = [];
    this.#drained()
      .then((taken) => (taken ? this.#catchUp(era) : this.#giveUp()))
      .catch((error: unknown) => this.#giveUp(error));
  }

  /** The feed started over: nothing of before can be compared with what comes. */
  startOver(reason: string): void {
    this.#era++;
    this.#pending = undefined;
    this.#place = NOWHERE;
    this.#reset(reason);
  }

  #offer(entry: Entry): void {
    if (!isBehind(entry.place, this.#place)) return;
    this.#place = entry.place;
    const { event } = entry;
    if (!event) return this.#reset('events may be missing here', entry.place);
    if (!isAsked(this.#filter, event) || !this.#isOwn(entry)) return;
    const { lacked } = this.listener;
    const json = lacked ? jsonWithout(lacked, event.json()) : event.json();
    this.#saidPlace = entry.place;
    this.#response.write(`id: ${idOf(entry.place)}\nevent: ${event.type}\ndata: ${json}\n\n`);
  }

  #reset(reason: string, place?: Place): void {
    this.#saidPlace = place;
    const id = place ? `id: ${idOf(place)}\n` : '';
    this.#response.write(`${id}event: reset\ndata: ${JSON.stringify({ reason })}\n\n`);
  }

  /** Keeps the connection, and a client that asked for little from falling behind what can be sent again. */
  beat(): void {
    if (!this.#open) return;
    this.#response.write(': heartbeat\n');
    if (!this.#pending && this.#place !== NOWHERE && this.#place !== this.#saidPlace) this.#sayPlace();
    else this.#response.write('\n');
  }

  /** An id without data is remembered by the client and is no event. */
  #sayPlace(): void {
    this.#saidPlace = this.#place;
    this.#response.write(`id: ${idOf(this.#place)}\n\n`);
  }

  get #open(): boolean {
    return !this.#response.destroyed && !this.#response.writableEnded;
  }

  /** False where the client does not take what it was sent in time. */
  async #drained(): Promise<boolean> {
    if (!this.#open || !this.#response.writableNeedDrain) return true;
    return new Promise((resolve) => {
      const done = (answer: boolean): void => {
        clearTimeout(timer);
        this.#response.off('drain', onDrain).off('close', onDrain);
        resolve(answer);
      };
      const onDrain = (): void => done(true);
      const timer = setTimeout(() => done(false), DRAIN_TIMEOUT_MS);
      this.#response.on('drain', onDrain).on('close', onDrain);
    });
  }

  /** Without an error: because the client reads too slowly. */
  #giveUp(error?: unknown): void {
    if (!this.#open) return;
    this.#onGivenUp(error);
    this.#response.destroy();
  }

  async end(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#response.once('close', resolve));
    if (this.#response.destroyed) return;
    this.#response.end();
    // The connection is not kept for another request, and a client that reads nothing does not keep it either.
    this.#response.socket?.destroySoon();
    const timer = setTimeout(() => this.#response.destroy(), END_TIMEOUT_MS);
    await closed;
    clearTimeout(timer);
  }
}

const NOWHERE: Place = { feed: '', a: 0, b: 0 };

function idOf({ feed, a, b }: Place): string {
  return `${feed}:${a}-${b}`;
}

function parsePlace(id: string): Place | undefined {
  const [, feed, a, b] = /^([a-z0-9]{1,20}):(\d{1,15})-(\d{1,15})$/.exec(id) ?? [];
  return feed === undefined ? undefined : { feed, a: Number(a), b: Number(b) };
}
