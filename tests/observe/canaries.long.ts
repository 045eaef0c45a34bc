import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Kafka, startKafka } from '#dev/brokers/kafka.ts';
import { type Redis, startRedis } from '#dev/brokers/redis.ts';
import type { Cluster } from '#dev/cluster/launcher.ts';
import { allReachable, startCluster } from '#tests/support/cluster.ts';
import { Mailbox } from '#tests/support/mailbox.ts';
import { OtlpCollector } from '#tests/support/otlp-collector.ts';
import { freePort } from '#tests/support/ports.ts';
import { SandboxBooks } from '#tests/support/provider.ts';
import { DEFAULT_ENV } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { leaksIn, newCustomer, newSecret, newSecrets, ProblemKeeper } from './canaries.ts';
import { playEverything } from './canary-story.ts';

/**
 * The same as `canaries.test.ts` with each service in a process of its own, on a Kafka, a Redis and a PostgreSQL that ask
 * for passwords; brokers and processes end meanwhile, and one is refused.
 */

const customer = newCustomer();
const secrets = {
  ...newSecrets(),
  'the secret between processes': newSecret(),
  'the password of Kafka': newSecret(),
  'the password of Redis': newSecret(),
  'the first key': newSecret(),
};
/** Offered where another one is asked for. */
const WRONG = newSecret();

const folder = mkdtempSync(join(tmpdir(), 'olms-canaries-'));
const redisOptions = {
  dir: join(folder, 'redis'),
  port: await freePort(),
  own: true,
  args: ['--requirepass', secrets['the password of Redis']],
};
const mailbox = new Mailbox();
let kafka: Kafka;
let redis: Redis;
let collector: OtlpCollector;
let cluster: Cluster;
let api: ProblemKeeper;
let stop: (() => Promise<void>) | undefined;

beforeAll(async () => {
  [kafka, redis, collector] = await Promise.all([
    startKafka({
      dir: join(folder, 'kafka'),
      own: true,
      secured: { users: { olms: secrets['the password of Kafka'] } },
    }),
    startRedis(redisOptions),
    OtlpCollector.start(),
  ]);
  mailbox.password = secrets['the password of the mail server'];
  const smtp = new URL(await mailbox.listen());
  smtp.username = 'olms';
  smtp.password = mailbox.password;
  ({ cluster, stop } = await startCluster(
    {
      ...DEFAULT_ENV,
      LOG_LEVEL: 'trace',
      LOG_EVENTS_PER_SECOND: '1000000',
      SMTP_URL: smtp.href,
      SANDBOX_WEBHOOK_SECRET: secrets['the secret of webhooks'],
      METRICS_TOKEN: secrets['the token of metrics'],
      OLMS_INTERNAL_SECRET: secrets['the secret between processes'],
      KAFKA_BROKERS: kafka.listeners.SASL_PLAINTEXT!,
      KAFKA_SASL_MECHANISM: 'SCRAM-SHA-256',
      KAFKA_SASL_USERNAME: 'olms',
      KAFKA_SASL_PASSWORD: secrets['the password of Kafka'],
      REDIS_URL: redisUrl(secrets['the password of Redis']),
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer ${secrets['what the collector asks for']}`,
      OTEL_BSP_SCHEDULE_DELAY: '100',
    },
    { apiKey: secrets['the first key'] },
  ));
  api = new ProblemKeeper(cluster.urls[0]!, cluster.apiKey);
  await allReachable(cluster);
}, 240_000);
afterAll(async () => {
  await api?.close();
  await stop?.();
  await Promise.allSettled([kafka?.stop(), redis?.stop(), collector?.close(), mailbox.close()]);
  rmSync(folder, { recursive: true, force: true });
});

function redisUrl(password: string): string {
  return `redis://:${password}@127.0.0.1:${redisOptions.port}`;
}

/** What a service says while something is wrong with what it stands on; it is started again with what is right. */
async function restarted(service: string, settings: Record<string, string>, says: string): Promise<string> {
  cluster.configure(service, settings);
  await cluster.restart([service]).catch(() => {});
  const [member] = cluster.membersOf(service);
  const health = await until(
    `${service} to say ${says}`,
    async () => {
      const text = await readinessOf(member!.url).catch(() => '');
      const log = readFileSync(member!.logFile, 'utf8');
      return (text.includes(says) || log.includes(says)) && text + log;
    },
    { timeoutMs: 60_000, everyMs: 200 },
  );
  cluster.configure(service, {});
  await cluster.restart([service]);
  return health;
}

async function readinessOf(url: string): Promise<string> {
  return (await fetch(`${url}/health/readiness`, { signal: AbortSignal.timeout(5_000) })).text();
}

test('no customer and no secret is in what processes say, whatever happens to them', async () => {
  const provider = new SandboxBooks(cluster.providerUrl);
  const databaseUrl = (service: string): string => cluster.databaseUrl(service);
  const once = await playEverything({ api, provider, mailbox, customer, secrets, databaseUrl }).finally(() =>
    provider.close(),
  );
  const healths = [
    await restarted('orders', { REDIS_URL: redisUrl(WRONG) }, 'REDIS_AUTHENTICATION_FAILED'),
    await restarted('billing', { KAFKA_SASL_PASSWORD: WRONG }, 'SASL'),
  ];
  await redis.kill();
  process.kill(cluster.membersOf('inventory')[0]!.pid!, 'SIGKILL');
  process.kill(cluster.brokers.find(({ name }) => name === 'postgres')!.pid!, 'SIGKILL');
  for (const { url } of cluster.members) healths.push(await readinessOf(url).catch(() => ''));
  redis = await startRedis(redisOptions);
  await allReachable(cluster);
  for (const { url } of cluster.members) healths.push(await readinessOf(url));

  const parked = await api.parked();
  const logs = join(cluster.folder, 'logs');
  const metricsOf = async ({ url }: { readonly url: string }): Promise<string> =>
    (await fetch(`${url}/metrics`, { headers: { accept: 'application/openmetrics-text' } })).text();
  const sources = {
    'log lines': readdirSync(logs)
      .filter((name) => name !== 'postgres.log')
      .map((name) => readFileSync(join(logs, name), 'utf8')),
    spans: collector.bodies,
    metrics: await Promise.all(cluster.members.map(metricsOf)),
    health: healths,
    problems: api.problems,
    'parked reasons': parked.map(({ reason }) => String(reason)),
    'audit entries': [(await api.call('GET', '/audit-entries?limit=200')).text],
  };
  const marks = {
    ...customer.marks,
    ...secrets,
    'a wrong password': WRONG,
    'a revoked key': once,
    'the password of the database': new URL(databaseUrl('orders')).password,
  };
  for (const texts of Object.values(sources)) expect(texts.join('').length).toBeGreaterThan(100);
  expect(sources['log lines'].join('')).toContain('event parked');
  expect(Object.values(marks).filter((mark) => mark.length < 10)).toEqual([]);
  expect(leaksIn({ mails: mailbox.mails }, customer.marks).map(({ what }) => what)).toContain('the e-mail address');
  expect(leaksIn(sources, marks)).toEqual([]);
}, 300_000);
