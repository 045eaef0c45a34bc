import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLogger } from '#platform/telemetry/logger.ts';
import { Mailbox } from '#tests/support/mailbox.ts';
import { OtlpCollector } from '#tests/support/otlp-collector.ts';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';
import { SandboxBooks } from '#tests/support/provider.ts';
import { DEFAULT_ENV, type RunningSystem, startOnDatabase } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { leaksIn, newCustomer, newSecrets, ProblemKeeper } from './canaries.ts';
import { playEverything } from './canary-story.ts';

/**
 * Nothing of a customer and no secret is in what colleagues and programs see of a system in which everything happened.
 * `canaries.long.ts` does the same with each service in a process of its own, and with brokers that ask for passwords.
 */

const customer = newCustomer();
const secrets = newSecrets();
const lines: string[] = [];
let postgres: TestPostgres;
let collector: OtlpCollector;
let mailbox: Mailbox;
let system: RunningSystem;
let api: ProblemKeeper;
let databaseUrl: string;

beforeAll(async () => {
  postgres = await startTestPostgres();
  databaseUrl = await postgres.createDatabase();
  collector = await OtlpCollector.start();
  mailbox = new Mailbox();
  mailbox.password = secrets['the password of the mail server'];
  const smtp = new URL(await mailbox.listen());
  smtp.username = 'olms';
  smtp.password = mailbox.password;
  const logger = createLogger('trace', {
    eventsPerSecond: 1_000_000,
    destination: { write: (line) => void lines.push(line) },
  });
  const env = {
    ...DEFAULT_ENV,
    DATABASE_URL: databaseUrl,
    SMTP_URL: smtp.href,
    SANDBOX_WEBHOOK_SECRET: secrets['the secret of webhooks'],
    METRICS_TOKEN: secrets['the token of metrics'],
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer ${secrets['what the collector asks for']}`,
    OTEL_BSP_SCHEDULE_DELAY: '100',
  };
  system = await startOnDatabase(env, logger);
  api = new ProblemKeeper(system.url, system.key);
});
afterAll(async () => {
  await api?.close();
  await system?.stop();
  await Promise.all([collector?.close(), mailbox?.close(), postgres?.stop()]);
});

test('no customer and no secret is in log lines, spans, metrics, health, problems, parked reasons and audit entries', async () => {
  const provider = new SandboxBooks(system.providerUrl);
  const stage = { api, provider, mailbox, customer, secrets, databaseUrl: () => databaseUrl };
  const once = await playEverything(stage).finally(() => provider.close());
  await until('the spans of the mails', () => collector.spans.some(({ name }) => name === 'notifications mail'));
  const text = async (path: string, accept = 'application/json'): Promise<string> =>
    (await api.call('GET', path, { headers: { accept } })).text;
  const parked = await api.parked();
  const sources = {
    'log lines': lines,
    spans: collector.bodies,
    metrics: [await text('/metrics', 'text/plain'), await text('/metrics', 'application/openmetrics-text')],
    health: [await text('/health/readiness')],
    problems: api.problems,
    'parked reasons': parked.map(({ reason }) => String(reason)),
    'audit entries': [await text('/audit-entries?limit=200')],
  };
  const marks = {
    ...customer.marks,
    ...secrets,
    'a key': system.key,
    'a revoked key': once,
    'the password of the database': new URL(databaseUrl).password,
  };
  // What is searched is there, and the search finds what is where it belongs.
  for (const texts of Object.values(sources)) expect(texts.join('').length).toBeGreaterThan(100);
  expect(sources['log lines'].some((line) => line.includes('event parked'))).toBe(true);
  expect(sources['log lines'].some((line) => line.includes('request failed'))).toBe(true);
  expect(parked.length).toBeGreaterThan(1);
  expect(leaksIn({ mails: mailbox.mails }, customer.marks).map(({ what }) => what)).toContain('the e-mail address');
  expect(Object.values(marks).filter((mark) => mark.length < 10)).toEqual([]);
  expect(leaksIn(sources, marks)).toEqual([]);
}, 120_000);
