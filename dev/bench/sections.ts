import { setTimeout as sleep } from 'node:timers/promises';
import { pageQuery, type OrderFilter } from '#orders/store/filter.ts';
import { measureCeilings, type Script } from './ceilings.ts';
import { fillOrders } from './fill.ts';
import { SystemProcess } from './system-process.ts';

/** The measurements of `olms bench`, each on a system of its own, started as a user starts it. */

export interface BenchContext {
  readonly log: (line: string) => void;
  readonly quick: boolean;
}

/** For what is measured beside its ceiling. */
export interface CeilingContext extends BenchContext {
  /** The server for the ceilings alone. */
  readonly ceilingsUrl: string;
}

const rounded = (value: number): string =>
  value >= 100 ? Math.round(value).toLocaleString('en-US') : value.toFixed(value >= 10 ? 1 : 2);
export const perSecond = (value: number): string => `${rounded(value)}/s`;
export const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >>> 1]!;
export const WARM_UP = 3_000;

const ROUNDS = 7;
const HALF_LOADS = 5;
const SETTLE_MS = 6_000;

/** One round beside the mean of the ceilings that were measured just before and just after it. */
interface Round {
  readonly rate: number;
  readonly ceiling: number;
  readonly nodeUs: number;
  readonly postgresUs: number;
}

/**
 * Rounds between ceilings: a shared machine is half as fast a minute later, so figures taken at the two ends of a run
 * would be compared for their times and not for themselves.
 */
async function betweenCeilings(
  { quick, ceilingsUrl, log }: CeilingContext,
  script: Script,
  what: string,
  round: () => Promise<Omit<Round, 'ceiling'>>,
): Promise<Round[]> {
  const ceilingNow = async (): Promise<number> =>
    (await measureCeilings(ceilingsUrl, quick ? 2 : 4, () => {}, [script]))[script].rate;
  const rounds: Round[] = [];
  let before = await ceilingNow();
  for (let number = 1; number <= ROUNDS; number++) {
    const figures = await round();
    const after = await ceilingNow();
    rounds.push({ ...figures, ceiling: (before + after) / 2 });
    log(`${what} round ${number}: ${ratioText(rounds.at(-1)!)}`);
    before = after;
  }
  return rounds;
}

type Usage = Awaited<ReturnType<SystemProcess['usage']>>;

export function usedPerOrder(before: Usage, after: Usage, orders: number): { nodeUs: number; postgresUs: number } {
  return {
    nodeUs: ((after.cpuSeconds - before.cpuSeconds) * 1e6) / orders,
    postgresUs: ((after.postgresCpuSeconds - before.postgresCpuSeconds) * 1e6) / orders,
  };
}

const ratioOf = ({ rate, ceiling }: Round): number => rate / ceiling;
const ratioText = (round: Round): string =>
  `${perSecond(round.rate)} = ${ratioOf(round).toFixed(2)} × ${perSecond(round.ceiling)}`;

/** Medians of the rounds, each for itself. */
function summary(rounds: readonly Round[]): Round & { readonly ratio: number } {
  return {
    rate: median(rounds.map(({ rate }) => rate)),
    ceiling: median(rounds.map(({ ceiling }) => ceiling)),
    ratio: median(rounds.map(ratioOf)),
    nodeUs: median(rounds.map(({ nodeUs }) => nodeUs)),
    postgresUs: median(rounds.map(({ postgresUs }) => postgresUs)),
  };
}

/** Orders taken per second through the gateway, and the latency at half of that. Consumers are off: this is the intake alone. */
export async function intake(context: CeilingContext): Promise<{
  rate: number;
  ceiling: number;
  ratio: number;
  p99sMs: readonly number[];
  p99HalfMs: number;
  nodeUs: number;
}> {
  const { quick } = context;
  const system = await SystemProcess.start({ OLMS_CONSUME: 'false' });
  try {
    await system.stockUp();
    await system.load({ total: WARM_UP });
    const total = quick ? 6_000 : 20_000;
    const round = async (): Promise<Omit<Round, 'ceiling'>> => {
      const before = await system.usage();
      const result = await system.load({ total });
      return { rate: result.taken / result.seconds, ...usedPerOrder(before, await system.usage(), total) };
    };
    const rounds = await betweenCeilings(context, 'intakeSingle', 'intake', round);
    const { rate, ceiling, ratio, nodeUs } = summary(rounds);
    // What the rounds and the ceilings left to be written goes to the disk meanwhile.
    await sleep(SETTLE_MS);
    const p99sMs: number[] = [];
    for (let n = 0; n < HALF_LOADS; n++) {
      const half = await system.load({ total: Math.round((rate / 2) * (quick ? 2 : 6)), rate: rate / 2 });
      p99sMs.push(half.p99Ms);
    }
    return { rate, ceiling, ratio, p99sMs, p99HalfMs: median(p99sMs), nodeUs };
  } finally {
    await system.stop();
  }
}

export interface LifeFigures extends Round {
  readonly ratio: number;
  readonly statementsFull: number;
  readonly statementsLow: number;
  readonly aloneMs: number;
  readonly aloneMaxMs: number;
  readonly idleCpuPercent: number;
}

