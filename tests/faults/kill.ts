import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Api } from '#tests/support/api.ts';
import { KillableSystem } from '#tests/support/killable.ts';
import { freePort } from '#tests/support/ports.ts';
import { SandboxBooks } from '#tests/support/provider.ts';
import { seeded } from '#tests/support/seeded.ts';
import { Comparison } from './comparison.ts';
import { initialStock, Load, OUTSIDE, release, stockUp, TOKENS } from './load.ts';

/**
 * Kills the whole system, PostgreSQL included, at random moments under load, starts it again, and at the end
 * compares everything that was acknowledged with what is there: `node tests/faults/kill.ts --rounds 20 --seed 7`.
 */

export interface KillOptions {
  readonly rounds: number;
  readonly seed: number;
  /** `tree`: everything at once; `mixed`: now and then PostgreSQL survives and is adopted. */
  readonly what?: 'tree' | 'mixed';
  /**
   * The short form: everything together within this time. Rounds that a slow machine has no time for are left
   * out, and so is the card that fails now and then, because the pauses between its attempts grow to a minute.
   */
  readonly limitMs?: number;
  readonly log?: (line: string) => void;
}

export interface KillReport {
  readonly faults: readonly string[];
  readonly figures: Readonly<Record<string, number | string>>;
}

/** A provider that keeps failing is asked again every minute at most, so the last order may take some of them. */
const PATIENCE_MS = 300_000;
/** What stopping and the last comparison take. */
const CLOSING_MS = 8_000;

/** Runs the rounds and the comparison; what does not agree comes back as faults. */
export async function runKillRounds({
  rounds,
  seed,
  what = 'tree',
  limitMs,
  log = () => {},
}: KillOptions): Promise<KillReport> {
  const random = seeded(seed);
  const folder = mkdtempSync(join(tmpdir(), 'olms-kill-'));
  const key = `kill-${randomBytes(12).toString('hex')}`;
  const system = new KillableSystem({
    folder,
    port: await freePort(),
    providerPort: await freePort(),
    key,
    env: OUTSIDE,
  });
  const api = new Api(system.url, key);
  const provider = new SandboxBooks(system.providerUrl);
  const beganMs = performance.now();
  const elapsedMs = (): number => performance.now() - beganMs;
  const startsMs: number[] = [];
  const start = async (): Promise<void> => {
    const beganMs = performance.now();
    system.spawn();
    await system.ready();
    startsMs.push(Math.round(performance.now() - beganMs));
  };
  let sound = false;
  try {
    await start();
    const assortment = await stockUp(
      api,
      limitMs === undefined ? TOKENS : TOKENS.filter((token) => token !== 'tok_flaky'),
    );
    const load = new Load([api], random, assortment);
    let processes = 0;
    let round = 0;
    while (round < rounds && (limitMs === undefined || round === 0 || elapsedMs() < limitMs / 2)) {
      round++;
      load.start();
      await sleep(random.between(200, 2_200));
      const postgres = what === 'tree' || random.chance(0.7);
      processes += await system.kill({ postgres });
      await load.pause();
      log(
        `round ${round}: killed${postgres ? '' : ' (PostgreSQL survived)'} with ${load.acknowledged.size} orders acknowledged, ${load.unanswered.length} requests unanswered`,
      );
      // Now and then it is killed again before it is up.
      if (random.chance(0.25)) {
        system.spawn();
        await sleep(random.between(50, 1_500));
        processes += await system.kill();
        load.count('killed while starting');
      }
      await start();
    }
    const patienceMs = limitMs === undefined ? PATIENCE_MS : Math.max(limitMs - elapsedMs() - CLOSING_MS, 1_000);
    await release(api, load, assortment, patienceMs);
    const compare = new Comparison(api, provider, load, initialStock(assortment));
    const faults = [...load.faults, ...(await compare.faults(patienceMs))];
    sound = faults.length === 0;
    const figures = {
      seed,
      rounds: round,
      'processes killed': processes,
      'start, slowest ms': Math.max(...startsMs),
      ...load.counts,
      ...compare.figures,
    };
    return { faults, figures };
  } finally {
    await api.close();
    await provider.close();
    await system.stop();
    if (sound) rmSync(folder, { recursive: true, force: true });
    else log(`data and log are kept in ${folder}`);
  }
}

if (import.meta.main) {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '20' },
      seed: { type: 'string' },
      what: { type: 'string', default: 'tree' },
    },
  });
  const seed = Number(values.seed ?? randomBytes(4).readUInt32BE());
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  print(`seed ${seed}`);
  const { faults, figures } = await runKillRounds({
    rounds: Number(values.rounds),
    seed,
    what: values.what === 'mixed' ? 'mixed' : 'tree',
    log: print,
  });
  for (const [name, value] of Object.entries(figures)) print(`${name.padEnd(28)} ${value}`);
  for (const fault of faults.slice(0, 50)) print(`FAULT ${fault}`);
  print(faults.length === 0 ? 'everything agrees' : `${faults.length} faults; again with --seed ${seed}`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
