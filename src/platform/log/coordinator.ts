import { messageOf } from '#contracts/error-text.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { Pause } from '#platform/runtime/pause.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import { Notifier } from './notifier.ts';
import { LOCKS } from '#platform/database/locks.ts';

/**
 * Leader election among the processes of one PostgreSQL, without Kafka: for each name one process is elected. Votes
 * are advisory locks of one session, which end with it. The same session carries NOTIFY.
 *
 * A process that is paused loses its session by the server's clock and learns of it late. The locks save double work;
 * what guards the data is that offsets move by compare-and-set.
 */

const LOCK_CLASS = LOCKS.coordinator;
const CHANNEL = 'olms_log';
const TRY_LOCKS =
  'select name, case when key is null then pg_try_advisory_lock($1, hashtext(name)) else pg_try_advisory_lock(key) end as locked from unnest($2::text[], $3::bigint[]) as c(name, key)';
const UNLOCK =
  'select case when $3::bigint is null then pg_advisory_unlock($1, hashtext($2)) else pg_advisory_unlock($3::bigint) end';
const RETRY_MS = 400;
const CONNECT_TIMEOUT_MS = 5_000;
const QUERY_TIMEOUT_MS = 5_000;
const END_TIMEOUT_MS = 2_000;

export interface CoordinatorOptions {
  /** Of the database itself, past any pooler: where the session of its own goes. */
  readonly url: string;
  readonly logger: Logger;
  readonly applicationName: string;
  /** The server ends a session that is silent for so long: of a paused process the locks are free after this time. */
  readonly silenceMaxMs: number;
  /** How often the session shows that it lives and tries for the locks it does not have. Well below `silenceMaxMs`. */
  readonly pingMs: number;
}

/** Who wants to be the one process that does something. */
export interface Candidate {
  readonly name: string;
  /** The lock's key, where it is not made from the name. */
  readonly key?: number;
  /** This process is the one now. Nothing waits for what follows. */
  readonly onElected: () => void;
  /** Another process may be the one now. */
  readonly onDeposed: () => void;
}

export interface Candidacy {
  readonly elected: boolean;
  /** Whether it is known if another process is elected: not before the first vote of a session. */
  readonly voted: boolean;
  /** Gives up the candidacy, and the office where it was elected, without calling back. */
  withdraw(): Promise<void>;
}

interface Campaign extends Candidate {
  elected: boolean;
  voted: boolean;
}

export class Coordinator {
  readonly notifier = new Notifier(() => this.#sendNotice());
  readonly #options: CoordinatorOptions;
  readonly #campaigns = new Set<Campaign>();
  #client: pg.Client | undefined;
  /** A connection takes one question at a time. */
  #asked: Promise<unknown> = Promise.resolve();
  readonly #pause = new Pause();
  #failure: string | undefined;
  #stopping = false;
  readonly #running: Promise<void>;

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  /** Stands for election, again and again, until withdrawn. */
  campaign(candidate: Candidate): Candidacy {
    const campaign: Campaign = { ...candidate, elected: false, voted: false };
    this.#campaigns.add(campaign);
    this.#pause.end();
    return {
      get elected() {
        return campaign.elected;
      },
      get voted() {
        return campaign.voted;
      },
      withdraw: async () => {
        this.#campaigns.delete(campaign);
        if (!campaign.elected) return;
        campaign.elected = false;
        if (this.#client) await this.#unlock(this.#client, campaign).catch(() => {});
      },
    };
  }

  /** Why there is no session, and so nobody elected here. */
  get failure(): string | undefined {
    return this.#failure;
  }

  async #sendNotice(): Promise<void> {
    if (this.#client) await this.#ask(this.#client, `notify ${CHANNEL}`, []).catch(() => {});
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      try {
        await this.#session();
      } catch (error) {
        if (this.#failure === undefined && !this.#stopping)
          this.#options.logger.warn({ err: error }, 'the session for leader election is lost; trying again');
        this.#failure = messageOf(error);
      }
      if (!this.#stopping) await this.#pause.wait(RETRY_MS);
    }
  }

  /** One connection, from its beginning to its loss. */
  async #session(): Promise<void> {
    const { url, applicationName, silenceMaxMs, pingMs } = this.#options;
    const client = new pg.Client({
      connectionString: url,
      application_name: applicationName,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: QUERY_TIMEOUT_MS,
      keepAlive: true,
    });
    let lost: Error | undefined;
    const lose = (error?: Error): void => {
      lost ??= error ?? new Error('the connection ended');
      if (this.#client === client) this.#depose();
      this.#pause.end();
    };
    client.on('error', lose);
    client.on('end', lose);
    client.on('notification', ({ processId }) => {
      const own = (client as unknown as { processID: number }).processID;
      if (processId !== own) this.notifier.received();
    });
    try {
      await client.connect();
      await client.query(`set idle_session_timeout = ${silenceMaxMs}; listen ${CHANNEL}`);
      this.#asked = Promise.resolve();
      this.#client = client;
      while (!this.#stopping && !lost) {
        await this.#askForLocks(client);
        this.#failure = undefined;
        if (!this.#stopping && !lost) await this.#pause.wait(pingMs);
      }
      if (lost && !this.#stopping) throw lost;
    } finally {
      this.#depose();
      // Says goodbye, but does not wait for ever for an answer out of a broken network.
      await Promise.race([client.end().catch(() => {}), sleep(END_TIMEOUT_MS, undefined, { ref: false })]);
    }
  }

  /** Tries for every lock that is campaigned for and not held; with nothing to ask for, it shows that we live. */
  async #askForLocks(client: pg.Client): Promise<void> {
    const open = [...this.#campaigns].filter((campaign) => !campaign.elected);
    const rows = await this.#ask<{ name: string; locked: boolean }>(client, TRY_LOCKS, [
      LOCK_CLASS,
      open.map(({ name }) => name),
      open.map(({ key }) => key ?? null),
    ]);
    for (const { name, locked } of rows) {
      if (this.#client !== client) continue;
      const campaign = open.find((candidate) => candidate.name === name)!;
      campaign.voted = true;
      if (!locked) continue;
      if (!this.#campaigns.has(campaign)) {
        await this.#unlock(client, campaign);
        continue;
      }
      campaign.elected = true;
      campaign.onElected();
    }
  }

  async #unlock(client: pg.Client, { name, key }: Candidate): Promise<void> {
    await this.#ask(client, UNLOCK, [LOCK_CLASS, name, key ?? null]);
  }

  async #ask<Row extends pg.QueryResultRow>(client: pg.Client, text: string, values: unknown[]): Promise<Row[]> {
    const asked = this.#asked.then(() => client.query<Row>(text, values));
    this.#asked = asked.catch(() => {});
    return (await asked).rows;
  }

  /** Without a session nobody here is elected. */
  #depose(): void {
    this.#client = undefined;
    for (const campaign of this.#campaigns) {
      campaign.voted = false;
      if (!campaign.elected) continue;
      campaign.elected = false;
      campaign.onDeposed();
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.notifier.close();
    this.#pause.end();
    await this.#running;
  }
}

/** The coordinator of the consumers in a shared PostgreSQL: who reads for each, and when there is something to read. */
export function consumerCoordinator(url: string, logger: Logger): Coordinator {
  return new Coordinator({
    url,
    logger,
    applicationName: `olms-coordinator ${process.pid}`,
    // Long against a busy moment: who is killed is missed at once, only who is paused is missed so late.
    silenceMaxMs: 5_000,
    pingMs: 400,
  });
}
