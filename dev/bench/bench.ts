import { search, SEARCH_TARGET_MS } from './search-section.ts';
import { cpus, totalmem } from 'node:os';
import { type Ceilings, measureCeilings, startCeilingServer } from './ceilings.ts';
import { cluster } from './cluster-section.ts';
import { type BenchContext, type CeilingContext, intake, level, life, million, perSecond } from './sections.ts';
import { gateway } from './gateway-section.ts';
import { graph } from './graph-section.ts';
import { seen } from './seen-section.ts';
import { CALLERS, wait } from './wait-section.ts';

export interface BenchOptions {
  /** Sections to run: any of intake, life, wait, seen, graphql, gateway, level, million, search; all by default. */
  readonly only?: string;
  /** The cluster shape beside the single process, and nothing else. */
  readonly cluster?: boolean;
  readonly quick?: boolean;
  readonly json?: boolean;
}

interface Line {
  readonly what: string;
  readonly figure: string;
  readonly ceiling: string;
  readonly target: string;
  readonly met: boolean | undefined;
}

const SECTIONS = ['intake', 'life', 'wait', 'seen', 'graphql', 'gateway', 'level', 'million', 'search'] as const;
/** Of these each figure stands beside a ceiling. */
const WITH_CEILINGS: readonly string[] = ['intake', 'life', 'wait'];

/** A life's log beside that of plain SQL: the outbox, offsets and three services' copies of an order are the difference. */
const WAL_RATIO_MAX = 4;

/** `olms bench`: every figure beside the ceiling that plain SQL of the same writes reaches on the same machine in the same run. */
export async function bench(options: BenchOptions): Promise<void> {
  const log = (line: string): void => void process.stderr.write(`  ${line}\n`);
  const context: BenchContext = { log, quick: options.quick ?? false };
  process.stderr.write(
    `${cpus().length} cores (${cpus()[0]?.model}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}\n`,
  );

  const lines = options.cluster ? await clusterLines(context) : await chosenLines(context, options.only);
  print(lines, options.json ?? false);
}

async function chosenLines(context: BenchContext, only: string | undefined): Promise<Line[]> {
  const chosen = only?.split(',') ?? [...SECTIONS];
  const unknown = chosen.filter((name) => !(SECTIONS as readonly string[]).includes(name));
  if (unknown.length > 0) throw new Error(`Unknown section ${unknown.join(', ')}; there are ${SECTIONS.join(', ')}.`);
  const lines: Line[] = chosen.some((name) => WITH_CEILINGS.includes(name))
    ? await besideCeilings(context, chosen)
    : [];
  if (chosen.includes('seen')) lines.push(...(await seenLines(context)));
  if (chosen.includes('graphql')) lines.push(...(await graphLines(context)));
  if (chosen.includes('gateway')) lines.push(...(await gatewayLines(context)));
  if (chosen.includes('level')) lines.push(...(await levelLines(context)));
  if (chosen.includes('million')) lines.push(...(await millionLines(context)));
  if (chosen.includes('search')) lines.push(...(await searchLines(context)));
  return lines;
}

async function besideCeilings(context: BenchContext, chosen: readonly string[]): Promise<Line[]> {
  const lines: Line[] = [];
  const server = await startCeilingServer();
  try {
    const beside = { ...context, ceilingsUrl: server.url };
    const ceilings = await ceilingsInSets(beside);
    if (chosen.includes('intake')) lines.push(...(await intakeLines(beside, ceilings)));
    if (chosen.includes('life')) lines.push(...(await lifeLines(beside, ceilings)));
    if (chosen.includes('wait')) lines.push(...(await waitLines(beside)));
  } finally {
    await server.stop();
  }
  return lines;
}

/** What sets reach; the other ceilings stand around each round. */
function ceilingsInSets({ log, quick, ceilingsUrl }: CeilingContext): Promise<Ceilings> {
  return measureCeilings(ceilingsUrl, quick ? 4 : 10, log, ['intakeSets', 'lifeSets']);
}

async function intakeLines(context: CeilingContext, { intakeSets }: Ceilings): Promise<Line[]> {
  const { rate, ratio, ceiling: single, p99sMs, p99HalfMs, nodeUs } = await intake(context);
  const ceiling = `${perSecond(single)} one per transaction, measured around each round, ${perSecond(intakeSets.rate)} in sets of 50`;
  return [
    {
      what: 'intake: POST /orders, 3 lines, 64 connections',
      figure: `${perSecond(rate)} = ${ratio.toFixed(2)} × (${Math.round(nodeUs)} µs of Node each)`,
      ceiling,
      target: '≥ 0.6 ×, aiming at 1',
      met: ratio >= 0.6,
    },
    {
      what: 'p99 of POST /orders at half that load',
      figure: `${p99HalfMs.toFixed(1)} ms, the median of ${p99sMs.map((ms) => ms.toFixed(1)).join(', ')}`,
      ceiling: '',
      target: '< 50 ms',
      met: p99HalfMs < 50,
    },
  ];
}

