import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { runDrill } from './drill.ts';

/** What `npm run drill` does, with and without `--cluster`. */

test.each([
  ['in one process on one database', false],
  ['on Kafka, with databases that are restored to different points', true],
])(
  'a backup that was taken under load %s is good',
  async (_, cluster) => {
    const seed = randomInt(2 ** 31);
    console.log(`drill: seed ${seed}`);
    const { faults, figures } = await runDrill({ cluster, seed, phaseMs: 3_000, log: (line) => console.log(line) });
    expect(faults).toEqual([]);
    expect(figures['orders acknowledged at the point']).toBeGreaterThan(50);
  },
  900_000,
);
