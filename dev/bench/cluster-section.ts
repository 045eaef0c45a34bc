import { setTimeout as sleep } from 'node:timers/promises';
import type { GroupDescription } from '#platform/kafka/topic.ts';
import { ClusterSystem } from './cluster-system.ts';
import type { MeasuredSystem } from './measured-system.ts';
import { type BenchContext, perSecond } from './sections.ts';
import { SystemProcess } from './system-process.ts';

/** The cluster shape beside the single process on the same machine, under the same load, in the same run. */

/** Nine processes have to become warm, each for itself: what one of them does seldom is compiled late. */
const WARM_UP = 20_000;
const BURST = 20_000;
const SAMPLE_MS = 2_000;
const BURST_TIMEOUT_MS = 600_000;
/** The service whose replica is added. */
const GROWING = 'orders';
const SPREAD_TIMEOUT_MS = 60_000;

export interface ClusterFigures {
  readonly single: LifeFigures;
  readonly cluster: LifeFigures;
  readonly burst: BurstFigures;
  readonly spread: { readonly sizes: readonly number[]; readonly seconds: number };
}

interface LifeFigures {
  /** Whole lives a second. */
  readonly rate: number;
  /** Processor time of one life, in microseconds: of the services, of PostgreSQL, and of Kafka and Redis. */
  readonly nodeUs: number;
  readonly postgresUs: number;
  readonly brokersUs: number;
}

interface BurstFigures {
  readonly orders: number;
  readonly intakeSeconds: number;
  readonly lagMax: number;
  /** From the first order sent until nothing was behind any more; undefined where that did not happen in time. */
  readonly drainedSeconds: number | undefined;
  readonly completed: number;
}

export async function cluster({ quick, log }: BenchContext): Promise<ClusterFigures> {
  const rounds = 3;
  const total = quick ? 6_000 : 20_000;
  const process = await SystemProcess.start();
  let single: LifeFigures;
  try {
    const used = async (): Promise<Map<string, number>> => {
      const { cpuSeconds, postgresCpuSeconds } = await process.usage();
      return new Map([
        ['node', cpuSeconds],
        ['postgres', postgresCpuSeconds],
      ]);
    };
    single = await lives(process, used, rounds, total, (line) => log(`single process, ${line}`));
  } finally {
    await process.stop();
  }
  log('starting Kafka, Redis, PostgreSQL and the services');
  const system = await ClusterSystem.start(log);
  try {
    const apart = await lives(
      system,
      () => system.usage(),
      rounds,
      total,
      (line) => log(`cluster, ${line}`),
    );
    const burst = await burstOf(system, BURST, log);
    const spread = await spreadAfterReplica(system, log);
    return { single, cluster: apart, burst, spread };
  } finally {
    await system.stop();
  }
}

/** Whole lives a second, from the first POST until the last order is COMPLETED: the median of the rounds. */
async function lives(
  system: MeasuredSystem,
  used: () => Promise<ReadonlyMap<string, number>>,
  rounds: number,
  total: number,
  log: (line: string) => void,
): Promise<LifeFigures> {
  await system.stockUp();
  await system.load({ total: WARM_UP });
  await system.allFinal();
  const rates: number[] = [];
  const before = await used();
  for (let round = 1; round <= rounds; round++) {
    const startedMs = performance.now();
    const { taken } = await system.load({ total });
    await system.allFinal();
    if (taken !== total) throw new Error(`${total - taken} of ${total} orders were not taken`);
    rates.push(total / ((performance.now() - startedMs) / 1000));
    log(`round ${round}: ${perSecond(rates.at(-1)!)}`);
  }
  const perLife = [...(await used())].map(
    ([name, seconds]) => [name, ((seconds - (before.get(name) ?? 0)) * 1e6) / (rounds * total)] as const,
  );
  log(`µs of processor per life: ${perLife.map(([name, us]) => `${name} ${Math.round(us)}`).join(', ')}`);
  const sum = (chosen: (name: string) => boolean): number =>
    perLife.reduce((total, [name, us]) => total + (chosen(name) ? us : 0), 0);
  const isBroker = (name: string): boolean => name === 'kafka' || name === 'redis';
  return {
    rate: rates.toSorted((a, b) => a - b)[rates.length >>> 1]!,
    nodeUs: sum((name) => !isBroker(name) && name !== 'postgres'),
    postgresUs: sum((name) => name === 'postgres'),
    brokersUs: sum(isBroker),
  };
}

function lagOf({ lag }: GroupDescription): number {
  return lag.reduce((sum, entry) => sum + entry.lag, 0);
}

/** Orders as fast as they are taken, and how long until every group has read everything and every order is final. */
async function burstOf(system: ClusterSystem, orders: number, log: (line: string) => void): Promise<BurstFigures> {
  const finishedBefore = await system.count(['COMPLETED']);
  const startedMs = performance.now();
  const elapsed = (): number => (performance.now() - startedMs) / 1000;
  let intakeSeconds: number | undefined;
  const sending = system.load({ total: orders }).then((result) => {
    intakeSeconds = result.seconds;
    if (result.taken !== orders) throw new Error(`${orders - result.taken} of ${orders} orders were not taken`);
  });
  // Met below: the samples go on while it runs.
  sending.catch(() => {});
  let lagMax = 0;
  let drainedSeconds: number | undefined;
  let quiet = 0;
  while (elapsed() * 1000 < BURST_TIMEOUT_MS) {
    await sleep(SAMPLE_MS);
    const groups = await system.groups();
    const open = await system.openOrders();
    const seconds = elapsed();
    const lag = groups.reduce((sum, group) => sum + lagOf(group), 0);
    lagMax = Math.max(lagMax, lag);
    log(
      `burst, ${seconds.toFixed(0)} s: ${open} orders open, lag ${groups.map((group) => `${group.group.replace('olms-', '')} ${lagOf(group)}`).join(', ')}`,
    );
    // Twice: between two samples a relay may still have had something to publish.
    const isQuiet = intakeSeconds !== undefined && open === 0 && lag === 0;
    if (!isQuiet) drainedSeconds = undefined;
    else drainedSeconds ??= seconds;
    quiet = isQuiet ? quiet + 1 : 0;
    if (quiet === 2) break;
  }
  await sending;
  const completed = (await system.count(['COMPLETED'])) - finishedBefore;
  return {
    orders,
    intakeSeconds: intakeSeconds!,
    lagMax,
    drainedSeconds: quiet === 2 ? drainedSeconds : undefined,
    completed,
  };
}

/** Adds a process to a service and waits until the partitions are spread evenly over all of its processes. */
async function spreadAfterReplica(
  system: ClusterSystem,
  log: (line: string) => void,
): Promise<{ sizes: readonly number[]; seconds: number }> {
  const members = system.cluster.membersOf(GROWING).length + 1;
  log(`adding a process of the ${GROWING} service`);
  await system.cluster.addReplica(GROWING);
  const startedMs = performance.now();
  for (;;) {
    const group = (await system.groups()).find((entry) => entry.group === `olms-${GROWING}`);
    const sizes = group?.members.map(({ partitions }) => partitions.length) ?? [];
    const seconds = (performance.now() - startedMs) / 1000;
    const even = sizes.length === members && Math.max(...sizes) - Math.min(...sizes) <= 1;
    if ((even && group?.state === 'Stable') || seconds * 1000 > SPREAD_TIMEOUT_MS) return { sizes, seconds };
    await sleep(100);
  }
}
