import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Database } from '#platform/database/database.ts';
import { LOG_MIGRATIONS } from '#platform/log/migrations.ts';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';
import { loadTopicOffsets } from './topic-offsets.ts';

/** Offsets hold for one topic; the previous version notes which one elsewhere. */

const ONE = '00000000-0001-4000-8000-000000000000';
const OTHER = '00000000-0002-4000-8000-000000000000';

let server: TestPostgres;
let database: Database;

beforeAll(async () => {
  server = await startTestPostgres([LOG_MIGRATIONS]);
});

afterAll(() => server.stop());

beforeEach(async () => {
  database = new Database({
    url: await server.createDatabase(),
    poolSize: 2,
    statementTimeoutMs: 10_000,
    applicationName: 'test',
  });
  return () => database.close();
});

async function load(topic: string): Promise<{ positions: number[]; startedOver: boolean }> {
  const { offsets, startedOver } = await loadTopicOffsets(database, 'billing', [0, 1], topic);
  return { positions: [...offsets.values()].map(({ position }) => position), startedOver };
}

const read = async (): Promise<unknown> =>
  database.query("update log.consumer_offsets set position = 7 + partition where consumer = 'billing'");

/** What the previous version notes where it begins on a topic. */
const noteAsBefore = (topic: number): Promise<unknown> =>
  database.query(
    `insert into log.consumer_offsets (consumer, partition, txid, position)
     select 'billing@topic', partition, 0, $1 from generate_series(0, 1) as partition
     on conflict (consumer, partition) do update set position = excluded.position`,
    [topic],
  );

const topicsAsBefore = (): Promise<unknown[]> =>
  database.query("select partition, position from log.consumer_offsets where consumer = 'billing@topic' order by 1");

describe('stored offsets', () => {
  test('hold on the same topic, and begin from the start on another', async () => {
    expect(await load(ONE)).toEqual({ positions: [0, 0], startedOver: false });
    await read();
    expect(await load(ONE)).toEqual({ positions: [7, 8], startedOver: false });
    expect(await load(OTHER)).toEqual({ positions: [0, 0], startedOver: true });
    await read();
    expect(await load(OTHER)).toEqual({ positions: [7, 8], startedOver: false });
  });

  test('without a topic are taken over as they are', async () => {
    await load(ONE);
    await read();
    await database.query('delete from log.topics');
    await database.query("delete from log.consumer_offsets where consumer = 'billing@topic'");
    expect(await load(OTHER)).toEqual({ positions: [7, 8], startedOver: false });
    expect(await load(ONE)).toEqual({ positions: [0, 0], startedOver: true });
  });

  test('hold on the topic that the previous version noted', async () => {
    await load(ONE);
    await read();
    await noteAsBefore(2);
    expect(await load(OTHER)).toEqual({ positions: [7, 8], startedOver: false });
    await database.query('delete from log.topics');
    await noteAsBefore(1);
    expect(await load(OTHER)).toEqual({ positions: [0, 0], startedOver: true });
  });

  test('are noted for the previous version too', async () => {
    await load(ONE);
    expect(await topicsAsBefore()).toEqual([
      { partition: 0, position: 1 },
      { partition: 1, position: 1 },
    ]);
    await load(OTHER);
    expect(await topicsAsBefore()).toEqual([
      { partition: 0, position: 2 },
      { partition: 1, position: 2 },
    ]);
  });
});

test('the migration copies what the previous version noted', async () => {
  await database.query('drop table log.topics, log.publishing');
  await noteAsBefore(1);
  await database.query(
    "insert into log.consumer_offsets (consumer, partition, txid, position) values ('relay-partitions', 0, 0, 12), ('relay', 0, 3, 4)",
  );
  await database.pool.query(await readFile(join(LOG_MIGRATIONS.folder, '0003-topics.sql'), 'utf8'));
  expect(await database.query('select * from log.topics order by partition')).toEqual([
    { consumer: 'billing', partition: 0, topic: 1 },
    { consumer: 'billing', partition: 1, topic: 1 },
  ]);
  expect(await database.query('select partitions from log.publishing')).toEqual([{ partitions: 12 }]);
});
