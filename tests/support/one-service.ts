import { setTimeout as sleep } from 'node:timers/promises';
import { uuidv7 } from 'uuidv7';
import { afterAll, afterEach, beforeAll } from 'vitest';
import type { Envelope } from '#contracts/envelope.ts';
import { type EventData, type EventType, ORDER_EVENTS } from '#contracts/order-events.ts';
import { Database } from '#platform/database/database.ts';
import { createHttp, type Principal } from '#platform/http/server.ts';
import { LOG_MIGRATIONS } from '#platform/log/migrations.ts';
import { appendEvents } from '#platform/log/outbox.ts';
import { PostgresBus } from '#platform/log/postgres-bus.ts';
import { systemClock } from '#platform/runtime/clock.ts';
import type { Service, ServiceDefinition, ServiceDependencies } from '#platform/service.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { createMetrics } from '#platform/telemetry/metrics.ts';
import { startTestPostgres, type TestPostgres } from './postgres.ts';

/** One service alone, on a real database that has its tables and the log: others are played by the events of a test. */

const CONDITION_PATIENCE_MS = 10_000;

/** A database of this test file with the tables of these services, and connections to it. */
export class ServiceDatabase {
  url = '';
  database!: Database;
  bus!: PostgresBus;
  readonly #definitions: readonly ServiceDefinition[];
  readonly #poolSize: number;
  #postgres: TestPostgres | undefined;

  constructor(definitions: readonly ServiceDefinition[], poolSize: number) {
    this.#definitions = definitions;
    this.#poolSize = poolSize;
  }

  async open(): Promise<void> {
    const own = this.#definitions.map(({ name, migrations }) => ({ owner: name, folder: migrations! }));
    this.#postgres = await startTestPostgres([LOG_MIGRATIONS, ...own]);
    this.url = await this.#postgres.createDatabase();
    this.database = new Database({
      url: this.url,
      poolSize: this.#poolSize,
      statementTimeoutMs: 10_000,
      applicationName: 'test',
    });
    this.bus = await PostgresBus.open(this.database);
  }

  async close(): Promise<void> {
    await this.bus?.close();
    await this.database?.close();
    await this.#postgres?.stop();
  }
}

/** Open from before the first test of the file until after the last. */
export function useServiceDatabase(definitions: readonly ServiceDefinition[], poolSize = 4): ServiceDatabase {
  const database = new ServiceDatabase(definitions, poolSize);
  beforeAll(() => database.open());
  afterAll(() => database.close());
  return database;
}

interface Emitted extends Record<string, unknown> {
  readonly type: string;
  readonly correlationid: string;
  readonly sequence: number;
  readonly data: unknown;
}

export class OneService {
  /** The time of the services: real, and ahead as far as a test sets it. */
  readonly clock = { aheadMs: 0, nowMs: (): number => systemClock.nowMs() + this.clock.aheadMs };
  readonly #definition: ServiceDefinition;
  readonly #on: ServiceDatabase;
  readonly #running: Service[] = [];
  #sequence = 0;

  constructor(definition: ServiceDefinition, on: ServiceDatabase) {
    this.#definition = definition;
    this.#on = on;
  }

  get url(): string {
    return this.#on.url;
  }
  get database(): Database {
    return this.#on.database;
  }

  /** Starts the service as one more process would; it runs until the end of the test. */
  async start(env: Record<string, string> = {}, changes: Partial<ServiceDependencies> = {}): Promise<Service> {
    const service = this.#definition.create({
      env,
      database: this.#on.database,
      bus: this.#on.bus,
      clock: this.clock,
      logger: createLogger('silent'),
      metrics: createMetrics(),
      soleWriter: false,
      peers: {} as never,
      ...changes,
    });
    this.#running.push(service);
    await service.start();
    return service;
  }

  async stopAll(): Promise<void> {
    for (const service of this.#running.splice(0)) await service.stop();
    this.clock.aheadMs = 0;
  }

  /** Its routes, without a port; whoever calls is `name`, with this role. */
  api(service: Service, role: Principal['role'] = 'operator', name = 'ada'): ReturnType<typeof createHttp> {
    return this.apiAs(service, { name, role });
  }

  /** Its routes, without a port, for this caller. */
  apiAs(service: Service, principal: Principal): ReturnType<typeof createHttp> {
    const app = createHttp({
      logger: createLogger('silent'),
      metrics: createMetrics(),
      authenticate: () => principal,
    });
    service.routes!(app);
    return app;
  }

  /** An event about an order: the example of the catalog, with changes. */
  event<T extends EventType>(order: string, type: T, changes: Partial<EventData<T>> = {}): Envelope {
    const { source, example } = ORDER_EVENTS[type];
    return {
      id: uuidv7(),
      source,
      type,
      subject: order,
      sequence: ++this.#sequence,
      time: new Date().toISOString(),
      correlationid: 'request',
      causationid: 'k',
      data: { ...example, ...changes },
    };
  }

  /** These events have happened elsewhere. */
  async happen(...events: Envelope[]): Promise<void> {
    await this.#on.database.write([appendEvents(events)]);
    this.#on.bus.pollSoon();
  }

  /** Waits until `read` gives what `condition` accepts. */
  async eventually<T>(read: () => Promise<T>, condition: (value: T) => boolean): Promise<T> {
    const untilMs = Date.now() + CONDITION_PATIENCE_MS;
    for (;;) {
      const value = await read();
      if (condition(value)) return value;
      if (Date.now() > untilMs) throw new Error(`It never came to that: ${JSON.stringify(value)}`);
      for (const service of this.#running) await service.settled!();
      await sleep(5);
    }
  }

  /** What the service emitted about an order, in order. */
  emitted(order: string): Promise<Emitted[]> {
    return this.#on.database.query<Emitted>(
      'select type, correlationid, sequence, data from log.order_outbox where subject = $1 and source = $2 order by sequence',
      [order, `/olms/${this.#definition.name}`],
    );
  }
}

/** Processes of one service on a database of this file; each test starts the processes that it needs. */
export function useOneService(definition: ServiceDefinition): OneService {
  const on = useServiceDatabase([definition]);
  const service = new OneService(definition, on);
  afterEach(() => service.stopAll());
  return service;
}
