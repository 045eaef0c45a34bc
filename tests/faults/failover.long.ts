import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLogger } from '#platform/telemetry/logger.ts';
import { startSystem, type System } from '#system/system.ts';
import { Api, orderBody } from '#tests/support/api.ts';
import { freePort } from '#tests/support/ports.ts';
import { SandboxBooks } from '#tests/support/provider.ts';
import { Proxy } from '#tests/support/proxy.ts';
import { seeded } from '#tests/support/seeded.ts';
import { addressOf, startTwoServers, type TwoServers } from '#tests/support/two-servers.ts';
import { until } from '#tests/support/until.ts';
import type { Problem } from '#tests/support/views.ts';
import { Comparison } from './comparison.ts';
import { initialStock, Load, OUTSIDE, release, stockUp, TOKENS } from './load.ts';

/** A failover of PostgreSQL under load: connections reach the standby while that only reads, then it is promoted. */

const PATIENCE_MS = 120_000;
const folder = mkdtempSync(join(tmpdir(), 'olms-failover-'));
const key = `failover-${randomBytes(12).toString('hex')}`;
let servers: TwoServers;
let proxy: Proxy;
let system: System;
let api: Api;
let provider: SandboxBooks;

beforeAll(async () => {
  servers = await startTwoServers(folder);
  proxy = await Proxy.listen(addressOf(servers.primary));
  const { user, password, database } = servers.primary;
  const providerPort = await freePort();
  system = await startSystem({
    env: {
      ...OUTSIDE,
      DATABASE_URL: `postgres://${user}:${password}@127.0.0.1:${proxy.port}/${database}`,
      PORT: String(await freePort()),
      SANDBOX_PROVIDER_PORT: String(providerPort),
      OLMS_BOOTSTRAP_API_KEY: key,
    },
    logger: createLogger(process.env['TEST_LOG_LEVEL'] ?? 'silent'),
  });
  api = new Api(system.url, key);
  provider = new SandboxBooks(`http://127.0.0.1:${providerPort}`);
}, 120_000);

afterAll(async () => {
  await api?.close();
  await provider?.close();
  await system?.stop();
  await proxy?.close();
  await servers?.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Readiness {
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly detail: string }>>;
}

test('callers get 503, readiness says why, nothing parks, and every acknowledged order comes to its end', async () => {
  const assortment = await stockUp(
    api,
    TOKENS.filter((token) => token !== 'tok_flaky'),
  );
  const load = new Load([api], seeded(11), assortment, { workers: 8, thinkMs: [20, 80] });
  load.start();
  await sleep(3_000);
  const before = load.acknowledged.size;
  expect(before).toBeGreaterThan(20);

  proxy.leadTo(addressOf(servers.standby));
  const ready = await until('readiness to say so', async () => {
    const found = await api.as(undefined).call<Readiness>('GET', '/health/readiness');
    return found.body.checks['database']?.detail.startsWith('it takes no writes') && found;
  });
  expect(ready.status).toBe(503);
  const order = orderBody({ items: [{ sku: assortment.plenty[0]!, quantity: 1, unitPrice: '1.00' }] });
  const refused = await api.call<Problem>('POST', '/orders', { body: order, key: 'while-it-only-reads' });
  expect([refused.status, refused.body.code]).toEqual([503, 'UNAVAILABLE']);
  expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1);
  // What is read needs no writes.
  expect((await api.call('GET', '/stock')).status).toBe(200);
  await sleep(8_000);
  expect(await api.parked()).toEqual([]);

  await servers.primary.stop();
  await servers.promote();
  await until('the system to be ready', async () => {
    const { status } = await api.as(undefined).call('GET', '/health/readiness');
    return status === 200;
  });
  await sleep(3_000);
  await load.pause();
  expect(load.acknowledged.size).toBeGreaterThan(before + 20);
  await release(api, load, assortment, PATIENCE_MS);
  expect(await api.parked()).toEqual([]);
  expect(load.faults).toEqual([]);
  const faults = await new Comparison(api, provider, load, initialStock(assortment)).faults(PATIENCE_MS);
  expect(faults).toEqual([]);
}, 300_000);
