import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readSettings } from '#platform/runtime/settings.ts';
import { kafkaSettings } from '#platform/kafka/settings.ts';
import { describeTopics, type GroupDescription } from '#platform/kafka/topic.ts';
import type { Cluster } from '#dev/cluster/launcher.ts';
import { Api, orderBody } from '#tests/support/api.ts';
import { allReachable, sharedCluster } from '#tests/support/cluster.ts';
import { SandboxBooks } from '#tests/support/provider.ts';
import { DEFAULT_ENV } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { untilLike } from '#tests/support/until-like.ts';
import type { Order } from '#tests/support/views.ts';

/** Two processes of one service: one is killed under load, one is added. On the cluster of scenarios.test.ts, after them. */

const SPREAD_WITHIN_MS = 10_000;
const PARTITIONS = 12;
const ORDERS = 150;
let cluster: Cluster;
let api: Api;
let provider: SandboxBooks;

beforeAll(async () => {
  cluster = await sharedCluster(DEFAULT_ENV);
  await cluster.addReplica('orders');
  // Only with its start does a gateway learn of a new process behind it.
  await cluster.restart(['gateway']);
  api = new Api(cluster.urls[0]!, cluster.apiKey);
  provider = new SandboxBooks(cluster.providerUrl);
  await allReachable(cluster);
}, 180_000);

afterAll(async () => {
  await api?.close();
  await provider?.close();
}, 60_000);

async function groupOfOrders(): Promise<GroupDescription | undefined> {
  const config = readSettings(kafkaSettings, { KAFKA_BROKERS: cluster.kafkaBrokers });
  const { groups } = await describeTopics(config);
  return groups.find(({ group }) => group === 'olms-orders');
}

const sizes = ({ members }: GroupDescription): number[] => members.map(({ partitions }) => partitions.length).sort();

async function untilSpread(wanted: readonly number[], timeoutMs: number): Promise<number> {
  const startedMs = Date.now();
  let seen: unknown;
  await until(
    `partitions spread ${wanted.join('+')}`,
    async () => {
      const group = await groupOfOrders();
      seen = group && [group.state, sizes(group)];
      return group?.state === 'Stable' && JSON.stringify(sizes(group)) === JSON.stringify(wanted);
    },
    { timeoutMs, everyMs: 100, describe: () => JSON.stringify(seen) },
  );
  return Date.now() - startedMs;
}

/** Places an order as a patient customer does: again, under the same key, until there is an answer. */
async function placed(sku: string): Promise<string> {
  const key = randomUUID();
  const body = orderBody({ sku });
  return until(
    'an order to be taken',
    async () => {
      const answer = await api.call<Order>('POST', '/orders', { body, key });
      if (answer.status === 201) return answer.body.id;
      expect(answer.status, answer.text).toBe(503);
      return undefined;
    },
    { timeoutMs: 30_000, everyMs: 200 },
  );
}

test('one of two processes of the orders service is killed under load, and nothing is lost', async () => {
  await untilSpread([PARTITIONS / 2, PARTITIONS / 2], 30_000);
  const sku = await api.product(10_000);
  const [victim] = cluster.membersOf('orders');
  const pid = victim!.pid;
  const ids: string[] = [];
  let begun = 0;
  const buyers = Array.from({ length: 10 }, async () => {
    while (begun++ < ORDERS) {
      ids.push(await placed(sku));
      if (ids.length === ORDERS / 3) victim!.kill('SIGKILL');
    }
  });
  await Promise.all(buyers);
  expect(new Set(ids).size).toBe(ORDERS);

  await Promise.all(ids.map((id) => api.untilStatus(id, 'COMPLETED', 60_000)));
  await untilLike(() => api.stock(sku), { onHand: 10_000 - ORDERS, reserved: 0 });
  const mine = new Set(ids);
  const charges = (await provider.all()).filter((entry) => mine.has(entry.reference));
  expect(charges.map(({ status }) => status)).toEqual(Array.from({ length: ORDERS }, () => 'approved'));
  expect(new Set(charges.map((entry) => entry.reference)).size).toBe(ORDERS);
  expect(await api.parked()).toEqual([]);

  await until('the killed process to be started again', () => victim!.pid !== undefined && victim!.pid !== pid);
  await victim!.untilReady();
}, 150_000);

test('a third process takes its share of the partitions within 10 s', async () => {
  await untilSpread([PARTITIONS / 2, PARTITIONS / 2], 30_000);
  await cluster.addReplica('orders');
  const tookMs = await untilSpread([PARTITIONS / 3, PARTITIONS / 3, PARTITIONS / 3], SPREAD_WITHIN_MS);
  console.log(`A third process had its 4 partitions ${(tookMs / 1000).toFixed(1)} s after it was ready.`);
  const id = await placed(await api.product());
  await api.untilStatus(id, 'COMPLETED', 30_000);
}, 120_000);
