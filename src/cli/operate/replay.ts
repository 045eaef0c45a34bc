import { hostname, userInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { isUuid } from '#contracts/ids.ts';
import type { Environment } from '#platform/runtime/settings.ts';
import { isAfter, type LogPosition, readOffsets } from '#platform/log/bus.ts';
import {
  type Bound,
  CannotReplay,
  parkedQueues,
  queuesWithin,
  type Range,
  rangesBetween,
  rewind,
} from '#platform/log/rewind.ts';
import type { Verdict } from '#platform/processor/preview.ts';
import { print, printJson, Progress, table } from '#cli/output.ts';
import { openReplay, type OpenReplay } from './replay/open.ts';
import { rebuild, type RebuildReport } from './replay/rebuild.ts';

/**
 * `olms replay`: a consumer reads the log again from an earlier place. With `--dry-run` it only tells what that would
 * do. What was taken before is recognized, so a replay does what was lost, and nothing twice.
 */

export interface ReplayOptions {
  readonly service: string;
  readonly from?: string;
  readonly to?: string;
  readonly order?: readonly string[];
  readonly dryRun?: boolean;
  readonly rebuild?: boolean;
  readonly wait?: boolean | string;
  readonly actor?: string;
  readonly json?: boolean;
}

/** A request that cannot be fulfilled, as opposed to a failure. */
const EXIT_CANNOT = 2;
const EXAMPLES_MAX = 20;
const WAIT_S = 600;
const LOOK_MS = 250;

export async function replay(options: ReplayOptions, env: Environment): Promise<void> {
  try {
    const report = await runReplay(options, env);
    if (options.json) printJson(report);
    else print(textOf(report));
    if (report.kind === 'set-back' && report.readAgain === false) process.exitCode = 1;
    if (report.kind === 'rebuild' && report.dryRun && report.differences > 0) process.exitCode = 1;
  } catch (error) {
    if (!(error instanceof CannotReplay)) throw error;
    if (options.json) printJson({ error: { code: error.code, detail: error.message } });
    else process.stderr.write(`olms: ${error.message}\n`);
    process.exitCode = EXIT_CANNOT;
  }
}

/** Replays as the options say; throws {@link CannotReplay} for what makes no sense. */
export async function runReplay(options: ReplayOptions, env: Environment): Promise<Report> {
  if (options.rebuild) return await rebuildNow(options, env);
  const from = options.from === undefined ? undefined : parseBound(options.from, '--from');
  const until = options.to === undefined ? undefined : parseBound(options.to, '--to');
  const orders = options.order?.map((id) => {
    if (!isUuid(id)) throw new CannotReplay('ORDER_ID', `--order ${id} is not an order id.`);
    return id;
  });
  if (!from) throw new CannotReplay('FROM_MISSING', 'Say from where: --from start, a time, or a place.');
  if (!options.dryRun && (until || orders))
    throw new CannotReplay(
      'NOT_A_SELECTION',
      '--to and --order narrow what --dry-run looks at. A consumer is set back as a whole: offsets know no single orders, and what was taken before is recognized, so reading the rest again costs time and changes nothing.',
    );
  const waitS = options.wait === undefined || options.wait === false ? undefined : secondsOf(options.wait);
  await using opened = await openReplay(options.service, env);
  const asked = options.from!;
  if (options.dryRun) return await dryRun(opened, { asked, from, until, orders });
  const report = await setBackNow(opened, { asked, from, actor: actorOf(options) });
  if (waitS === undefined) return report;
  return { ...report, readAgain: await waitFor(opened, report.partitions, waitS) };
}

type Report = DryRunReport | SetBackReport | RebuildReport;

function textOf(report: Report): string {
  if (report.kind === 'dry-run') return textOfDryRun(report);
  return report.kind === 'set-back' ? textOfSetBack(report) : textOfRebuild(report);
}

async function rebuildNow(options: ReplayOptions, env: Environment): Promise<RebuildReport> {
  if (options.from !== undefined || options.to !== undefined || options.order || options.wait)
    throw new CannotReplay(
      'WHOLE',
      'A rebuild is of everything, from the start of the log: leave --from, --to, --order and --wait out.',
    );
  await using opened = await openReplay(options.service, env);
  return await rebuild(opened, { dryRun: options.dryRun ?? false, actor: actorOf(options) });
}

function actorOf({ actor }: ReplayOptions): string {
  return actor ?? `${userInfo().username}@${hostname()}`;
}

function secondsOf(wait: boolean | string): number {
  if (wait === true) return WAIT_S;
  if (!/^\d{1,6}$/.test(String(wait))) throw new CannotReplay('WAIT', `--wait takes seconds, not ${wait}.`);
  return Number(wait);
}

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/i;
const DATE = /^\d{4}-\d\d-\d\d$/;
const PLACES = /^\d{1,15}\/\d{1,15}(,\d{1,15}\/\d{1,15})*$/;

/** `start`, a date (its first moment in UTC), an RFC 3339 time, or places: a/b, several at Kafka: a/b,c/d. */
export function parseBound(text: string, option: string): Bound {
  if (text === 'start') return { kind: 'start' };
  if (PLACES.test(text)) {
    const places = text.split(',').map((place) => place.split('/').map(Number) as [number, number]);
    return { kind: 'places', places };
  }
  const ms = TIME.test(text) || DATE.test(text) ? Date.parse(text) : Number.NaN;
  // JavaScript takes February 30 for March 1.
  const isReal =
    !Number.isNaN(ms) && new Date(`${text.slice(0, 10)}T00:00:00Z`).toISOString().startsWith(text.slice(0, 10));
  if (isReal) return { kind: 'time', ms };
  throw new CannotReplay(
    'BOUND',
    `${option} ${text} is none of: start; a date (2026-11-01); a time with its zone (2026-11-01T08:30:00Z); a place, transaction/position in PostgreSQL, partition/offset at Kafka (0/1200,3/980), as --dry-run shows it.`,
  );
}

// --- dry run ---

interface Question {
  readonly asked: string;
  readonly from: Bound;
  readonly until?: Bound | undefined;
  readonly orders?: readonly string[] | undefined;
}

const OUTCOMES = ['taken', 'ignored', 'acts', 'fails', 'parked'] as const;
type Outcome = (typeof OUTCOMES)[number];
type Counts = Record<Outcome, number> & { events: number };

interface PartitionRange {
  readonly partition: number;
  readonly from: string;
  readonly to: string;
}

export interface DryRunReport {
  readonly kind: 'dry-run';
  readonly service: string;
  readonly from: string;
  readonly partitions: readonly PartitionRange[];
  readonly events: number;
  readonly byType: Readonly<Record<string, Counts>>;
  /** Orders of which something would be done, or would fail. */
  readonly orders: number;
  readonly examples: readonly {
    readonly orderId: string;
    readonly type: string;
    readonly outcome: string;
    readonly reason?: string;
  }[];
  /** Parked orders whose queue is withdrawn because all of it is read again. */
  readonly unparked: readonly string[];
}

function placeText({ txid, position }: LogPosition, partition: number, kafka: boolean): string {
  return kafka ? `${partition}/${position}` : `${txid}/${position}`;
}

function shown(ranges: readonly Range[], kafka: boolean): PartitionRange[] {
  return ranges.map(({ partition, from, to }) => {
    // In PostgreSQL an offset is the last place read; what is shown is where reading begins.
    const first = kafka ? from : { txid: from.txid, position: from.position + 1 };
    return { partition, from: placeText(first, partition, kafka), to: placeText(to, partition, kafka) };
  });
}

async function dryRun(opened: OpenReplay, { asked, from, until, orders }: Question): Promise<DryRunReport> {
  const { database, log, replayable, kafka } = opened;
  const { consumer, types } = replayable;
  const stored = await readOffsets(database, consumer);
  const ends = until && (await log.positionsAt(until, stored));
  const ranges = rangesBetween(await log.positionsAt(from, stored), stored, ends);
  const queues = await parkedQueues(database, consumer);
  const withdrawn = await queuesWithin(log, queues, ranges, types);
  const queued = new Set(
    queues.filter((queue) => !withdrawn.includes(queue)).flatMap((queue) => queue.events.map(({ event }) => event.id)),
  );
  const progress = new Progress();
  const total = await log.count(ranges, { types, orders });
  const preview = replayable.preview();
  const byType = new Map<string, Counts>();
  const acting = new Set<string>();
  const examples: DryRunReport['examples'][number][] = [];
  let events = 0;
  try {
    await log.read(ranges, { types, orders }, async (page) => {
      const open = page.filter(({ id }) => !queued.has(id));
      const verdicts = new Map<string, Verdict>();
      for (const [i, verdict] of (await preview.judge(database, open)).entries()) verdicts.set(open[i]!.id, verdict);
      for (const { id, type, subject: orderId } of page) {
        const verdict = verdicts.get(id);
        const outcome = verdict?.kind ?? 'parked';
        const counts = byType.get(type) ?? { events: 0, taken: 0, ignored: 0, acts: 0, fails: 0, parked: 0 };
        counts.events++;
        counts[outcome]++;
        byType.set(type, counts);
        if (outcome !== 'acts' && outcome !== 'fails') continue;
        acting.add(orderId);
        const reason = verdict?.kind === 'fails' ? { reason: verdict.reason } : {};
        if (examples.length < EXAMPLES_MAX) examples.push({ orderId, type, outcome, ...reason });
      }
      events += page.length;
      progress.update('events', events, Math.max(total, events), `${acting.size} orders to act upon`);
    });
  } finally {
    progress.end();
  }
  return {
    kind: 'dry-run',
    service: consumer,
    from: asked,
    partitions: shown(ranges, kafka),
    events,
    byType: Object.fromEntries([...byType].sort(([a], [b]) => (a < b ? -1 : 1))),
    orders: acting.size,
    examples,
    unparked: withdrawn.map(({ orderId }) => orderId),
  };
}

const HEADINGS: Readonly<Record<Outcome, string>> = {
  taken: 'taken before',
  ignored: 'of no concern',
  acts: 'would act',
  fails: 'would fail',
  parked: 'parked',
};

function textOfDryRun({ service, from, partitions, events, byType, orders, examples, unparked }: DryRunReport): string {
  if (partitions.length === 0) return nothingToRead(service, from);
  const lines = [
    table(
      ['event', 'read again', ...OUTCOMES.map((outcome) => HEADINGS[outcome])],
      [...Object.entries(byType), ['in all', totalOf(Object.values(byType))] as const].map(([type, counts]) => [
        type,
        counts.events,
        ...OUTCOMES.map((outcome) => counts[outcome]),
      ]),
    ),
    '',
    `${service} would read ${events} events again, from ${partitions.map((range) => range.from).join(',')} to ${partitions.map((range) => range.to).join(',')}.`,
    orders === 0
      ? 'It has taken all of them: nothing would be done.'
      : `Of ${orders} orders it would do what it has not done:`,
    ...examples.map(
      ({ orderId, type, outcome, reason }) =>
        `  ${orderId} ${type}${outcome === 'fails' ? ` would fail: ${reason}` : ''}`,
    ),
    ...(orders > 0 && orders > new Set(examples.map(({ orderId }) => orderId)).size ? ['  …'] : []),
    ...(unparked.length > 0
      ? [`${unparked.length} parked orders would be tried again, because all their parked events are read again.`]
      : []),
    'Nothing was changed.',
  ];
  return lines.join('\n');
}

function totalOf(all: readonly Counts[]): Counts {
  const sum: Counts = { events: 0, taken: 0, ignored: 0, acts: 0, fails: 0, parked: 0 };
  for (const counts of all) for (const key of Object.keys(sum) as (keyof Counts)[]) sum[key] += counts[key];
  return sum;
}

function nothingToRead(service: string, from: string): string {
  return `There is nothing to read again: ${service} has not read beyond ${from}. Nothing was changed.`;
}

// --- setting back ---

export interface SetBackReport {
  readonly kind: 'set-back';
  readonly service: string;
  readonly from: string;
  readonly actor: string;
  /** What is read again. */
  readonly partitions: readonly (PartitionRange & { readonly end: LogPosition })[];
  readonly events: number;
  readonly unparked: readonly string[];
  /** Where it was waited for. */
  readonly readAgain?: boolean;
}

async function setBackNow(
  { database, log, replayable, kafka }: OpenReplay,
  { asked, from, actor }: { readonly asked: string; readonly from: Bound; readonly actor: string },
): Promise<SetBackReport> {
  const { consumer, types } = replayable;
  const { ranges, withdrawn } = await rewind(database, log, { consumer, actor, asked, from, types });
  return {
    kind: 'set-back',
    service: consumer,
    from: asked,
    actor,
    partitions: shown(ranges, kafka).map((range, i) => ({ ...range, end: ranges[i]!.to })),
    events: await log.count(ranges, { types }),
    unparked: withdrawn.map(({ orderId }) => orderId),
  };
}

/** Follows the consumer until it stands again where it stood; false where that takes longer than allowed. */
async function waitFor(
  { database, replayable }: OpenReplay,
  partitions: SetBackReport['partitions'],
  seconds: number,
): Promise<boolean> {
  const untilMs = Date.now() + seconds * 1000;
  const progress = new Progress();
  try {
    for (;;) {
      const stored = await readOffsets(database, replayable.consumer);
      const open = partitions.filter(({ partition, end }) => isAfter(end, stored.get(partition)!));
      if (open.length === 0) return true;
      if (Date.now() > untilMs) return false;
      const places = open.map(({ partition }) => stored.get(partition)!.position).join(',');
      progress.update('partitions read again', partitions.length - open.length, partitions.length, `at ${places}`);
      await sleep(LOOK_MS);
    }
  } finally {
    progress.end();
  }
}

function textOfSetBack({ service, from, actor, partitions, events, unparked, readAgain }: SetBackReport): string {
  if (partitions.length === 0) return nothingToRead(service, from);
  const lines = [
    `${service} was set back by ${actor} and reads about ${events} events again, from ${partitions.map((range) => range.from).join(',')} to ${partitions.map((range) => range.to).join(',')}.`,
    ...(unparked.length > 0
      ? [`${unparked.length} parked orders are tried again: ${unparked.slice(0, EXAMPLES_MAX).join(', ')}`]
      : []),
  ];
  if (readAgain === true) lines.push('It has read them all.');
  else if (readAgain === false) lines.push('It has not read them all yet; it goes on when the service runs.');
  else lines.push('A running service notices within seconds; one that does not run begins there when it starts.');
  return lines.join('\n');
}

// --- rebuilding ---

function textOfRebuild(report: RebuildReport): string {
  const { service, dryRun, orders, incomplete, tables, differences, leftAlone, swapped, examples, seconds } = report;
  const lines = [
    table(
      ['table', 'rows built', 'rows there'],
      tables.map((entry) => [entry.table, entry.built, entry.live]),
    ),
    '',
    `${service}: ${differences} differences between ${orders} orders as the log tells them and the tables, in ${seconds} s.`,
  ];
  for (const { table: name, order, what, mended } of examples)
    lines.push(`  ${name} ${order}: ${what}${mended ? '' : ', left alone'}`);
  if (differences + leftAlone > examples.length) lines.push('  …');
  if (leftAlone > 0)
    lines.push(`${leftAlone} rows are left alone: the log does not explain them, or knows less than they do.`);
  if (incomplete > 0)
    lines.push(`Of ${incomplete} orders the log does not have everything: nothing is said about them.`);
  if (dryRun) lines.push('Nothing was changed.');
  else if (swapped > 0) lines.push(`${swapped} rows were put in their place.`);
  return lines.join('\n');
}
