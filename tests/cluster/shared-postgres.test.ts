import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { answersReady, Member } from '#dev/cluster/member.ts';
import { Api, orderBody } from '#tests/support/api.ts';
import { expectSoundLog } from '#tests/support/events.ts';
import { freePort } from '#tests/support/ports.ts';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';
import { withClient } from '#tests/support/sql.ts';
import { DEFAULT_ENV } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { untilLike } from '#tests/support/until-like.ts';
import type { Order } from '#tests/support/views.ts';

/** Processes that share one PostgreSQL and have no Kafka: one consumes for a service at a time, and NOTIFY wakes it. */

const KEY = 'test-key-of-an-admin';
const FRONT = ['sandbox', 'orders', 'gateway'];
const BACK = ['inventory', 'payments', 'shipping', 'reviews', 'notifications', 'billing'];
let postgres: TestPostgres;
let databaseUrl: string;
let folder: string;
let front: Member;
let backs: Member[];
let api: Api;

async function member(
  name: string,
  services: readonly string[],
  port: number,
  env: Record<string, string>,
): Promise<Member> {
  const url = `http://127.0.0.1:${port}`;
  const { PATH, HOME, NODE_COMPILE_CACHE } = process.env;
  return new Member({
    name,
    service: services.join(' '),
    command: ['src/main.ts', 'start', ...services],
    env: {
      PATH,
      HOME,
      NODE_COMPILE_CACHE,
      ...DEFAULT_ENV,
      OLMS_ENV: 'development',
      HTTP_DRAIN_MS: '0',
      LOG_LEVEL: 'warn',
      DATABASE_URL: databaseUrl,
      OLMS_INTERNAL_SECRET: 'the secret that all processes share in this test',
      OLMS_BOOTSTRAP_API_KEY: KEY,
      SANDBOX_WEBHOOK_SECRET: 'whsec_c2VjcmV0IG9mIHRoZSB0ZXN0cw==',
      PORT: String(port),
      ...env,
    },
    url,
    logFile: join(folder, `${name}.log`),
    ready: () => answersReady(url),
    report: () => {},
  });
}

beforeAll(async () => {
  postgres = await startTestPostgres();
  databaseUrl = await postgres.createDatabase();
  folder = mkdtempSync(join(tmpdir(), 'olms-shared-'));
  const [frontPort, firstPort, secondPort, sandboxPort] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const back = `http://127.0.0.1:${firstPort},http://127.0.0.1:${secondPort}`;
  const urls = Object.fromEntries(BACK.map((service) => [`${service.toUpperCase()}_URL`, back]));
  const sandbox = {
    SANDBOX_PROVIDER_PORT: String(sandboxPort),
    SANDBOX_WEBHOOK_URL: `http://127.0.0.1:${frontPort}/payments/webhooks/sandbox`,
  };
  front = await member('front', FRONT, frontPort, { ...urls, ...sandbox });
  backs = [await member('back-1', BACK, firstPort, sandbox), await member('back-2', BACK, secondPort, sandbox)];
  await Promise.all([front, ...backs].map((process) => process.start()));
  api = new Api(front.url, KEY);
}, 120_000);

afterAll(async () => {
  await api?.close();
  await Promise.all([front, ...(backs ?? [])].map((process) => process?.stop()));
  await postgres?.stop();
  if (folder) rmSync(folder, { recursive: true, force: true });
}, 60_000);

/** For every consumer that somebody reads for, the process that does, as the database itself knows it. */
async function readers(): Promise<number[]> {
  const { rows } = await withClient(databaseUrl, (client) =>
    client.query<{ pid: number }>(
      `select split_part(a.application_name, ' ', 2)::int as pid from pg_locks l join pg_stat_activity a on a.pid = l.pid
       where l.locktype = 'advisory' and l.classid = 7113003 and l.granted and a.datname = current_database()`,
    ),
  );
  return rows.map(({ pid }) => pid);
}

test('an order lives its whole life across two processes, in little time', async () => {
  const sku = await api.product();
  const startedMs = performance.now();
  const { id } = await api.placeOrder({ sku });
  await api.untilStatus(id, 'COMPLETED');
  const tookMs = performance.now() - startedMs;
  await api.invoice(id);
  expectSoundLog(id, await api.events(id));
  console.log(`One order from click to completion across two processes: ${tookMs.toFixed(0)} ms.`);
  // Sixteen hops at the 500 ms of the safety poll would be 8 s: somebody wakes who should read.
  expect(tookMs).toBeLessThan(4_000);
});

test('every consumer reads in one process at a time', async () => {
  // inventory, orders, reviews, payments, shipping, notifications, billing
  await until('all consumers to be read for', async () => (await readers()).length === 7);
});

test('the process that consumes is killed under load; another takes over, and nothing is lost', async () => {
  const sku = await api.product(1_000);
  const reading = await readers();
  const victim = backs.find(({ pid }) => reading.includes(pid!))!;
  const pid = victim.pid!;
  const ids: string[] = [];
  const buy = async (): Promise<void> => {
    const key = randomUUID();
    const body = orderBody({ sku });
    ids.push(
      await until('an order to be taken', async () => {
        const answer = await api.call<Order>('POST', '/orders', { body, key });
        return answer.status === 201 && answer.body.id;
      }),
    );
  };
  for (let i = 0; i < 20; i++) {
    if (i === 8) victim.kill('SIGKILL');
    await Promise.all(Array.from({ length: 5 }, buy));
  }
  await Promise.all(ids.map((id) => api.untilStatus(id, 'COMPLETED', 30_000)));
  await untilLike(() => api.stock(sku), { onHand: 900, reserved: 0 });
  expect(await api.parked()).toEqual([]);
  const now = await readers();
  expect(now).toHaveLength(7);
  expect(now).not.toContain(pid);
  for (const id of ids.slice(0, 10)) {
    await api.invoice(id);
    expectSoundLog(id, await api.events(id));
  }
}, 60_000);

test('a version seen by one process is the version another asks for', async () => {
  // Both processes remember the shipment; the one that did not change it must not refuse for what it remembers.
  const { id } = await api.placeOrder({ requiresReview: true });
  const review = await api.reviewOf(id);
  const answers = await Promise.all([1, 2, 3, 4].map(() => api.decideReview(review.id, 'approve')));
  expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThanOrEqual(1);
  await api.untilStatus(id, 'COMPLETED');
});
