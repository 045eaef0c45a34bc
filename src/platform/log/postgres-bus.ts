import { setTimeout as sleep } from 'node:timers/promises';
import type { Envelope } from '#contracts/envelope.ts';
import type { Database } from '#platform/database/database.ts';
import { RecentCommits } from './recent-commits.ts';
import {
  type Bus,
  type LogPosition,
  type Delivery,
  isAfter,
  isSame,
  type Lag,
  LOG_START,
  loadOffsets,
  type OffsetMove,
  readOffsets,
  type SubscribeOptions,
  type Subscription,
} from './bus.ts';
import { encoded } from './encoded.ts';
import { cursorOf, readTail, readTailEvents, tailEnd, type TailEntry } from './tail.ts';
import { fromRow, OUTBOX_COLUMNS, type OutboxRow } from './outbox.ts';
import type { Candidacy, Coordinator } from './coordinator.ts';

/**
 * The embedded bus: consumers tail the outbox itself, in the order log-tail.ts tells.
 *
 * One tail per process reads for all its consumers. For events this very process committed, the log gives
 * only the order; their content is still in memory (`announce`), so nothing is parsed twice.
 */

/** Recent events kept in memory for consumers; one that falls further behind reads the table itself. */
const WINDOW_MAX = 20_000;
const POLL_LIMIT = 5_000;
const CATCH_UP_LIMIT = 1_000;
const SAFETY_POLL_MS = 500;
/** While own events are hidden behind somebody else's open transaction; doubled from poll to poll. */
const BLOCKED_POLL_MS = 5;
const BLOCKED_POLL_MAX_MS = 80;

type LogEntry = TailEntry<Envelope>;

export class PostgresBus implements Bus {
  readonly #database: Database;
  readonly #recentCommits = new RecentCommits();
  readonly #subscriptions = new Set<PostgresSubscription>();
  readonly #observers = new Set<(event: Envelope, cursor: LogPosition) => void>();
  readonly #stopWatchingWrites: () => void;
  readonly #safetyPoll: NodeJS.Timeout;
  readonly #coordinator: Coordinator | undefined;
  readonly #stopListening: () => void;
  /** Another process said that it wrote; what it wrote may still be hidden behind an open transaction. */
  #noticed = false;
  #window: LogEntry[] = [];
  /** Absolute number of the window's first entry, counted since start. */
  #windowBase = 0;
  /** Everything at or before this place was read before the window began. */
  #windowStart: LogPosition = LOG_START;
  #head: LogPosition = LOG_START;
  #wanted = false;
  #polling: Promise<void> | undefined;
  #blockedPoll: NodeJS.Timeout | undefined;
  #blockedPollMs = BLOCKED_POLL_MS;
  #closed = false;
  #failure: string | undefined;