async function statements(system: SystemProcess, work: () => Promise<void>): Promise<number> {
  await system.sql.query('select pg_stat_statements_reset()');
  await work();
  const { rows } = await system.sql.query<{ calls: string }>(
    "select coalesce(sum(calls), 0) as calls from pg_stat_statements where query not like '%pg_stat_statements%' and query not like '%from orders.order_states where%'",
  );
  return Number(rows[0]!.calls);
}

/** Whole lives with everything on: orders per second from POST to COMPLETED, one order alone, statements, and the idle system. */
export async function life(context: CeilingContext): Promise<LifeFigures> {
  const { quick } = context;
  const system = await SystemProcess.start();
  try {
    await system.sql.query('create extension if not exists pg_stat_statements');
    await system.stockUp();
    await system.load({ total: WARM_UP });
    await system.allFinal();
    // Before the rounds: after them the server goes on writing and vacuuming what they, and the ceilings, left behind.
    await sleep(SETTLE_MS);
    const idleStart = await system.usage();
    const idleMs = quick ? 10_000 : 30_000;
    const idleCalls = await statements(system, () => sleep(idleMs));
    const idleEnd = await system.usage();
    const total = quick ? 6_000 : 20_000;
    let calls = 0;
    const round = async (): Promise<Omit<Round, 'ceiling'>> => {
      const before = await system.usage();
      let rate = 0;
      calls = await statements(system, async () => {
        const startedMs = performance.now();
        await system.load({ total });
        await system.allFinal();
        rate = total / ((performance.now() - startedMs) / 1000);
      });
      return { rate, ...usedPerOrder(before, await system.usage(), total) };
    };
    const rounds = await betweenCeilings(context, 'lifeSingle', 'life', round);
    const times: number[] = [];
    const lowStartMs = performance.now();
    const lowCalls = await statements(system, async () => {
      for (let n = 0; n < 30; n++) times.push(await system.oneLife());
    });
    const lowSeconds = (performance.now() - lowStartMs) / 1000;
    return {
      ...summary(rounds),
      statementsFull: calls / total,
      statementsLow: (lowCalls - (idleCalls / (idleMs / 1000)) * lowSeconds) / times.length,
      aloneMs: median(times),
      aloneMaxMs: Math.max(...times),
      idleCpuPercent:
        ((idleEnd.cpuSeconds + idleEnd.postgresCpuSeconds - idleStart.cpuSeconds - idleStart.postgresCpuSeconds) /
          (idleMs / 1000)) *
        100,
    };
  } finally {
    await system.stop();
  }
}

/** Two hundred thousand lives in one process: time per half, and memory along the way. */
export async function level({
  log,
  quick,
}: BenchContext): Promise<{ firstSeconds: number; secondSeconds: number; rssMiB: number[] }> {
  const system = await SystemProcess.start();
  try {
    await system.stockUp();
    await system.load({ total: WARM_UP });
    await system.allFinal();
    const half = quick ? 10_000 : 100_000;
    const steps = 5;
    const seconds: number[] = [];
    const rssMiB: number[] = [];
    for (let part = 0; part < 2; part++) {
      const startedMs = performance.now();
      for (let step = 0; step < steps; step++) {
        await system.load({ total: half / steps });
        await system.allFinal();
        rssMiB.push(Math.round((await system.usage()).rssMiB));
        log(`${(part * steps + step + 1) * (half / steps)} lives, ${rssMiB.at(-1)} MiB`);
      }
      seconds.push((performance.now() - startedMs) / 1000);
    }
    return { firstSeconds: seconds[0]!, secondSeconds: seconds[1]!, rssMiB };
  } finally {
    await system.stop();
  }
}

const DAY_MS = 86_400_000;

/** Each filter of the contract, alone and with a created range. */
function listFilters(nowMs: number): { name: string; filter: Partial<OrderFilter> }[] {
  const alone: { name: string; filter: Partial<OrderFilter> }[] = [
    { name: 'none', filter: {} },
    { name: 'status', filter: { statuses: ['COMPLETED'] } },
    { name: 'paymentStatus', filter: { paymentStatuses: ['CAPTURED'] } },
    { name: 'fulfillmentStatus', filter: { fulfillmentStatuses: ['DELIVERED'] } },
    { name: 'customerId', filter: { customerIds: ['cfcd2084-95d5-65ef-66e7-dff9f98764da'] } },
    { name: 'channel', filter: { channels: ['web'] } },
    { name: 'sku', filter: { skus: ['SKU-7'] } },
    { name: 'status (two)', filter: { statuses: ['REJECTED', 'PAYMENT_FAILED'] } },
    { name: 'country', filter: { countries: ['de'] } },
    { name: 'country + status', filter: { countries: ['fr'], statuses: ['REJECTED'] } },
    { name: 'total', filter: { currencies: ['EUR'], totalMin: '150' } },
    { name: 'updated', filter: { updatedFromMs: nowMs - DAY_MS / 24 } },
  ];
  const createdFromMs = nowMs - DAY_MS;
  return alone.flatMap(({ name, filter }) => [
    { name, filter },
    { name: `${name} + created range`, filter: { ...filter, createdFromMs, createdToMs: nowMs } },
  ]);
}

