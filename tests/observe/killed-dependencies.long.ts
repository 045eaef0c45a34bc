import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Kafka, startKafka } from '#dev/brokers/kafka.ts';
import { type Redis, startRedis } from '#dev/brokers/redis.ts';
import type { Cluster } from '#dev/cluster/launcher.ts';
import type { Member } from '#dev/cluster/member.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#platform/database/embedded/server.ts';
import { SERVICES } from '#system/services.ts';
import { childrenOf } from '#tests/support/killable.ts';
import { allReachable, startCluster } from '#tests/support/cluster.ts';
import { freePort } from '#tests/support/ports.ts';
import { FAST_POSTGRES } from '#tests/support/shared-servers.ts';
import { withClient } from '#tests/support/sql.ts';
import { until } from '#tests/support/until.ts';

/**
 * What a process depends on is killed and comes back: the readiness of whoever needs it says so, by its name, within
 * seconds, and every process that runs says that it does.
 */

/** How long readiness may take to notice, either way. */
const BOUND_MS = 5_000;
/** The machine of a test does other things beside. */
const SLACK_MS = 2_500;
const PATIENCE_MS = 30_000;
const ASK_MS = 4_000;

interface Check {
  readonly ok: boolean;
  readonly detail: string;
}
type Checks = Readonly<Record<string, Check>>;

const folder = mkdtempSync(join(tmpdir(), 'olms-killed-'));
const kafkaOptions = { dir: join(folder, 'kafka'), port: await freePort(), own: true };
const redisOptions = { dir: join(folder, 'redis'), port: await freePort(), own: true };
const postgresOptions = {
  dataDir: join(folder, 'postgres'),
  settings: { ...FAST_POSTGRES, max_connections: '300' },
  onUnexpectedExit: () => {},
};
let postgres: EmbeddedPostgres;
let kafka: Kafka;
let redis: Redis;
let cluster: Cluster;
let stop: (() => Promise<void>) | undefined;

