import pg from 'pg';
import type { Logger } from '#platform/telemetry/logger.ts';

/**
 * Where the processes of one PostgreSQL meet, without Kafka: who consumes (one process per consumer), and when there
 * is something to read. One session of its own carries both: advisory locks that end with it, and NOTIFY.
 *
 * A process that is paused loses its session by the server's clock and learns of it late. The locks save double work;
 * what guards the data is that offsets move by compare-and-set.
 */

const LOCK_CLASS = 7_113_003;
const CHANNEL = 'olms_log';
const TRY_LOCKS = 'select name, pg_try_advisory_lock($1, hashtext(name)) as locked from unnest($2::text[]) as name';
const UNLOCK = 'select pg_advisory_unlock($1, hashtext($2))';
/** Long against a busy moment: who is killed is missed at once, only who is paused is missed so late. */
const SILENCE_MAX_MS = 5_000;
const PING_MS = 400;
const RETRY_MS = 400;
const NOTIFY_EVERY_MS = 4;
const CONNECT_TIMEOUT_MS = 5_000;
const QUERY_TIMEOUT_MS = 5_000;
const END_TIMEOUT_MS = 2_000;

export interface LeaseCallbacks {
  /** This process is the one now; awaited work may follow, nothing waits for it. */
  readonly onGained: () => void;
  readonly onLost: () => void;
}

/** The wish to be the one process that does something. */
export interface LeaseWish {
  readonly held: boolean;
  release(): Promise<void>;
}

interface Wish extends LeaseCallbacks {
  readonly name: string;
  held: boolean;
}

export class Coordinator {
  readonly #url: string;
  readonly #logger: Logger;
  readonly #wishes = new Set<Wish>();
  readonly #listeners = new Set<() => void>();
  #client: pg.Client | undefined;
  /** A connection takes one question at a time. */
  #asked: Promise<unknown> = Promise.resolve();
  #endPause: (() => void) | undefined;
  #notifying: NodeJS.Timeout | undefined;
  #again = false;
  #failure: string | undefined;
  #stopping = false;
  readonly #running: Promise<void>;

  constructor(url: string, logger: Logger) {
    this.#url = url;
    this.#logger = logger;
    this.#running = this.#run();
  }

  /** Asks to be the one, for ever, until released. */
  wish(name: string, callbacks: LeaseCallbacks): LeaseWish {
    const wish: Wish = { name, held: false, ...callbacks };
    this.#wishes.add(wish);
    this.#endPause?.();
    return {
      get held() {
        return wish.held;
      },
      release: async () => {
        this.#wishes.delete(wish);
        if (!wish.held) return;
        wish.held = false;
        if (this.#client) await this.#ask(this.#client, UNLOCK, [LOCK_CLASS, name]).catch(() => {});
      },
    };
  }

  /** Calls back when another process has written. Returns the way to stop it. */
  onNotice(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Tells the other processes that there is something to read; many calls become one message. */
  notify(): void {
    this.#again = true;
    if (this.#notifying !== undefined || this.#stopping) return;
    this.#notifying = setTimeout(() => void this.#tell(), NOTIFY_EVERY_MS);
  }

  async #tell(): Promise<void> {
    // What is written from here on wants a message of its own, but not before this one is through.
    this.#again = false;
    if (this.#client) await this.#ask(this.#client, `notify ${CHANNEL}`, []).catch(() => {});
    this.#notifying = undefined;
    if (this.#again) this.notify();
  }

  get failure(): string | undefined {
    return this.#failure;
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      try {
        await this.#session();
      } catch (error) {
        if (this.#failure === undefined && !this.#stopping)
          this.#logger.warn({ err: error }, 'the session that decides who consumes is lost; trying again');
        this.#failure = (error as Error).message;
      }
      for (const wish of this.#wishes) this.#lose(wish);
      await this.#pause(RETRY_MS);
    }
  }

  /** One connection, from its beginning to its loss. */
  async #session(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: `olms-coordinator ${process.pid}`,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
      keepAlive: true,
    });
    let lost: Error | undefined;
    const lose = (error?: Error): void => {
      lost ??= error ?? new Error('the connection ended');
      this.#endPause?.();
    };
    client.on('error', lose);
    client.on('end', lose);
    client.on('notification', ({ processId }) => {
      const own = (client as unknown as { processID: number }).processID;
      if (processId !== own) for (const listener of this.#listeners) listener();
    });
    try {
      await client.connect();
      await client.query(`set idle_session_timeout = ${SILENCE_MAX_MS}; listen ${CHANNEL}`);
      this.#asked = Promise.resolve();
      this.#client = client;
      while (!this.#stopping && !lost) {
        await this.#askForLocks(client);
        this.#failure = undefined;
        await this.#pause(PING_MS);
      }
      if (lost && !this.#stopping) throw lost;
    } finally {
      this.#client = undefined;
      const late = new Promise<void>((resolve) => setTimeout(resolve, END_TIMEOUT_MS).unref());
      await Promise.race([client.end().catch(() => {}), late]);
    }
  }

  /** Tries for every lock that is wished for and not held; with nothing to ask for, it shows that we live. */
  async #askForLocks(client: pg.Client): Promise<void> {
    const open = [...this.#wishes].filter((wish) => !wish.held);
    const rows = await this.#ask<{ name: string; locked: boolean }>(client, TRY_LOCKS, [
      LOCK_CLASS,
      open.map(({ name }) => name),
    ]);
    for (const { name, locked } of rows) {
      if (!locked) continue;
      const wish = open.find((candidate) => candidate.name === name)!;
      if (!this.#wishes.has(wish)) {
        await this.#ask(client, UNLOCK, [LOCK_CLASS, name]);
        continue;
      }
      wish.held = true;
      wish.onGained();
    }
  }

  async #ask<Row extends pg.QueryResultRow>(client: pg.Client, text: string, values: unknown[]): Promise<Row[]> {
    const asked = this.#asked.then(() => client.query<Row>(text, values));
    this.#asked = asked.catch(() => {});
    return (await asked).rows;
  }

  #lose(wish: Wish): void {
    if (!wish.held) return;
    wish.held = false;
    wish.onLost();
  }

  async #pause(ms: number): Promise<void> {
    if (this.#stopping) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#endPause = undefined;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#notifying);
    this.#endPause?.();
    await this.#running;
  }
}
