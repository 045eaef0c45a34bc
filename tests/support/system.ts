import { randomBytes } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { createLogger, type Logger } from '#platform/telemetry/logger.ts';
import { startSystem } from '#system/system.ts';
import { Api } from './api.ts';
import { freePort } from './ports.ts';
import { startTestPostgres, type TestPostgres } from './postgres.ts';
import { SandboxBooks } from './provider.ts';
import { until } from './until.ts';

/**
 * The system under test, whole and real, seen only through HTTP. What runs behind the URL can be replaced,
 * and the scenarios stay as they are:
 *
 * - by default: everything in this process, on an embedded PostgreSQL of this test file;
 * - `OLMS_TEST_SHAPE=cluster`: a cluster of this test file, see cluster.ts;
 * - `OLMS_TEST_LAUNCHER=module.ts`: the module's `start(env)` runs a system with these settings, a cluster for
 *   example, and resolves with {@link RunningSystem};
 * - `OLMS_TEST_URL`, `OLMS_TEST_KEY`, `OLMS_TEST_PROVIDER_URL`: a system that runs already; `OLMS_TEST_ENV`
 *   (JSON) says with which settings, and a file that asks for others fails instead of testing something else.
 */

export type TestEnvironment = Readonly<Record<string, string>>;

export interface RunningSystem {
  readonly url: string;
  /** An admin key. */
  readonly key: string;
  /** Base URL of the sandbox payment provider. */
  readonly providerUrl: string;
  stop(): Promise<void>;
}

export interface TestSystemOptions {
  /** Settings that this file needs, beside {@link DEFAULT_ENV}. */
  readonly env?: TestEnvironment;
  /** Orders of this file may be parked on purpose. */
  readonly mayPark?: boolean;
}

/** Short waits, so that a story takes as long as its steps and not as its patience. */
export const DEFAULT_ENV: TestEnvironment = {
  SANDBOX_CARRIER_DELAY_MS: '0',
  SANDBOX_WEBHOOK_DELAY_MS: '300',
  SANDBOX_SLOW_MS: '1500',
  PAYMENTS_TIMEOUT_MS: '400',
  PAYMENTS_BREAKER_OPEN_MS: '500',
  // A machine that runs several tests at once answers late; overload.long.ts is about that.
  HTTP_SHED_AFTER_MS: '0',
};

export class TestSystem {
  readonly api: Api;
  readonly provider: SandboxBooks;
  readonly key: string;
  readonly #running: RunningSystem;

  constructor(running: RunningSystem) {
    this.#running = running;
    this.key = running.key;
    this.api = new Api(running.url, running.key);
    this.provider = new SandboxBooks(running.providerUrl);
  }

  async stop(): Promise<void> {
    await this.api.close();
    await this.provider.close();
    await this.#running.stop();
  }
}

const CLUSTER_LAUNCHER = 'tests/support/cluster.ts';
const CLUSTER_START_TIMEOUT_MS = 180_000;

/** Starts a system; the caller stops it. Most files want {@link useSystem}. */
export async function startTestSystem(options: TestSystemOptions = {}): Promise<TestSystem> {
  const env = { ...DEFAULT_ENV, ...options.env };
  const { OLMS_TEST_SHAPE: shape, OLMS_TEST_URL: url } = process.env;
  const launcher = process.env['OLMS_TEST_LAUNCHER'] ?? (shape === 'cluster' ? CLUSTER_LAUNCHER : undefined);
  if (launcher) {
    const { start } = (await import(pathToFileURL(resolve(launcher)).href)) as {
      start: (env: TestEnvironment) => Promise<RunningSystem>;
    };
    return new TestSystem(await start(env));
  }
  if (url) return new TestSystem(runningElsewhere(url, options.env ?? {}));
  return new TestSystem(await startInProcess(env));
}

/** One system for a whole test file, started before its tests and stopped, with a look at what it left, after them. */
export function useSystem(options: TestSystemOptions = {}): {
  readonly api: Api;
  readonly provider: SandboxBooks;
  readonly key: string;
} {
  let system: TestSystem | undefined;
  const started = (): TestSystem => {
    if (!system) throw new Error('The system is started before the first test; use it inside of tests only.');
    return system;
  };
  beforeAll(async () => {
    system = await startTestSystem(options);
  }, CLUSTER_START_TIMEOUT_MS);
  afterAll(async () => {
    if (!system) return;
    const parked = options.mayPark ? [] : await system.api.parked();
    await system.stop();
    // A parked order is a hole in the rules, whichever test of the file met it.
    expect(parked).toEqual([]);
  });
  return {
    get api() {
      return started().api;
    },
    get provider() {
      return started().provider;
    },
    get key() {
      return started().key;
    },
  };
}

