import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Database } from '#platform/database/database.ts';
import { LOG_MIGRATIONS } from '#platform/log/migrations.ts';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';
import { actOnce } from './idempotency.ts';

let server: TestPostgres;
let database: Database;

beforeAll(async () => {
  server = await startTestPostgres([LOG_MIGRATIONS]);
  const url = await server.createDatabase();
  database = new Database({ url, poolSize: 8, statementTimeoutMs: 10_000, applicationName: 'idempotency' });
});
afterAll(async () => {
  await database?.close();
  await server?.stop();
});

async function abandon(key: string): Promise<void> {
  await database.query(
    "insert into log.idempotency_keys (key, request_hash, status, answer, created_at) values ($1, 'hash', 102, '\"before\"', now() - interval '5 minutes')",
    [key],
  );
}

test('of several repeats that find an abandoned claim one acts, and all get its answer', async () => {
  for (let round = 0; round < 10; round++) {
    const key = `abandoned ${round}`;
    await abandon(key);
    let acts = 0;
    const once = (): Promise<number> =>
      actOnce(
        database,
        { key, requestHash: 'hash' },
        {
          mark: async () => 'now',
          act: async () => {
            await sleep(20);
            return ++acts;
          },
          happened: async () => undefined,
        },
      );
    expect(await Promise.all([once(), once(), once(), once()])).toEqual([1, 1, 1, 1]);
    expect(acts).toBe(1);
  }
});

test('an abandoned act that happened is answered by what it left, and not done again', async () => {
  await abandon('done');
  const marks: string[] = [];
  const answer = await actOnce<string, string>(
    database,
    { key: 'done', requestHash: 'hash' },
    {
      mark: async () => 'now',
      act: () => Promise.reject(new Error('it had happened')),
      happened: async (mark) => {
        marks.push(mark);
        return 'what it left';
      },
    },
  );
  expect([answer, marks]).toEqual(['what it left', ['before']]);
});

test('an act that fails after its claim was taken over leaves the other claim alone', async () => {
  const key = { key: 'late', requestHash: 'hash' };
  const failing = actOnce<string, string>(database, key, {
    mark: async () => 'first',
    act: async () => {
      // It takes so long that another repeat takes it for dead.
      await database.query(
        "update log.idempotency_keys set created_at = now() - interval '5 minutes' where key = 'late'",
      );
      await sleep(150);
      throw new Error('too late');
    },
    happened: async () => undefined,
  });
  const failed = failing.then(
    () => 'no error',
    (error: Error) => error.message,
  );
  await sleep(50);
  const second = await actOnce<string, string>(database, key, {
    mark: async () => 'second',
    act: async () => {
      await sleep(300);
      return 'done';
    },
    happened: async () => undefined,
  });
  expect(await failed).toBe('too late');
  expect(second).toBe('done');
  const again = await actOnce<string, string>(database, key, {
    mark: async () => 'third',
    act: () => Promise.reject(new Error('done twice')),
    happened: async () => undefined,
  });
  expect(again).toBe('done');
});
