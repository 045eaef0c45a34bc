import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Admin } from '@platformatic/kafka';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Kafka, startKafka } from '#dev/brokers/kafka.ts';
import { readTopic } from '#dev/brokers/kcat.ts';
import type { Api } from '#tests/support/api.ts';
import { expectSoundLog } from '#tests/support/events.ts';
import { startTestSystem, type TestSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { Order } from '#tests/support/views.ts';
import { disorder } from './support.ts';

/** The whole system on Kafka, while somebody changes its topic. */

const TOPIC = `changes-${process.pid}-${Date.now()}`;
const PARTITIONS = 4;
const FAR_MS = 60_000;

let folder: string;
let kafka: Kafka;
let system: TestSystem;
let api: Api;
let sku: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'olms-changes-'));
  kafka = await startKafka({ dir: join(folder, 'kafka'), log: (line) => console.log(line) });
  system = await startTestSystem({
    env: { KAFKA_BROKERS: kafka.brokers, KAFKA_TOPIC: TOPIC, KAFKA_PARTITIONS: String(PARTITIONS) },
  });
  ({ api } = system);
  sku = await api.product(100_000);
}, 300_000);

afterAll(async () => {
  await system?.stop();
  await kafka?.stop();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

async function withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Admin({ clientId: 'operator', bootstrapBrokers: kafka.brokers.split(',') });
  try {
    return await work(admin);
  } finally {
    await admin.close();
  }
}

async function setTopic(name: string, value: string): Promise<void> {
  await withAdmin((admin) =>
    admin.incrementalAlterConfigs({
      resources: [{ resourceType: 2, resourceName: TOPIC, configs: [{ name, configOperation: 0, value }] }],
    }),
  );
}

async function placeMany(count: number): Promise<Order[]> {
  const orders: Order[] = [];
  const placeNext = async (): Promise<void> => {
    while (orders.length < count) {
      const place = orders.length;
      orders.push(undefined as unknown as Order);
      orders[place] = await api.placeOrder({ sku });
    }
  };
  await Promise.all([placeNext(), placeNext(), placeNext(), placeNext()]);
  return orders;
}

async function allCompleted(orders: readonly Order[]): Promise<void> {
  for (const { id } of orders) await api.untilStatus(id, 'COMPLETED', FAR_MS);
}

interface Readiness {
  readonly status: string;
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly detail: string }>>;
}

async function untilReady(what: string, good: (seen: Readiness) => boolean): Promise<Readiness> {
  let seen: Readiness | undefined;
  await until(
    what,
    async () => {
      seen = (await api.call<Readiness>('GET', '/health/readiness')).body;
      return good(seen);
    },
    { timeoutMs: FAR_MS, describe: () => JSON.stringify(seen) },
  );
  return seen!;
}

/** Every order's messages stand on one partition, and each service's are numbered in their order there. */
async function expectOrderly(orders: readonly Order[], partitions = PARTITIONS): Promise<void> {
  const messages = await readTopic(kafka.brokers, TOPIC, (line) => console.log(line));
  const partitionOf = new Map<string, number>();
  for (const { key, partition } of messages) {
    expect(partitionOf.get(key!) ?? partition).toBe(partition);
    expect(partition).toBeLessThan(partitions);
    partitionOf.set(key!, partition);
  }
  for (const { id } of orders) expect(partitionOf.has(id)).toBe(true);
  const unique = [...new Map(messages.map((message) => [message.headers['ce_id'], message])).values()];
  const published = unique.map(({ key, headers }) => ({
    subject: `${key} ${headers['ce_source']}`,
    sequence: Number(headers['ce_sequence']),
  }));
  expect(disorder(published)).toEqual([]);
}

test('partitions are added under load: every order stays where it was, in order, and ends', async () => {
  const placing = placeMany(160);
  const first = await api.placeOrder({ sku });
  await api.untilEvent(first.id, 'OrderReserved');
  await withAdmin((admin) =>
    admin.createPartitions({ topics: [{ name: TOPIC, count: 9, assignments: null }], validateOnly: false }),
  );
  const orders = [first, ...(await placing), ...(await placeMany(20))];
  await allCompleted(orders);
  await expectOrderly(orders);
  for (const { id } of orders.slice(0, 40)) expectSoundLog(id, await api.events(id));
  expect(await api.parked()).toEqual([]);
  // The partitions that were added are read, too.
  await untilReady('all well', ({ status }) => status === 'ok');
}, 240_000);

test('an event larger than the topic takes parks its order with the reason; a larger limit lets it go on', async () => {
  await setTopic('max.message.bytes', '6000');
  const { body } = await api.postOrder({ sku, metadata: { note: 'x'.repeat(20_000) } });
  const others = await placeMany(10);
  await allCompleted(others);
  const [parked] = await api.parked();
  expect(parked).toMatchObject({ consumer: 'relay', orderId: body.id });
  expect(JSON.stringify(parked)).toMatch(/MESSAGE_TOO_LARGE|max\.message\.bytes/);
  expect((await api.order(body.id)).status).toBe('CREATED');
  const retry = (): Promise<unknown> => api.ok('POST', `/parked/relay/${body.id}/retry`, { body: {} });
  await retry();
  expect((await api.parked()).map(({ orderId }) => orderId)).toEqual([body.id]);

  await setTopic('max.message.bytes', '8000000');
  await until(
    'the limit to be there',
    async () => {
      await retry();
      return (await api.parked()).length === 0;
    },
    { timeoutMs: FAR_MS, everyMs: 300 },
  );
  await api.untilStatus(body.id, 'COMPLETED', FAR_MS);
  // Larger than what we send in one batch, and than what we ask for at once: it comes through all the same.
  const { body: large } = await api.postOrder({ sku, metadata: { note: 'x'.repeat(850_000) } });
  await api.untilStatus(large.id, 'COMPLETED', FAR_MS);
  await expectOrderly([body, large, ...others]);
}, 240_000);

test('the topic is deleted: orders are taken, the readiness reports it, and all go on once it is made again', async () => {
  const before = await placeMany(5);
  await allCompleted(before);
  await withAdmin((admin) => admin.deleteTopics({ topics: [TOPIC] }));
  const during = await placeMany(10);
  const { status } = await untilReady('the relay and the consumers to say so', ({ checks }) =>
    [checks['relay'], checks['log']].every((check) => /UNKNOWN_TOPIC: there is no topic/.test(check!.detail)),
  );
  expect(status).toBe('degraded');
  expect(await api.parked()).toEqual([]);

  await withAdmin((admin) => admin.createTopics({ topics: [TOPIC], partitions: PARTITIONS, replicas: 1 }));
  await setTopic('retention.ms', '-1');
  await allCompleted(during);
  const after = await placeMany(5);
  await allCompleted(after);
  await untilReady('all well', (seen) => seen.status === 'ok');
  expect(await api.parked()).toEqual([]);
  // Everything is on the new topic, and nothing was done twice.
  await expectOrderly([...before, ...during, ...after]);
  for (const { id } of [...before, ...during]) {
    const events = await api.events(id);
    expectSoundLog(id, events);
    expect((await system.provider.of(id)).length).toBe(1);
    expect(new Set((await api.notifications(id)).map(({ eventType }) => eventType)).size).toBe(
      (await api.notifications(id)).length,
    );
  }
}, 240_000);
