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
async function followingProcess(url: string): Promise<FollowingProcess> {
  const database = new Database({ url, poolSize: 2, statementTimeoutMs: 5_000, applicationName: 'test' });
  const coordinator = consumerCoordinator(url, logger);
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
