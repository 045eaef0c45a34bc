import { Progress, table } from '#cli/output.ts';
import { readOffsets } from '#platform/log/bus.ts';
import { type Bound, parkedQueues, queuesWithin, rangesBetween } from '#platform/log/rewind.ts';
import type { Verdict } from '#platform/processor/preview.ts';
import type { OpenReplay } from './open.ts';
import { EXAMPLES_MAX, type PartitionRange, nothingToRead, shownRanges } from './ranges.ts';

interface PreviewRequest {
  readonly asked: string;
  readonly from: Bound;
  readonly until?: Bound | undefined;
  readonly orders?: readonly string[] | undefined;
}

const OUTCOMES = ['taken', 'ignored', 'acts', 'fails', 'parked'] as const;
type Outcome = (typeof OUTCOMES)[number];
type Counts = Record<Outcome, number> & { events: number };

export interface PreviewReport {
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

/** What reading the log again would do, event by event, without doing it. */
export async function preview(
  opened: OpenReplay,
  { asked, from, until, orders }: PreviewRequest,
): Promise<PreviewReport> {
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
  const judge = replayable.preview();
  const byType = new Map<string, Counts>();
  const acting = new Set<string>();
  const examples: PreviewReport['examples'][number][] = [];
  let events = 0;
  try {
    await log.read(ranges, { types, orders }, async (page) => {
      const open = page.filter(({ id }) => !queued.has(id));
      const verdicts = new Map<string, Verdict>();
      for (const [i, verdict] of (await judge.judge(database, open)).entries()) verdicts.set(open[i]!.id, verdict);
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
    partitions: shownRanges(ranges, kafka),
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

/** The report as a person reads it. */
export function textOfPreview({
  service,
  from,
  partitions,
  events,
  byType,
  orders,
  examples,
  unparked,
}: PreviewReport): string {
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
