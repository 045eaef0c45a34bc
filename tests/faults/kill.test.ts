import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { runKillRounds } from './kill.ts';

/** The short form; the long one is `node tests/faults/kill.ts --rounds 20`. */

test('killed three times under load with everything it started, the system loses nothing, charges nobody twice and notifies nobody twice', async () => {
  const seed = Number(process.env['KILL_SEED'] ?? randomInt(2 ** 31));
  console.log(`kill -9: seed ${seed}`);
  const { faults, figures } = await runKillRounds({
    rounds: 3,
    seed,
    limitMs: 80_000,
    log: (line) => console.log(line),
  });
  console.log(
    Object.entries(figures)
      .map(([name, value]) => `${name}: ${value}`)
      .join(' · '),
  );
  expect(faults).toEqual([]);
}, 90_000);
