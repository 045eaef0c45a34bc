import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runAudit } from '#cli/operate/audit.ts';
import { openReplay } from '#cli/operate/replay/open.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { Api } from '#tests/support/api.ts';
import { freePort } from '#tests/support/ports.ts';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';
import { StandIn } from '#tests/support/service.ts';
import { DEFAULT_ENV } from '#tests/support/system.ts';
import { tiny } from '#tests/support/tiny-service/service.ts';
import { SERVICES, settingsByOwner } from './services.ts';
import { startSystem, type System } from './system.ts';

/** A service is a folder and a line: everything else that the system does for its services follows from its definition. */

const KEY = 'admin-key';
const SECRET = 'the secret that all processes share in this test';
const definitions = [...SERVICES, tiny];
const logger = createLogger('silent');

let postgres: TestPostgres;
let system: System;
let api: Api;
let env: Record<string, string>;
let orderId: string;

beforeAll(async () => {
  postgres = await startTestPostgres();
  env = {
    ...DEFAULT_ENV,
    DATABASE_URL: await postgres.createDatabase(),
    PORT: '0',
    SANDBOX_PROVIDER_PORT: String(await freePort()),
    OLMS_BOOTSTRAP_API_KEY: KEY,
  };
  system = await startSystem({ env, definitions, logger });
  api = new Api(system.url, KEY, { documented: false });
  ({ id: orderId } = await api.placeOrder());
  await system.settle();
});

afterAll(async () => {
  await api?.close();
  await system?.stop();
  await postgres?.stop();
});

test('it is migrated, reads the log and answers', async () => {
  const { body } = await api.call<{ pieces: number }>('GET', `/wrappings/${orderId}`);
  expect(body).toMatchObject({ pieces: expect.any(Number) });
  expect(body.pieces).toBeGreaterThan(0);
});

test('what somebody else’s open transaction hides is waited for, too', async () => {
  // Of another database: what its server has not ended hides what begins later.
  const holder = new Client({ connectionString: await postgres.createDatabase() });
  await holder.connect();
  await holder.query('begin');
  await holder.query('select pg_current_xact_id()');
  const { id } = await api.placeOrder();
  const released = sleep(300).then(() => holder.query('commit'));
  await system.settle();
  expect((await api.call('GET', `/wrappings/${id}`)).status).toBe(200);
  await released;
  await holder.end();
});

test('it is documented, by its own process and by a gateway in front of it', async () => {
  const document = await api.get<{ tags: { name: string }[]; paths: Record<string, object> }>('/openapi.json');
  expect(document.tags.map(({ name }) => name)).toContain('wrappings');
  expect(document.paths['/wrappings/{id}']).toHaveProperty('get.operationId', 'readWrapping');
  expect((await api.call('GET', '/docs')).text).toContain('/wrappings/{id}');
});

test('it is measured, and its consumer is part of readiness', async () => {
  expect((await api.call('GET', '/metrics')).text).toContain('olms_set_items_total{service="tiny"} 2');
  const { checks } = await api.get<{ checks: Record<string, { ok: boolean }> }>('/health/readiness');
  expect(checks['tiny']).toMatchObject({ ok: true });
});

test('it is audited', async () => {
  const wrapped = async (): Promise<unknown> => {
    const { checks } = await runAudit({ patience: 0, definitions }, env);
    return checks.find(({ check }) => (check as string) === 'wrapped');
  };
  expect(await wrapped()).toMatchObject({ examined: 2, violations: 0 });
  await system.database.query('update tiny.wrappings set pieces = 0');
  expect(await wrapped()).toMatchObject({
    violations: 2,
    examples: expect.arrayContaining([expect.objectContaining({ subject: orderId, detail: 'has 0 pieces' })]),
  });
});

test('it is replayable', async () => {
  await using opened = await openReplay('tiny', env, definitions);
  expect(opened.replayable).toMatchObject({ consumer: 'tiny', types: ['OrderCreated'] });
});

test('its settings are known, those of its deployment too', () => {
  const { tiny: own, 'a process per service': deployment } = settingsByOwner(definitions);
  expect(own).toHaveProperty('paper');
  const variables = Object.values(deployment!).map((setting) => setting.env);
  expect(variables).toEqual(expect.arrayContaining(['TINY_URL', 'TINY_DATABASE_URL']));
});

test('a gateway hands its paths on to where it runs, and describes them', async () => {
  const elsewhere = await new StandIn().start();
  const gateway = await startSystem({
    services: ['gateway'],
    definitions,
    env: {
      ...env,
      DATABASE_URL: await postgres.createDatabase(),
      OLMS_INTERNAL_SECRET: SECRET,
      TINY_URL: elsewhere.url,
    },
    logger,
  });
  const front = new Api(gateway.url, KEY, { documented: false });
  try {
    expect((await front.call('GET', `/wrappings/${orderId}`)).status).toBe(200);
    expect(elsewhere.seen.map(({ url }) => url)).toEqual([`/wrappings/${orderId}`]);
    const document = await front.get<{ paths: Record<string, object> }>('/openapi.json');
    expect(Object.keys(document.paths)).toEqual(expect.arrayContaining(['/wrappings/{id}', '/orders']));
  } finally {
    await front.close();
    await gateway.stop();
    await elsewhere.stop();
  }
});