beforeAll(async () => {
  [postgres, kafka, redis] = await Promise.all([
    startEmbeddedPostgres(postgresOptions),
    startKafka(kafkaOptions),
    startRedis(redisOptions),
  ]);
  const databases: Record<string, string> = {};
  await withClient(postgres.url, async (client) => {
    for (const { name } of SERVICES) {
      await client.query(`create database olms_${name}`);
      const url = new URL(postgres.url);
      url.pathname = `/olms_${name}`;
      databases[`${name.toUpperCase()}_DATABASE_URL`] = url.href;
    }
  });
  ({ cluster, stop } = await startCluster({ KAFKA_BROKERS: kafka.brokers, REDIS_URL: redis.url, ...databases }));
  await allReachable(cluster);
}, 180_000);
afterAll(async () => {
  await stop?.();
  await Promise.allSettled([kafka?.stop(), redis?.stop(), postgres?.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

async function checksOf(member: Member): Promise<Checks> {
  const answer = await fetch(`${member.url}/health/readiness`, { signal: AbortSignal.timeout(ASK_MS) });
  return ((await answer.json()) as { readonly checks: Checks }).checks;
}

/** Of every process that runs: it does. */
async function expectAlive(): Promise<void> {
  const running = cluster.members.filter(({ pid }) => pid !== undefined);
  const statuses = await Promise.all(
    running.map(async ({ name, url }) => {
      const answer = await fetch(`${url}/health/liveness`, { signal: AbortSignal.timeout(ASK_MS) });
      return [name, answer.status];
    }),
  );
  expect(statuses).toEqual(running.map(({ name }) => [name, 200]));
}

/** Where a check is looked at: of which processes, under which name. */
interface Place {
  readonly members: () => readonly Member[];
  readonly check: string;
}

/** Milliseconds until the check of each of these processes is as wanted. */
async function untilNoticed({ members, check }: Place, wanted: (check: Check) => boolean): Promise<number> {
  const sinceMs = performance.now();
  const took = members().map(async (member) => {
    let seen: unknown;
    await until(
      `${check} of ${member.name}`,
      async () => {
        const found = (await checksOf(member))[check];
        seen = found;
        return found !== undefined && wanted(found);
      },
      { timeoutMs: PATIENCE_MS, everyMs: 100, describe: () => JSON.stringify(seen) },
    );
    return performance.now() - sinceMs;
  });
  return Math.max(...(await Promise.all(took)));
}

interface Dependency {
  readonly kill: () => Promise<unknown>;
  /** Resolves when it is there again. */
  readonly restore: () => Promise<unknown>;
  readonly places: readonly Place[];
  /** What readiness says of it while it is gone. */
  readonly says: RegExp;
}

const everybody = (): readonly Member[] => cluster.members;
const of = (service: string) => (): readonly Member[] => cluster.membersOf(service);
/** Services whose consumers read the log. */
const READING = ['inventory', 'orders', 'reviews', 'payments', 'shipping', 'notifications', 'billing'];
const reading = (): readonly Member[] => cluster.members.filter(({ service }) => READING.includes(service));
/** Of these, those whose events a relay publishes. */
const EMITTING = SERVICES.filter(({ name, emits }) => emits !== undefined && READING.includes(name)).map(
  ({ name }) => name,
);
const emitting = (): readonly Member[] => cluster.members.filter(({ service }) => EMITTING.includes(service));

async function crash(member: Member): Promise<void> {
  const ended = member.stop();
  member.kill('SIGKILL');
  await ended;
}

function service(name: string): Dependency {
  return {
    kill: () => Promise.all(cluster.membersOf(name).map(crash)),
    restore: () => Promise.all(cluster.membersOf(name).map((member) => member.start())),
    places: [{ members: of('gateway'), check: `service ${name}` }],
    says: /0 of 1 replicas are ready/,
  };
}

const DEPENDENCIES: Readonly<Record<string, Dependency>> = {
  PostgreSQL: {
    async kill() {
      for (const pid of [postgres.pid, ...childrenOf(postgres.pid)]) process.kill(pid, 'SIGKILL');
    },
    restore: async () => (postgres = await startEmbeddedPostgres(postgresOptions)),
    places: [{ members: everybody, check: 'database' }],
    says: /ECONN|ENOENT|terminat|timeout|no answer/i,
  },
  'a PostgreSQL that takes no writes': {
    kill: () => readOnly(true),
    restore: () => readOnly(false),
    places: [{ members: everybody, check: 'database' }],
    says: /^it takes no writes: it is read-only/,
  },
  Kafka: {
    kill: async () => process.kill(kafka.pid!, 'SIGKILL'),
    restore: async () => (kafka = await startKafka(kafkaOptions)),
    places: [
      { members: reading, check: 'log' },
      { members: emitting, check: 'relay' },
    ],
    says: /./,
  },
  Redis: {
    kill: () => redis.kill(),
    restore: async () => (redis = await startRedis(redisOptions)),
    places: [{ members: everybody, check: 'cache' }],
    says: /./,
  },
  'the payment provider': {
    kill: () => Promise.all(cluster.membersOf('sandbox').map(crash)),
    restore: () => Promise.all(cluster.membersOf('sandbox').map((member) => member.start())),
    places: [{ members: of('payments'), check: 'provider sandbox' }],
    says: /^it does not answer \(connection_failed\); what is to be paid waits/,
  },
  ...Object.fromEntries(READING.map((name) => [`the service ${name}`, service(name)])),
};

function readOnly(on: boolean): Promise<unknown> {
  return withClient(postgres.url, async (client) => {
    await client.query('set default_transaction_read_only = off');
    await client.query(`alter system set default_transaction_read_only = ${on ? 'on' : 'off'}`);
    await client.query('select pg_reload_conf()');
  });
}

describe.each(Object.entries(DEPENDENCIES))('%s', (name, { kill, restore, places, says }) => {
  test('that is killed is named by readiness within 5 s, and again when it is back; all who run say that they do', async () => {
    await allReachable(cluster);
    await kill();
    const noticed = await Promise.all(
      places.map((place) => untilNoticed(place, ({ ok, detail }) => !ok && says.test(detail))),
    )
      .then(async (took) => {
        await expectAlive();
        return took;
      })
      .finally(restore);
    const recovered = await Promise.all(places.map((place) => untilNoticed(place, ({ ok }) => ok)));
    await expectAlive();
    const seconds = (took: readonly number[]): string => `${(Math.max(...took) / 1000).toFixed(1)} s`;
    console.log(`${name}: noticed after ${seconds(noticed)}, its return after ${seconds(recovered)}`);
    for (const tookMs of [...noticed, ...recovered]) expect(tookMs).toBeLessThan(BOUND_MS + SLACK_MS);
  }, 180_000);
});