async function lifeLines(context: CeilingContext, { lifeSets }: Ceilings): Promise<Line[]> {
  const figures = await life(context);
  const ceiling = `${perSecond(figures.ceiling)} in six transactions, measured around each round, ${perSecond(lifeSets.rate)} in sets of 100`;
  return [
    {
      what: 'whole life: POST to COMPLETED, everything on',
      figure: `${perSecond(figures.rate)} = ${figures.ratio.toFixed(2)} × (${Math.round(figures.nodeUs)} µs of Node, ${Math.round(figures.postgresUs)} µs of PostgreSQL each)`,
      ceiling,
      target: '≥ 1.5 ×, aiming at 3',
      met: figures.ratio >= 1.5,
    },
    {
      what: 'one order alone, POST to COMPLETED',
      figure: `${figures.aloneMs.toFixed(0)} ms (slowest of 30: ${figures.aloneMaxMs.toFixed(0)} ms)`,
      ceiling: '',
      target: '≤ 150 ms',
      met: figures.aloneMs <= 150,
    },
    {
      what: 'SQL statements per order, one at a time',
      figure: figures.statementsLow.toFixed(1),
      ceiling: '',
      target: '≤ 30',
      met: figures.statementsLow <= 30,
    },
    {
      what: 'SQL statements per order, full load',
      figure: figures.statementsFull.toFixed(2),
      ceiling: '',
      target: '< 5',
      met: figures.statementsFull < 5,
    },
    {
      what: 'idle: processor time, Node and PostgreSQL',
      figure: `${figures.idleCpuPercent.toFixed(2)} % of a core`,
      ceiling: '',
      target: '< 2 %',
      met: figures.idleCpuPercent < 2,
    },
  ];
}

async function waitLines(context: CeilingContext): Promise<Line[]> {
  const { rates, fewToNone, manyToFew, aloneMs, eightMs, latencyRatio, wal } = await wait(context);
  const [none, few, many] = rates.map(perSecond);
  return [
    {
      what: `POST /orders, ${CALLERS.few} callers with Prefer: wait against ${CALLERS.few} that do not wait`,
      figure: `${few} / ${none} = ${fewToNone.toFixed(2)} ×`,
      ceiling: '',
      target: '≥ 0.7 ×',
      met: fewToNone >= 0.7,
    },
    {
      what: `${CALLERS.many} waiting callers against ${CALLERS.few}`,
      figure: `${many} / ${few} = ${manyToFew.toFixed(2)} ×`,
      ceiling: '',
      target: '≥ 0.8 ×',
      met: manyToFew >= 0.8,
    },
    {
      what: `p50 of ${CALLERS.together} waiting callers against one`,
      figure: `${eightMs.toFixed(1)} ms / ${aloneMs.toFixed(1)} ms = ${latencyRatio.toFixed(2)} ×`,
      ceiling: '',
      target: '≤ 1.3 ×',
      met: latencyRatio <= 1.3,
    },
    {
      what: 'write-ahead log of a whole life at full load against plain SQL of the same writes',
      figure: `${kilobytes(wal.life)} (${wal.rows.toFixed(1)} rows written) / ${kilobytes(wal.plain)} = ${(wal.life / wal.plain).toFixed(2)} ×`,
      ceiling: `on ${wal.server}`,
      target: `≤ ${WAL_RATIO_MAX} ×`,
      met: wal.life / wal.plain <= WAL_RATIO_MAX,
    },
  ];
}

