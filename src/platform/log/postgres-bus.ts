import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '#contracts/error-text.ts';
import type { Envelope } from '#contracts/envelope.ts';
import type { Database } from '#platform/database/database.ts';
import type { Health } from '#platform/runtime/health.ts';
import { type Bus, isAfter, LOG_START, type LogPosition, type SubscribeOptions, type Subscription } from './bus.ts';
import type { Coordinator } from './coordinator.ts';
import { fromRow, OUTBOX_COLUMNS } from './outbox.ts';
import { PostgresSubscription } from './postgres-subscription.ts';
import { RecentCommits } from './recent-commits.ts';
import { lastCommitted, readTailEvents, tailEnd } from './tail.ts';
import { LogWindow } from './window.ts';

/**
 * The embedded bus: consumers tail the outbox itself, in the order that tail.ts reads.
 *
 * One tail per process reads for all its consumers. For events this very process committed, the log gives
 * only the order; their content is still in memory (recent-commits.ts), so nothing is parsed twice.
 */

const POLL_LIMIT = 5_000;
const SAFETY_POLL_MS = 500;
/** While own events are hidden behind somebody else's open transaction; doubled from poll to poll. */
const BLOCKED_POLL_MS = 5;
const BLOCKED_POLL_MAX_MS = 80;

export class PostgresBus implements Bus {
  /** For whoever reads the log without consuming it. */
  readonly log: Database;
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
  readonly #window = new LogWindow();
  #head: LogPosition = LOG_START;
  #wanted = false;
  #polling: Promise<void> | undefined;
  #blockedPoll: NodeJS.Timeout | undefined;
  #blockedPollMs = BLOCKED_POLL_MS;
  #closed = false;
  #failure: string | undefined;

  private constructor(database: Database, coordinator: Coordinator | undefined) {
    this.log = database;
    this.#database = database.reserved;
    this.#coordinator = coordinator;
    this.#stopWatchingWrites = database.onWrite(() => {
      if (this.#recentCommits.isEmpty) return;
      this.pollSoon();
      coordinator?.notifier.notify();
    });
    this.#stopListening =
      coordinator?.notifier.onNotice(() => {
        this.#noticed = true;
        this.#blockedPollMs = BLOCKED_POLL_MS;
        this.pollSoon();
      }) ?? (() => {});
    this.#safetyPoll = setInterval(() => this.pollSoon(), SAFETY_POLL_MS);
  }

  /** Starts tailing at the present end of the log; consumers that are behind catch up from the table. */
  static async open(database: Database, coordinator?: Coordinator): Promise<PostgresBus> {
    const bus = new PostgresBus(database, coordinator);
    bus.#head = await tailEnd(database);
    bus.#window.start = bus.#head;
    return bus;
  }

  async subscribe(options: SubscribeOptions): Promise<Subscription> {
    const subscription = new PostgresSubscription(this.#window, this.#database, options, this.#coordinator, () =>
      this.#subscriptions.delete(subscription),
    );
    await subscription.reset();
    this.#subscriptions.add(subscription);
    subscription.campaign();
    this.pollSoon();
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

  healthy(): Health {
    const failure = this.#failure ?? this.#coordinator?.failure;
    return failure === undefined ? { ok: true, detail: 'tailing' } : { ok: false, detail: failure };
  }

  /** Asks for a read of the log's end; calls during a read are joined to one more read. */
  pollSoon(): void {
    this.#wanted = true;
    this.#polling ??= this.#run().finally(() => {
      this.#polling = undefined;
      if (this.#wanted && !this.#closed) this.pollSoon();
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
        this.#failure = messageOf(error);
        return;
      }
    }
    if ((!this.#recentCommits.isEmpty || this.#noticed) && !this.#closed) {
      this.#blockedPoll ??= setTimeout(() => {
        this.#blockedPoll = undefined;
        // What no process here has committed may be read already, by the poll that was under way: ask a few times more.
        if (this.#blockedPollMs >= BLOCKED_POLL_MAX_MS) this.#noticed = false;
        this.#blockedPollMs = Math.min(BLOCKED_POLL_MAX_MS, this.#blockedPollMs * 2);
        if (!this.#recentCommits.isEmpty || this.#noticed) this.pollSoon();
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
    this.#window.add(entries);
    for (const subscription of this.#subscriptions) subscription.notify();
    for (const { event, cursor } of entries) for (const observer of this.#observers) observer(event, cursor);
    return entries.length;
  }

  async caughtUp(): Promise<LogPosition> {
    const end = await lastCommitted(this.#database);
    while (isAfter(end, this.#head) && !this.#closed) {
      this.pollSoon();
      await sleep(BLOCKED_POLL_MS);
    }
    return this.#head;
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
