import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis as Client } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Redis, startRedis } from './redis.ts';

let folder: string;
let redis: Redis;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'olms-redis-'));
  redis = await startRedis({ dir: folder, log: (line) => console.log(line) });
}, 300_000);

afterAll(async () => {
  await redis?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('a Redis that was set up here answers, and is gone after its end', async () => {
  const client = new Client(redis.url, { maxRetriesPerRequest: 1 });
  client.on('error', () => {});
  await client.set('olms-test', 'here', 'EX', 60);
  expect(await client.get('olms-test')).toBe('here');
  if (redis.pid !== undefined) {
    await redis.kill();
    await expect(client.get('olms-test')).rejects.toThrow(/max retries|closed|ECONN/i);
  }
  client.disconnect();
});