const kilobytes = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`;

async function seenLines(context: BenchContext): Promise<Line[]> {
  const { seen: watched, unseen, ratio, seenUs, unseenUs, spanBytes, logBytes, scrapes } = await seen(context);
  return [
    {
      what: 'whole life with metrics scraped, logs at info in a file and a tenth of the traces exported, against none of them',
      figure: `${perSecond(watched)} / ${perSecond(unseen)} = ${ratio.toFixed(2)} × (${Math.round(seenUs)} against ${Math.round(unseenUs)} µs of Node each; ${megabytes(spanBytes)} of spans, ${megabytes(logBytes)} of logs, ${scrapes} scrapes)`,
      ceiling: '',
      target: '≥ 0.9 ×',
      met: ratio >= 0.9,
    },
  ];
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

async function graphLines(context: BenchContext): Promise<Line[]> {
  const { listMs, graphMs, fullMs, timeRatio, cpuRatio } = await graph(context);
  return [
    {
      what: '50 orders with lines and payments by GraphQL against the list of 50 by REST',
      figure: `${graphMs.toFixed(1)} / ${listMs.toFixed(1)} ms = ${timeRatio.toFixed(2)} ×, of processor time ${cpuRatio.toFixed(2)} × (the same by two calls of REST ${fullMs.toFixed(1)} ms)`,
      ceiling: '',
      target: '≤ 2 ×',
      met: timeRatio <= 2 && cpuRatio <= 2,
    },
  ];
}

async function gatewayLines(context: BenchContext): Promise<Line[]> {
  const { directMs, throughMs, directRate, throughRate, timeRatio, rateRatio } = await gateway(context);
  return [
    {
      what: 'the list of 50 orders through the gateway against the same at the service, one caller at a time',
      figure: `${throughMs.toFixed(2)} / ${directMs.toFixed(2)} ms = ${timeRatio.toFixed(2)} ×`,
      ceiling: '',
      target: '≤ 1.25 ×',
      met: timeRatio <= 1.25,
    },
    {
      what: 'the same by eight callers',
      figure: `${perSecond(throughRate)} / ${perSecond(directRate)} = ${rateRatio.toFixed(2)} ×`,
      ceiling: '',
      target: '≥ 0.75 ×',
      met: rateRatio >= 0.75,
    },
  ];
}

async function levelLines(context: BenchContext): Promise<Line[]> {
  const { firstSeconds, secondSeconds, rssMiB } = await level(context);
  const half = rssMiB.length / 2;
  return [
    {
      what: 'second half of the lives against the first',
      figure: `${secondSeconds.toFixed(1)} s / ${firstSeconds.toFixed(1)} s = ${(secondSeconds / firstSeconds).toFixed(2)}`,
      ceiling: '',
      target: '≤ 1 (± noise)',
      met: secondSeconds <= firstSeconds * 1.05,
    },
    {
      what: 'resident memory after each fifth',
      figure: `${rssMiB.join(', ')} MiB`,
      ceiling: '',
      target: 'flat',
      met: Math.max(...rssMiB.slice(half)) <= Math.max(...rssMiB.slice(0, half)) * 1.15,
    },
  ];
}

async function millionLines(context: BenchContext): Promise<Line[]> {
  const { lists, intakeRatio, orders } = await million(context);
  return [
    {
      what: `intake on ${orders.toLocaleString('en-US')} orders against a fresh store`,
      figure: `${intakeRatio.toFixed(2)} ×`,
      ceiling: '',
      target: '≥ 0.9 ×',
      met: intakeRatio >= 0.9,
    },
    ...lists.map((list) => ({
      what: `GET /orders by ${list.name}, page ${list.page}`,
      figure: `p95 ${list.p95Ms.toFixed(1)} ms`,
      ceiling: `index ${list.index}`,
      target: '< 20 ms',
      met: list.p95Ms < 20 && list.index !== 'NONE',
    })),
  ];
}

async function searchLines(context: BenchContext): Promise<Line[]> {
  const { orders, figures } = await search(context);
  return figures.map(({ what, p50Ms, p95Ms }) => ({
    what: `GET /orders?text= by ${what}, of ${orders.toLocaleString('en-US')} orders`,
    figure: `p95 ${p95Ms.toFixed(1)} ms, p50 ${p50Ms.toFixed(1)} ms`,
    ceiling: '',
    target: `< ${SEARCH_TARGET_MS} ms`,
    met: p95Ms < SEARCH_TARGET_MS,
  }));
}

async function clusterLines(context: BenchContext): Promise<Line[]> {
  const { single, cluster: apart, burst, spread } = await cluster(context);
  const ratio = apart.rate / single.rate;
  const [node, postgres, brokers] = [apart.nodeUs, apart.postgresUs, apart.brokersUs].map(Math.round);
  return [
    {
      what: 'whole life in the cluster shape against the single process',
      figure: `${perSecond(apart.rate)} / ${perSecond(single.rate)} = ${ratio.toFixed(2)} × (${node} µs of Node, ${postgres} µs of PostgreSQL, ${brokers} µs of Kafka and Redis each; alone ${Math.round(single.nodeUs)} and ${Math.round(single.postgresUs)} µs)`,
      ceiling: '',
      target: '≥ 0.5 ×',
      met: ratio >= 0.5,
    },
    {
      what: `lag of all consumers after a burst of ${burst.orders.toLocaleString('en-US')} orders`,
      figure: `${burst.drainedSeconds === undefined ? 'not zero in time' : `zero and every order final ${burst.drainedSeconds.toFixed(0)} s after the first`} (all taken in ${burst.intakeSeconds.toFixed(0)} s, at most ${burst.lagMax.toLocaleString('en-US')} events behind, ${burst.completed.toLocaleString('en-US')} completed)`,
      ceiling: '',
      target: 'zero, none lost',
      met: burst.drainedSeconds !== undefined && burst.completed === burst.orders,
    },
    {
      what: 'partitions spread after a process is added to a service',
      figure: `${spread.sizes.join(' + ')} after ${spread.seconds.toFixed(1)} s`,
      ceiling: '',
      target: '≤ 10 s',
      met: spread.seconds <= 10,
    },
  ];
}

function print(lines: readonly Line[], json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify(lines, undefined, 2)}\n`);
    return;
  }
  for (const { what, figure, ceiling, target, met } of lines) {
    process.stdout.write(
      `${met ? 'ok  ' : 'MISS'}  ${what}: ${figure}  [target ${target}${ceiling === '' ? '' : `; ${ceiling}`}]\n`,
    );
  }
}
