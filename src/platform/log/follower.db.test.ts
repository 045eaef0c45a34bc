import { afterAll, beforeAll, expect, test } from 'vitest';
import { Database } from '#platform/database/database.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';
import { until } from '#tests/support/until.ts';
import { consumerCoordinator } from './coordinator.ts';
import { Follower } from './follower.ts';
import { LOG_MIGRATIONS } from './migrations.ts';
import { PostgresBus } from './postgres-bus.ts';

const logger = createLogger('silent');
let postgres: TestPostgres;

beforeAll(async () => {
  postgres = await startTestPostgres([LOG_MIGRATIONS]);
});

afterAll(() => postgres?.stop());

interface FollowingProcess {
  readonly follower: Follower;
  /** How often it forgot what it remembered. */
  forgotten: number;
  stop(): Promise<void>;
}

/** A process that follows the log under the name of a consumer. */
async function followingProcess(url: string, electionUrl = url): Promise<FollowingProcess> {
  const database = new Database({ url, poolSize: 2, statementTimeoutMs: 5_000, applicationName: 'test' });
  const coordinator = consumerCoordinator(electionUrl, logger);
  const bus = await PostgresBus.open(database, coordinator);
  const one: FollowingProcess = {
    follower: new Follower({
      consumer: 'somebody',
      types: ['OrderCreated'],
      database,
      bus,
      logger,
      onReady: () => {},
      onReset: () => void one.forgotten++,
    }),
    forgotten: 0,
    async stop() {
      await one.follower.close();
      await bus.close();
      await coordinator.stop();
      await database.close();
    },
  };
  await one.follower.start();
  return one;
}

test('whoever reads on for another process forgets what it remembered: the other may have moved it on', async () => {
  const url = await postgres.createDatabase();
  const first = await followingProcess(url);
  await until('the first to read', () => first.forgotten > 0);
  const second = await followingProcess(url);
  try {
    expect(second.forgotten).toBe(0);
    await first.stop();
    await until('the second to read on', () => second.forgotten > 0);
  } finally {
    await second.stop();
  }
});

test('before it knows whether another process reads, it does not take itself for one that has nothing to read', async () => {
  const url = await postgres.createDatabase();
  const unknowing = await followingProcess(url, 'postgres://nobody@127.0.0.1:1/nothing');
  const reading = await followingProcess(url);
  const standingBy = await followingProcess(url);
  try {
    await until('one of the others to read', () => reading.forgotten + standingBy.forgotten > 0);
    await until('both to know who reads', () => reading.follower.lag().events + standingBy.follower.lag().events === 0);
    expect(unknowing.follower.lag()).toEqual({ events: 1, ageMs: 0 });
  } finally {
    for (const process of [unknowing, reading, standingBy]) await process.stop();
  }
});
