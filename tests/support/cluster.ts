import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cluster, type ClusterOptions } from '#dev/cluster/launcher.ts';
import { SERVICES } from '#system/services.ts';
import { FAST_POSTGRES } from './shared-servers.ts';
import type { RunningSystem, TestEnvironment } from './system.ts';
import { until } from './until.ts';

/**
 * The cluster as the system under test: one per test process, kept while files with other settings follow each other.
 * A file's settings reach exactly the services that read them, by starting those again.
 */

const KEY = 'test-key-of-the-cluster';

/** A cluster of its own for a test, in a folder that goes with it. */
export async function startCluster(
  env: TestEnvironment = {},
  options: Partial<ClusterOptions> = {},
): Promise<{ cluster: Cluster; stop: () => Promise<void> }> {
  const folder = mkdtempSync(join(tmpdir(), 'olms-cluster-'));
  const { KAFKA_BROKERS, REDIS_URL, PATH, HOME, NODE_COMPILE_CACHE, JAVA_HOME } = process.env;
  const outside = { KAFKA_BROKERS, REDIS_URL, PATH, HOME, NODE_COMPILE_CACHE, JAVA_HOME };
  const report = process.env['TEST_LOG_LEVEL'] ? (line: string): void => console.error(line) : (): void => {};
  try {
    const cluster = await Cluster.start({
      env: { ...outside, LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'warn', ...env },
      folder,
      apiKey: KEY,
      postgresSettings: FAST_POSTGRES,
      report,
      ...options,
    });
    const stop = async (): Promise<void> => {
      await cluster.stop();
      rmSync(folder, { recursive: true, force: true });
    };
    return { cluster, stop };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** The settings of an environment that a service reads; what no service names, all may read. */
function settingsOf(service: string, env: TestEnvironment): Record<string, string> {
  const readers = (variable: string): string[] =>
    SERVICES.filter(({ settings }) => Object.values(settings).some((setting) => setting.env === variable)).map(
      ({ name }) => name,
    );
  return Object.fromEntries(
    Object.entries(env).filter(([variable]) => {
      const known = readers(variable);
      return known.length === 0 || known.includes(service);
    }),
  );
}

let shared: ReturnType<typeof startCluster> | undefined;
let present: TestEnvironment = {};
let keep = false;

/** Leaves the cluster running between test files of this process; the caller ends it with {@link stopShared}. */
export function keepShared(): void {
  keep = true;
}

export async function stopShared(): Promise<void> {
  const running = await shared?.catch(() => undefined);
  shared = undefined;
  await running?.stop();
}

/** The cluster that the files of this process share, with these settings. */
export async function sharedCluster(env: TestEnvironment): Promise<Cluster> {
  await start(env);
  return (await shared!).cluster;
}

/** What tests/support/system.ts asks of a launcher. */
export async function start(env: TestEnvironment): Promise<RunningSystem> {
  if (!shared) {
    shared = startCluster(env);
    present = env;
  }
  const { cluster } = await shared;
  const changed = SERVICES.map(({ name }) => name).filter(
    (name) => JSON.stringify(settingsOf(name, env)) !== JSON.stringify(settingsOf(name, present)),
  );
  for (const name of changed) cluster.configure(name, without(settingsOf(name, present), settingsOf(name, env)));
  if (changed.length > 0) await cluster.restart(changed);
  present = env;
  await allReachable(cluster);
  return {
    url: cluster.urls[0]!,
    key: cluster.apiKey,
    providerUrl: cluster.providerUrl,
    stop: keep ? async () => {} : stopShared,
  };
}

/** New settings, and an empty text for each that is gone: it counts as not set. */
function without(before: Record<string, string>, now: Record<string, string>): Record<string, string> {
  return { ...Object.fromEntries(Object.keys(before).map((name) => [name, ''])), ...now };
}

interface Readiness {
  readonly status: string;
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly detail: string }>>;
}

export async function readiness(url: string): Promise<Readiness> {
  return (await (await fetch(`${url}/health/readiness`)).json()) as Readiness;
}

/** Resolves when the first gateway reaches every service. */
export async function allReachable(cluster: Cluster): Promise<void> {
  let seen: unknown;
  await until(
    'the gateway to reach every service',
    async () => {
      const found = await readiness(cluster.urls[0]!);
      seen = found;
      return found.status === 'ok';
    },
    { timeoutMs: 30_000, everyMs: 50, describe: () => JSON.stringify(seen) },
  );
}
