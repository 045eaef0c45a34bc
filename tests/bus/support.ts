import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { uuidv7 } from 'uuidv7';
import type { Envelope } from '#contracts/envelope.ts';
import { ConflictError, Database } from '#platform/database/database.ts';
import { LOG_MIGRATIONS } from '#platform/log/migrations.ts';
import { insertRows } from '#platform/database/statement.ts';
import { type Bus, type Delivery, moveOffsets, type Subscription } from '#platform/log/bus.ts';
import { appendEvents } from '#platform/log/outbox.ts';
import type { Health } from '#platform/runtime/health.ts';
import { startTestPostgres } from '#tests/support/postgres.ts';
import { untilSeen } from '#tests/support/until.ts';

export const ROOT = join(import.meta.dirname, '..', '..');

/** A database server of one test file. */
export interface TestServer {
  readonly folder: string;
  /** A migrated database of its own, as one service has it. */
  newDatabase(): Promise<TestDatabase>;
  stop(): Promise<void>;
}

export interface TestDatabase {
  readonly url: string;
  /** A pool of its own, as another process would have. */
  connect(): Database;
  /** A connection outside of our code, for interleavings by hand. */
  client(): Promise<pg.Client>;
}

export async function startTestServer(): Promise<TestServer> {
  const folder = mkdtempSync(join(tmpdir(), 'olms-bus-'));
  const server = await startTestPostgres([LOG_MIGRATIONS]);
  const pools: Database[] = [];
  const clients: pg.Client[] = [];
  return {
    folder,
    async newDatabase() {
      const url = await server.createDatabase();
      const setup = new pg.Client({ connectionString: url });
      await setup.connect();
      await setup.query(TEST_TABLES);
      await setup.end();
      return {
        url,
        connect() {
          const database = new Database({ url, poolSize: 4, statementTimeoutMs: 20_000, applicationName: 'test' });
          pools.push(database);
          return database;
        },
        async client() {
          const client = new pg.Client({ connectionString: url });
          clients.push(client);
          await client.connect();
          return client;
        },
      };
    },
    async stop() {
      await Promise.allSettled(clients.map((client) => client.end()));
      await Promise.allSettled(pools.map((pool) => pool.close()));
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const TEST_TABLES = `
  create schema test;
  -- What a consumer did; an event has its effect once, however often it is delivered.
  create table test.effects (
    n bigint generated always as identity, consumer text not null, source text not null, subject uuid not null,
    sequence integer not null, event uuid not null, primary key (consumer, source, subject, sequence)
  );
  create table test.orders (id uuid primary key, version integer not null);
  create table test.notes (note text);
`;

export function newEvent(subject: string, sequence: number, type: string, data: unknown = { sequence }): Envelope {
  return {
    id: uuidv7(),
    source: '/olms/test',
    type,
    subject,
    sequence,
    time: new Date().toISOString(),
    correlationid: randomUUID(),
    causationid: randomUUID(),
    data,
  };
}

/** Events 1 … `perOrder` of new orders, in the order in which they are to be written: interleaved, as in a busy system. */
export function stories(orders: number, perOrder: number, type: string): Envelope[] {
  const ids = Array.from({ length: orders }, () => uuidv7());
  return Array.from({ length: perOrder }, (_, i) => ids.map((id) => newEvent(id, i + 1, type))).flat();
}

/** Writes events in transactions of `size`. */
export async function append(database: Database, events: readonly Envelope[], size = 200, bus?: Bus): Promise<void> {
  for (let i = 0; i < events.length; i += size) {
    const set = events.slice(i, i + size);
    bus?.remember(set);
    await database.write([appendEvents(set)]);
  }
}

export interface Effect {
  readonly subject: string;
  readonly sequence: number;
  readonly event: string;
}

/** Effects of a consumer in the order in which they happened. */
export async function effectsOf(database: Database, consumer: string): Promise<Effect[]> {
  return database.query<Effect & Record<string, unknown>>(
    'select subject, sequence, event from test.effects where consumer = $1 order by n',
    [consumer],
  );
}

/** Saves the effects of a delivery together with its moves; throws ConflictError where the partition is lost. */
export async function save(database: Database, consumer: string, delivery: Delivery): Promise<void> {
  const rows = delivery.events.map(({ source, subject, sequence, id }) => ({
    consumer,
    source,
    subject,
    sequence,
    event: id,
  }));
  const columns = { consumer: 'text', source: 'text', subject: 'uuid', sequence: 'integer', event: 'uuid' } as const;
  const writes = [moveOffsets(consumer, delivery.moves)];
  if (rows.length > 0) writes.push(insertRows('effects', 'test.effects', columns, rows, { onConflict: 'do nothing' }));
  await database.write(writes);
}

/** A consumer as a service is one, reduced to what a bus must get right. */
export class TestConsumer {
  readonly #database: Database;
  readonly #name: string;
  readonly #subscription: Subscription;
  #stopped = false;
  #loop: Promise<void>;
  /** Events given to this consumer, repeats included. */
  readonly delivered: Envelope[] = [];
  conflicts = 0;

  private constructor(database: Database, name: string, subscription: Subscription) {
    this.#database = database;
    this.#name = name;
    this.#subscription = subscription;
    this.#loop = this.#run();
  }

  static async start(bus: Bus, database: Database, name: string, type: string): Promise<TestConsumer> {
    const subscription = await bus.subscribe({ consumer: name, types: new Set([type]), database, onReady: () => {} });
    return new TestConsumer(database, name, subscription);
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const delivery = this.#subscription.take(100);
      if (!delivery) {
        await sleep(5);
        continue;
      }
      this.delivered.push(...delivery.events);
      try {
        await save(this.#database, this.#name, delivery);
        this.#subscription.saved(delivery.moves);
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
        this.conflicts++;
        await this.#subscription.reset();
      }
    }
  }

  get lag(): number {
    return this.#subscription.lag().events;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#loop;
    await this.#subscription.close();
  }
}

/** Waits until a part of the bus reports that it is well. */
export async function untilWell(what: string, part: { healthy(): Health }, timeoutMs?: number): Promise<void> {
  await untilSeen(
    what,
    () => part.healthy(),
    ({ ok }) => ok,
    timeoutMs,
  );
}

export async function untilEffects(
  database: Database,
  consumer: string,
  count: number,
  timeoutMs = 30_000,
): Promise<Effect[]> {
  const look = async (): Promise<number> =>
    (
      await database.query<{ n: number }>('select count(*)::int as n from test.effects where consumer = $1', [consumer])
    )[0]!.n;
  await untilSeen(`${count} effects of ${consumer}`, look, (n) => n >= count, timeoutMs);
  return effectsOf(database, consumer);
}

/** What is wrong with the order of effects, order by order: each must be 1, 2, 3 …; empty where nothing is. */
export function disorder(effects: readonly { subject: string; sequence: number }[]): string[] {
  const last = new Map<string, number>();
  const problems: string[] = [];
  for (const { subject, sequence } of effects) {
    const before = last.get(subject) ?? 0;
    if (sequence !== before + 1) problems.push(`${subject}: ${sequence} after ${before}`);
    last.set(subject, sequence);
  }
  return problems;
}