  private constructor(database: Database, coordinator: Coordinator | undefined) {
    this.#database = database;
    this.#coordinator = coordinator;
    this.#stopWatchingWrites = database.onWrite(() => {
      if (this.#recentCommits.isEmpty) return;
      this.wake();
      coordinator?.notifier.notify();
    });
    this.#stopListening =
      coordinator?.notifier.onNotice(() => {
        this.#noticed = true;
        this.#blockedPollMs = BLOCKED_POLL_MS;
        this.wake();
      }) ?? (() => {});
    this.#safetyPoll = setInterval(() => this.wake(), SAFETY_POLL_MS);
  }

  /** Starts tailing at the present end of the log; consumers that are behind catch up from the table. */
  static async open(database: Database, coordinator?: Coordinator): Promise<PostgresBus> {
    const bus = new PostgresBus(database, coordinator);
    bus.#head = await tailEnd(database);
    bus.#windowStart = bus.#head;
    return bus;
  }

  get log(): Database {
    return this.#database;
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    const subscription = new PostgresSubscription(this, this.#database, options, this.#coordinator, () =>
      this.#subscriptions.delete(subscription),
    );
    await subscription.reset();
    this.#subscriptions.add(subscription);
    subscription.campaign();
    this.wake();
    // Only after the caller has the subscription in its hands.
    setImmediate(options.onReady);
    return subscription;
  }

  remember(events: readonly Envelope[]): void {
    this.#recentCommits.add(events);
  }

  forget(events: readonly Envelope[]): void {
    this.#recentCommits.remove(events);
  }

  observe(listener: (event: Envelope, cursor: LogPosition) => void): () => void {
    this.#observers.add(listener);
    return () => this.#observers.delete(listener);
  }

  healthy(): { ok: boolean; detail: string } {
    const failure = this.#failure ?? this.#coordinator?.failure;
    return failure === undefined ? { ok: true, detail: 'tailing' } : { ok: false, detail: failure };
  }

  /** Asks for a read of the log's end; calls during a read are joined to one more read. */
  wake(): void {
    this.#wanted = true;
    this.#polling ??= this.#run().finally(() => {
      this.#polling = undefined;
      if (this.#wanted && !this.#closed) this.wake();
    });
  }

  async #run(): Promise<void> {
    while (this.#wanted && !this.#closed) {
      this.#wanted = false;
      try {
        if ((await this.#poll()) === POLL_LIMIT) this.#wanted = true;
        this.#failure = undefined;
      } catch (error) {
        // The database is away: the safety poll tries again, nothing is lost meanwhile.
        this.#failure = (error as Error).message;
        return;
      }
    }
    if ((!this.#recentCommits.isEmpty || this.#noticed) && !this.#closed) {
      this.#blockedPoll ??= setTimeout(() => {
        this.#blockedPoll = undefined;
        // What no process here has committed may be read already, by the poll that was under way: ask a few times more.
        if (this.#blockedPollMs >= BLOCKED_POLL_MAX_MS) this.#noticed = false;
        this.#blockedPollMs = Math.min(BLOCKED_POLL_MAX_MS, this.#blockedPollMs * 2);
        if (!this.#recentCommits.isEmpty || this.#noticed) this.wake();
      }, this.#blockedPollMs);
    }
  }

  async #poll(): Promise<number> {
    const entries = await readTailEvents(this.#database, this.#head, {
      limit: POLL_LIMIT,
      recentCommits: this.#recentCommits,
      columns: OUTBOX_COLUMNS,
      ofMemory: (event) => event,
      ofRow: fromRow,
    });
    if (entries.length === 0) return 0;
    // From here on nothing can fail: an entry must not enter the window without the head moving past it.
    this.#head = entries.at(-1)!.cursor;
    this.#blockedPollMs = BLOCKED_POLL_MS;
    this.#noticed = false;
    for (const entry of entries) this.#window.push(entry);
    if (this.#window.length > WINDOW_MAX + POLL_LIMIT) this.#trim(this.#window.length - WINDOW_MAX);
    for (const subscription of this.#subscriptions) subscription.notify();
    for (const { event, cursor } of entries) for (const observer of this.#observers) observer(event, cursor);
    return entries.length;
  }

  #trim(count: number): void {
    this.#windowStart = this.#window[count - 1]!.cursor;
    this.#window = this.#window.slice(count);
    this.#windowBase += count;
  }

  /** The absolute number of the first window entry after a cursor, or undefined where the window starts later. */
  numberAfter(cursor: LogPosition): number | undefined {
    if (isAfter(this.#windowStart, cursor)) return undefined;
    let low = 0;
    let high = this.#window.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isAfter(this.#window[middle]!.cursor, cursor)) high = middle;
      else low = middle + 1;
    }
    return this.#windowBase + low;
  }

  /** The entry of an absolute number, undefined past the end, null where it was trimmed. */
  entry(number: number): LogEntry | undefined | null {
    return number < this.#windowBase ? null : this.#window[number - this.#windowBase];
  }

  get end(): number {
    return this.#windowBase + this.#window.length;
  }

  /** Everything visible at or before this place is older than the window. */
  get windowStart(): LogPosition {
    return this.#windowStart;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#safetyPoll);
    clearTimeout(this.#blockedPoll);
    this.#stopWatchingWrites();
    this.#stopListening();
    await this.#polling;
  }
}

/** Full entries after a place, oldest first, up to the present horizon. */
async function readLog(database: Database, after: LogPosition, limit: number): Promise<LogEntry[]> {
  const rows = await readTail<OutboxRow>(database, OUTBOX_COLUMNS, after, limit);
  return rows.map((row) => ({ cursor: cursorOf(row), event: fromRow(row) }));
}

class PostgresSubscription implements Subscription {
  readonly #bus: PostgresBus;
  readonly #database: Database;
  readonly #options: SubscribeOptions;
  readonly #onClose: () => void;
  readonly #coordinator: Coordinator | undefined;
  /** To be the one that reads; undefined where no other process can. */
  #candidacy: Candidacy | undefined;
  #takingOver = false;
  #term = 0;
  #stored: LogPosition = LOG_START;
  /** The last place given out or skipped. */
  #read: LogPosition = LOG_START;
  /** Where the last delivery ended. */
  #given: LogPosition = LOG_START;
  /** Up to here a replay reads again what was read before. */
  #again: LogPosition = LOG_START;
  /** Absolute number of the next window entry; undefined while catching up from the table. */
  #next: number | undefined;
  #catchUp: LogEntry[] = [];
  #filling = false;
  #generation = 0;

  constructor(
    bus: PostgresBus,
    database: Database,
    options: SubscribeOptions,
    coordinator: Coordinator | undefined,
    onClose: () => void,
  ) {
    this.#bus = bus;
    this.#database = database;
    this.#options = options;
    this.#coordinator = coordinator;
    this.#onClose = onClose;
  }

  /** Stands for election as the one that reads, where other processes may read, too. */
  campaign(): void {
    this.#candidacy = this.#coordinator?.campaign({
      name: `consumer ${this.#options.consumer}`,
      onElected: () => void this.#takeOver(),
      onDeposed: () => this.#options.onReady(),
    });
  }

  /** The process before us may have saved further and parked more than we know of. */
  async #takeOver(): Promise<void> {
    const term = ++this.#term;
    this.#takingOver = true;
    while (term === this.#term && this.#candidacy?.elected) {
      try {
        await this.#options.onGained?.();
        await this.reset();
        this.#takingOver = false;
        this.#options.onReady();
        return;
      } catch {
        await sleep(SAFETY_POLL_MS);
      }
    }
  }

  /** True while another process reads for this consumer, or we do not know yet where it stopped. */
  get #standsBy(): boolean {
    return this.#candidacy !== undefined && (!this.#candidacy.elected || this.#takingOver);
  }

  async reset(): Promise<void> {
    this.#generation++;
    const offsets = await loadOffsets(this.#options.database, this.#options.consumer, [0]);
    const { txid, position, again = LOG_START } = offsets.get(0)!;
    this.#stored = { txid, position };
    this.#again = again;
    this.#read = this.#stored;
    this.#given = this.#stored;
    this.#catchUp = [];
    this.#next = this.#bus.numberAfter(this.#read);
    this.#options.onReady();
  }

  async moved(): Promise<boolean> {
    if (this.#standsBy) return false;
    const stored = (await readOffsets(this.#options.database, this.#options.consumer)).get(0);
    return stored !== undefined && !isSame(stored, this.#stored);
  }

  notify(): void {
    this.#options.onReady();
  }

  take(max: number): Delivery | undefined {
    if (this.#standsBy) return undefined;
    if (this.#next === undefined) return this.#takeBehind(max);
    const events: Envelope[] = [];
    const before = this.#read;
    while (events.length < max) {
      const entry = this.#bus.entry(this.#next);
      if (entry === null) {
        this.#next = undefined;
        break;
      }
      if (entry === undefined) break;
      this.#next++;
      // Another process of this consumer may have saved further than this process's tail had read.
      if (!isAfter(entry.cursor, this.#read)) continue;
      this.#read = entry.cursor;
      if (this.#options.types.has(entry.event.type)) events.push(entry.event);
    }
    if (events.length === 0)
      return this.#next === undefined && this.#read === before ? this.#takeBehind(max) : undefined;
    return this.#deliver(events);
  }

  #takeBehind(max: number): Delivery | undefined {
    if (this.#catchUp.length === 0) {
      this.#fill();
      return undefined;
    }
    const events: Envelope[] = [];
    let taken = 0;
    for (const entry of this.#catchUp) {
      if (events.length >= max) break;
      taken++;
      this.#read = entry.cursor;
      if (this.#options.types.has(entry.event.type)) events.push(entry.event);
    }
    this.#catchUp.splice(0, taken);
    if (this.#catchUp.length === 0) {
      this.#next = this.#bus.numberAfter(this.#read);
      if (this.#next === undefined) this.#fill();
      else queueMicrotask(this.#options.onReady);
    }
    return events.length > 0 ? this.#deliver(events) : undefined;
  }

  #deliver(events: readonly Envelope[]): Delivery {
    this.#given = this.#read;
    return { events: this.#options.encoded ? events.map(encoded) : events, moves: this.#moves() };
  }

  #fill(): void {
    if (this.#filling) return;
    this.#filling = true;
    const generation = this.#generation;
    const { windowStart } = this.#bus;
    readLog(this.#database, this.#read, CATCH_UP_LIMIT)
      .then((entries) => {
        this.#filling = false;
        if (generation !== this.#generation) return;
        if (entries.length === 0) {
          // What lay between was removed by retention. What the window took in since may not be skipped with it.
          if (isAfter(windowStart, this.#read)) this.#read = windowStart;
          this.#next = this.#bus.numberAfter(this.#read);
        }
        this.#catchUp = entries;
        this.#options.onReady();
      })
      .catch(() => {
        this.#filling = false;
        setTimeout(this.#options.onReady, SAFETY_POLL_MS);
      });
  }

  #moves(): OffsetMove[] {
    return [{ partition: 0, from: this.#stored, to: this.#read }];
  }

  saved(moves: readonly OffsetMove[]): void {
    for (const move of moves) this.#stored = move.to;
  }

  idleMoves(): readonly OffsetMove[] {
    if (this.#standsBy) return [];
    // While a delivery is not saved, progress behind it would skip it.
    if (isAfter(this.#given, this.#stored)) return [];
    return isAfter(this.#read, this.#stored) ? this.#moves() : [];
  }

  lag(): Lag {
    // What another process reads is not behind here.
    if (this.#candidacy && !this.#candidacy.elected) return { events: 0, ageMs: 0 };
    if (this.#takingOver) return { events: 1, ageMs: 0 };
    if (this.#next === undefined)
      return { events: Math.max(1, this.#catchUp.length), ageMs: this.#ageMs(this.#catchUp[0]) };
    return { events: this.#bus.end - this.#next, ageMs: this.#ageMs(this.#bus.entry(this.#next)) };
  }

  /** What a replay reads again keeps nobody waiting, however old it is. */
  #ageMs(entry: LogEntry | undefined | null): number {
    if (!entry || !isAfter(entry.cursor, this.#again)) return 0;
    return Math.max(0, Date.now() - Date.parse(entry.event.time));
  }

  async close(): Promise<void> {
    this.#generation++;
    this.#term++;
    this.#onClose();
    await this.#candidacy?.withdraw();
  }
}
