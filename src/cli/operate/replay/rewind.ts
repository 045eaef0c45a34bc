import { setTimeout as sleep } from 'node:timers/promises';
import { Progress } from '#cli/output.ts';
import { type LogPosition, isAfter, readOffsets } from '#platform/log/bus.ts';
import { type Bound, rewind } from '#platform/log/rewind.ts';
import type { OpenReplay } from './open.ts';
import { EXAMPLES_MAX, type PartitionRange, nothingToRead, shownRanges } from './ranges.ts';

const POLL_MS = 250;

export interface RewindReport {
  readonly kind: 'set-back';
  readonly service: string;
  readonly from: string;
  readonly actor: string;
  /** What is read again. */
  readonly partitions: readonly (PartitionRange & { readonly end: LogPosition })[];
  readonly events: number;
  readonly unparked: readonly string[];
  /** Only with `--wait`: whether everything was read again in time. */
  readonly readAgain?: boolean;
}

/** Rewinds a consumer to `from`, whether it runs or not, and records who did it. Nothing changes where it has not read that far. */
export async function rewindConsumer(
  { database, log, replayable, kafka }: OpenReplay,
  { asked, from, actor }: { readonly asked: string; readonly from: Bound; readonly actor: string },
): Promise<RewindReport> {
  const { consumer, types } = replayable;
  const { ranges, withdrawn } = await rewind(database, log, { consumer, actor, asked, from, types });
  return {
    kind: 'set-back',
    service: consumer,
    from: asked,
    actor,
    partitions: shownRanges(ranges, kafka).map((range, i) => ({ ...range, end: ranges[i]!.to })),
    events: await log.count(ranges, { types }),
    unparked: withdrawn.map(({ orderId }) => orderId),
  };
}

/** Waits until the consumer is back at the position it was rewound from; false where that takes longer than `seconds`. */
export async function waitUntilReread(
  { database, replayable }: OpenReplay,
  partitions: RewindReport['partitions'],
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
      const positions = open.map(({ partition }) => stored.get(partition)!.position).join(',');
      progress.update('partitions read again', partitions.length - open.length, partitions.length, `at ${positions}`);
      await sleep(POLL_MS);
    }
  } finally {
    progress.end();
  }
}

/** The report as a person reads it. */
export function textOfRewind({ service, from, actor, partitions, events, unparked, readAgain }: RewindReport): string {
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
