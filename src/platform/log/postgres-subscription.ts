import { setTimeout as sleep } from 'node:timers/promises';
import type { Envelope } from '#contracts/envelope.ts';
import { idTimeMs } from '#contracts/ids.ts';
import type { Database } from '#platform/database/database.ts';
import {
  type Delivery,
  isAfter,
  isSame,
  type Lag,
  loadOffsets,
  LOG_START,
  type LogPosition,
  type OffsetMove,
  readOffsets,
  type SubscribeOptions,
  type Subscription,
} from './bus.ts';
import type { Candidacy, Coordinator } from './coordinator.ts';
import { encoded } from './encoded.ts';
import { OUTBOX_COLUMNS, fromRow, type OutboxRow } from './outbox.ts';
import { cursorOf, readTail } from './tail.ts';
import type { LogEntry, LogWindow } from './window.ts';

const CATCH_UP_LIMIT = 1_000;
const RETRY_MS = 500;

/** Full entries after a place, oldest first, up to the present horizon. */
async function readLog(database: Database, after: LogPosition, limit: number): Promise<LogEntry[]> {
  const rows = await readTail<OutboxRow>(database, OUTBOX_COLUMNS, after, limit);
  return rows.map((row) => ({ cursor: cursorOf(row), event: fromRow(row) }));
}

/** One consumer's subscription: out of the window while it keeps up, out of the table while it is behind. */
export class PostgresSubscription implements Subscription {
  readonly #window: LogWindow;
  readonly #database: Database;
  readonly #options: SubscribeOptions;
  readonly #onClose: () => void;
  readonly #coordinator: Coordinator | undefined;
  /** To be the one that reads; undefined where no other process can. */
  #candidacy: Candidacy | undefined;
  #takingOver = false;
  #term = 0;
  #stored: LogPosition = LOG_START;
  /** The last position given out or skipped. */
  #read: LogPosition = LOG_START;
  /** Where the last delivery ended. */
  #given: LogPosition = LOG_START;
  /** Up to here it reads what it has read before: a rewind set it back. */
  #rereadTo: LogPosition = LOG_START;
  /** Absolute number of the next window entry; undefined while catching up from the table. */
  #next: number | undefined;
  #catchUp: LogEntry[] = [];
  #filling = false;
  #generation = 0;

  constructor(
    window: LogWindow,
    database: Database,
    options: SubscribeOptions,
    coordinator: Coordinator | undefined,
    onClose: () => void,
  ) {
    this.#window = window;
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
        await sleep(RETRY_MS);
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
    const { txid, position, rereadTo = LOG_START } = offsets.get(0)!;
    this.#stored = { txid, position };
    this.#rereadTo = rereadTo;
    this.#read = this.#stored;
    this.#given = this.#stored;
    this.#catchUp = [];
    this.#next = this.#window.numberAfter(this.#read);
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
      const entry = this.#window.entry(this.#next);
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
      this.#next = this.#window.numberAfter(this.#read);
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
    const { start } = this.#window;
    readLog(this.#database, this.#read, CATCH_UP_LIMIT)
      .then((entries) => {
        this.#filling = false;
        if (generation !== this.#generation) return;
        if (entries.length === 0) {
          // What lay between was removed by retention. What the window took in since may not be skipped with it.
          if (isAfter(start, this.#read)) this.#read = start;
          this.#next = this.#window.numberAfter(this.#read);
        }
        this.#catchUp = entries;
        this.#options.onReady();
      })
      .catch(() => {
        this.#filling = false;
        setTimeout(this.#options.onReady, RETRY_MS);
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
    // What another process reads is not behind here; whether one does is not known before the vote.
    if (this.#candidacy && !this.#candidacy.elected) return { events: this.#candidacy.voted ? 0 : 1, ageMs: 0 };
    if (this.#takingOver) return { events: 1, ageMs: 0 };
    if (this.#next === undefined)
      return { events: Math.max(1, this.#catchUp.length), ageMs: this.#ageMs(this.#catchUp[0]) };
    return { events: this.#window.end - this.#next, ageMs: this.#ageMs(this.#window.entry(this.#next)) };
  }

  /** What is read once more after a rewind keeps nobody waiting, however old it is. */
  #ageMs(entry: LogEntry | undefined | null): number {
    if (!entry || !isAfter(entry.cursor, this.#rereadTo)) return 0;
    // The time of an event may lie long before it was recorded; its id says when that was.
    return Math.max(0, Date.now() - idTimeMs(entry.event.id));
  }

  async close(): Promise<void> {
    this.#generation++;
    this.#term++;
    this.#onClose();
    await this.#candidacy?.withdraw();
  }
}