const PAGE = 50;
const DEEP_PAGE = 1_000;
const SAMPLES = 150;

/** Filters by the parameters that they come from. */
const PARAMETERS = {
  statuses: 'status',
  paymentStatuses: 'paymentStatus',
  fulfillmentStatuses: 'fulfillmentStatus',
  customerIds: 'customerId',
  channels: 'channel',
  countries: 'country',
  currencies: 'currency',
  totalMin: 'totalMin',
  skus: 'sku',
} as const satisfies Partial<Record<keyof OrderFilter, string>>;

function queryString(filter: Partial<OrderFilter>): string {
  const { createdFromMs, createdToMs, updatedFromMs } = filter;
  const query = new URLSearchParams();
  for (const [name, parameter] of Object.entries(PARAMETERS))
    for (const value of [filter[name as keyof OrderFilter] ?? []].flat()) query.append(parameter, String(value));
  if (updatedFromMs !== undefined) query.set('updatedFrom', new Date(updatedFromMs).toISOString());
  if (createdFromMs !== undefined) query.set('createdFrom', new Date(createdFromMs).toISOString());
  if (createdToMs !== undefined) query.set('createdTo', new Date(createdToMs).toISOString());
  query.set('limit', String(PAGE));
  return query.toString();
}

/** The id before the 1,000th page of a filter, found by SQL; undefined where there are fewer pages. */
async function deepCursor(system: SystemProcess, filter: Partial<OrderFilter>): Promise<string | undefined> {
  const { text, values } = pageQuery({ ...filter, oldestFirst: false, limit: PAGE * (DEEP_PAGE - 1) });
  const { rows } = await system.sql.query<{ id: string | null; n: string }>(
    `select min(id::text) as id, count(*) as n from (${text}) page`,
    values,
  );
  return Number(rows[0]!.n) === PAGE * (DEEP_PAGE - 1) ? rows[0]!.id! : undefined;
}

export interface ListFigure {
  readonly name: string;
  readonly page: string;
  readonly p95Ms: number;
  readonly index: string;
}

async function measureList(
  system: SystemProcess,
  name: string,
  filter: Partial<OrderFilter>,
  after: string | undefined,
  page: string,
): Promise<ListFigure> {
  const cursor =
    after === undefined ? '' : `&cursor=${Buffer.from(after.replaceAll('-', ''), 'hex').toString('base64url')}`;
  const path = `/orders?${queryString(filter)}${cursor}`;
  const times: number[] = [];
  for (let sample = 0; sample < SAMPLES; sample++) {
    const startedMs = performance.now();
    await system.call('GET', path);
    if (sample >= 5) times.push(performance.now() - startedMs);
  }
  const { text, values } = pageQuery({
    ...filter,
    oldestFirst: false,
    limit: PAGE + 1,
    ...(after !== undefined && { after }),
  });
  const plan = (await system.sql.query<{ 'QUERY PLAN': string }>(`explain ${text}`, values)).rows
    .map((row) => row['QUERY PLAN'])
    .join('\n');
  const index =
    [...plan.matchAll(/(?:using|Bitmap Index Scan on) (\w+)/g)].map((match) => match[1]).join(', ') || 'NONE';
  return { name, page, p95Ms: times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.95)]!, index };
}

/** A store of a million orders: lists by every filter, and the intake beside a fresh store's, in turn. */
export async function million({
  log,
  quick,
}: BenchContext): Promise<{ lists: ListFigure[]; intakeRatio: number; orders: number }> {
  const orders = quick ? 100_000 : 1_000_000;
  const large = await SystemProcess.start({ OLMS_CONSUME: 'false' });
  const fresh = await SystemProcess.start({ OLMS_CONSUME: 'false' });
  try {
    await fillOrders(large.sql, orders, log);
    const lists: ListFigure[] = [];
    for (const { name, filter } of listFilters(Date.now())) {
      lists.push(await measureList(large, name, filter, undefined, '1'));
      const after = await deepCursor(large, filter);
      if (after !== undefined) lists.push(await measureList(large, name, filter, after, String(DEEP_PAGE)));
      log(`list by ${name}: ${lists.at(-1)!.p95Ms.toFixed(1)} ms, ${lists.at(-1)!.index}`);
    }
    const ratios: number[] = [];
    // Warm until the pages that every order touches were written once since the last checkpoint: that cost is the filling's.
    for (const system of [large, fresh]) {
      await system.stockUp();
      await system.load({ total: quick ? WARM_UP : 10 * WARM_UP });
    }
    for (let round = 0; round < 7; round++) {
      const total = quick ? 4_000 : 10_000;
      const a = await large.load({ total });
      const b = await fresh.load({ total });
      ratios.push(a.taken / a.seconds / (b.taken / b.seconds));
      log(`intake on ${orders} orders / on a fresh store: ${ratios.at(-1)!.toFixed(2)}`);
    }
    return { lists, intakeRatio: median(ratios), orders };
  } finally {
    await large.stop();
    await fresh.stop();
  }
}
