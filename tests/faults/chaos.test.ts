import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { runPhase } from './chaos.ts';
import { type FaultName, FAULTS } from './strikes.ts';

/** The short form, every kind of fault on one cluster; the long one is `npm run chaos`. */

test('while processes, relays, Kafka, Redis and PostgreSQL are killed, processes paused and groups rebalanced, nothing is lost, charged twice, notified twice or published in disorder', async () => {
  const seed = Number(process.env['CHAOS_SEED'] ?? randomInt(2 ** 31));
  console.log(`chaos: seed ${seed}`);
  // They are killed here: those of others are not for that.
  for (const variable of ['KAFKA_BROKERS', 'REDIS_URL', 'DATABASE_URL']) delete process.env[variable];
  const { faults, figures } = await runPhase({
    // A power cut takes as long as a kill, and tests/bus has one.
    kinds: (Object.keys(FAULTS) as FaultName[]).filter((kind) => kind !== 'power'),
    seed,
    seconds: 5,
    pauseSeconds: 10,
    replicas: { orders: 2, payments: 2 },
    durable: false,
    brief: true,
    rate: { workers: 6, thinkMs: [250, 1_000] },
    patienceMs: 120_000,
    log: (line) => console.log(line),
  });
  console.log(
    Object.entries(figures)
      .map(([name, value]) => `${name}: ${value}`)
      .join(' · '),
  );
  expect(faults).toEqual([]);
}, 600_000);
