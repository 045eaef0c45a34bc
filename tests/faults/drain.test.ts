import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Api } from '#tests/support/api.ts';
import { KillableSystem } from '#tests/support/killable.ts';
import { freePort } from '#tests/support/ports.ts';
import { until } from '#tests/support/until.ts';

/** A process that is asked to stop under load: every request that reaches it is answered, and then it is gone. */

const KEY = 'drain-0123456789-0123456789-0123456789';
const CALLERS = 24;
const NOTICED_MS = 100;

let folder: string;
let system: KillableSystem;
let api: Api;
/** Orders that were acknowledged. */
const placed: string[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'olms-drain-'));
});
afterEach(async () => {
  await api.close();
  await system.stop();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function start(drainMs: number): Promise<void> {
  system = new KillableSystem({
    folder,
    port: await freePort(),
    providerPort: await freePort(),
    key: KEY,
    command: 'start',
    env: { OLMS_ENV: 'development', HTTP_DRAIN_MS: String(drainMs), RATE_LIMIT_PER_SECOND: '100000' },
  });
  system.spawn();
  await system.ready();
  api = new Api(system.url, KEY);
}

/** What a load balancer sees, which asks every now and then: false once it takes the process out. */
async function isReady(): Promise<boolean> {
  const response = await fetch(`${system.url}/health/readiness`).catch(() => undefined);
  await response?.arrayBuffer();
  return response?.status === 200;
}

test('after SIGTERM no request fails, and the process ends by itself', async () => {
  await start(4_000);
  const sku = await api.product(1_000_000);
  const failures: string[] = [];
  const answers: Record<number, number> = {};
  let sending = true;
  const caller = async (number: number): Promise<void> => {
    for (let turn = 0; sending; turn++) {
      const body = {
        currency: 'EUR',
        items: [{ sku, quantity: 1, unitPrice: '10.00' }],
        payment: { token: 'tok_approve' },
      };
      // Some wait until their order is decided.
      const waits = (number + turn) % 8 === 0;
      const reads = !waits && turn % 2 === 1 && placed.length > 0;
      try {
        const { status, body: order } = reads
          ? await api.call<{ id: string }>('GET', `/orders/${placed.at(-1)}`)
          : await api.call<{ id: string }>('POST', '/orders', {
              body,
              key: `drain-${number}-${turn}`,
              ...(waits && { headers: { prefer: 'wait=30' } }),
            });
        answers[status] = (answers[status] ?? 0) + 1;
        if (status >= 400) failures.push(`${reads ? 'GET' : 'POST'} was answered ${status}`);
        else if (!reads) placed.push(order.id);
      } catch (error) {
        failures.push((error as Error).message);
        return;
      }
    }
  };
  const callers = Array.from({ length: CALLERS }, (_, number) => caller(number));
  let before = 0;
  try {
    await until('the load to run', () => placed.length > 60, { timeoutMs: 30_000 });
    before = placed.length;
    system.terminate();
    while (await isReady()) await sleep(NOTICED_MS);
    // It serves on while others have not noticed yet.
    await until('more orders to be taken', () => placed.length > before || failures.length > 0, { everyMs: 5 });
  } finally {
    sending = false;
    await Promise.all(callers);
  }
  console.log(`SIGTERM under load: ${JSON.stringify(answers)} answers, ${placed.length - before} orders since`);
  expect(failures).toEqual([]);
  expect(await system.ended()).toBe(0);
}, 120_000);

test('what was acknowledged meanwhile is there afterwards, and a second SIGTERM ends it at once', async () => {
  await start(300_000);
  expect(placed.length).toBeGreaterThan(0);
  for (const id of placed.slice(-20)) expect((await api.call('GET', `/orders/${id}`)).status).toBe(200);
  system.terminate();
  await until('it not to be ready', async () => !(await isReady()));
  expect((await api.call('GET', '/orders')).headers['connection']).toBe('close');
  // The same signal twice within a moment counts once: npm and shells do so.
  await sleep(1_100);
  system.terminate();
  expect(await system.ended()).toBe(1);
}, 120_000);