function runningElsewhere(url: string, wanted: TestEnvironment): RunningSystem {
  const { OLMS_TEST_KEY: key, OLMS_TEST_PROVIDER_URL: providerUrl, OLMS_TEST_ENV } = process.env;
  if (!key || !providerUrl) throw new Error('With OLMS_TEST_URL, set OLMS_TEST_KEY and OLMS_TEST_PROVIDER_URL too.');
  const present = JSON.parse(OLMS_TEST_ENV ?? '{}') as TestEnvironment;
  const missing = Object.entries(wanted).filter(([name, value]) => present[name] !== value);
  if (missing.length > 0) {
    throw new Error(
      `This file needs a system with ${missing.map(([name, value]) => `${name}=${value}`).join(' ')}; start it so and name these settings in OLMS_TEST_ENV, or set OLMS_TEST_LAUNCHER.`,
    );
  }
  return { url, key, providerUrl, stop: async () => {} };
}

const START_ATTEMPTS = 5;
const LEAK_PATIENCE_MS = 5_000;

let postgres: Promise<TestPostgres> | undefined;
let systems = 0;

async function startInProcess(env: TestEnvironment): Promise<RunningSystem> {
  postgres ??= startTestPostgres();
  const server = await postgres;
  const databaseUrl = await server.createDatabase();
  const before = resourceCounts();
  const running = await startOnDatabase({ ...env, DATABASE_URL: databaseUrl });
  systems++;
  return {
    ...running,
    async stop() {
      await running.stop();
      try {
        await expectNothingLeft(server, databaseUrl, before);
      } finally {
        if (--systems === 0) {
          postgres = undefined;
          await server.stop();
        }
      }
    },
  };
}

/** Everything in this process, on the database that the settings name. */
export async function startOnDatabase(
  env: TestEnvironment,
  logger: Logger = createLogger(process.env['TEST_LOG_LEVEL'] ?? 'silent'),
): Promise<RunningSystem> {
  const key = `test-key-${randomBytes(12).toString('hex')}`;
  for (let attempt = 1; ; attempt++) {
    // The provider sends its webhooks to PORT, so both ports are chosen here.
    const [port, providerPort] = [await freePort(), await freePort()];
    const all = {
      ...env,
      PORT: String(port),
      SANDBOX_PROVIDER_PORT: String(providerPort),
      OLMS_BOOTSTRAP_API_KEY: key,
    };
    try {
      const system = await startSystem({ env: all, logger });
      return { url: system.url, key, providerUrl: `http://127.0.0.1:${providerPort}`, stop: () => system.stop() };
    } catch (error) {
      if ((error as { code?: string }).code !== 'EADDRINUSE' || attempt === START_ATTEMPTS) throw error;
    }
  }
}

type Counts = Readonly<Record<string, number>>;

/** Timers, sockets and servers that keep this process alive, by kind. */
function resourceCounts(): Counts {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) {
    if (/^(Timeout|TCPSocketWrap|TCPServerWrap|TCPConnectWrap|Immediate)$/.test(kind))
      counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}

/** A stopped system holds no connection, no socket and no timer. */
async function expectNothingLeft(server: TestPostgres, databaseUrl: string, before: Counts): Promise<void> {
  let met = '';
  await until(
    'a stopped system to hold nothing',
    async () => {
      const connections = await server.connectionsTo(databaseUrl);
      const now = resourceCounts();
      // The wait itself uses a timer at times; the look happens while none of its own is active.
      const more = Object.entries(now).filter(([kind, count]) => kind !== 'Immediate' && count > (before[kind] ?? 0));
      met = `${connections} database connections; more than before its start: ${more.map(([kind, count]) => `${kind} ${count} (${before[kind] ?? 0})`).join(', ') || 'nothing'}`;
      return connections === 0 && more.length === 0;
    },
    { timeoutMs: LEAK_PATIENCE_MS, describe: () => met },
  );
}
