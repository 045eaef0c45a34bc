import type { LogPosition } from '#platform/log/bus.ts';
import type { Range } from '#platform/log/rewind.ts';

/** The most orders a report names one by one. */
export const EXAMPLES_MAX = 20;

/** What is read again of one partition, as people and `--from` write log positions. */
export interface PartitionRange {
  readonly partition: number;
  readonly from: string;
  readonly to: string;
}

function positionText({ txid, position }: LogPosition, partition: number, kafka: boolean): string {
  return kafka ? `${partition}/${position}` : `${txid}/${position}`;
}

/** Ranges as they are shown: a rewind to `from` reads the same events again. */
export function shownRanges(ranges: readonly Range[], kafka: boolean): PartitionRange[] {
  return ranges.map(({ partition, from, to }) => {
    // In PostgreSQL a stored offset is the last position read; what is shown is where reading begins.
    const first = kafka ? from : { txid: from.txid, position: from.position + 1 };
    return { partition, from: positionText(first, partition, kafka), to: positionText(to, partition, kafka) };
  });
}

/** The report of a rewind or preview without an event to read. */
export function nothingToRead(service: string, from: string): string {
  return `There is nothing to read again: ${service} has not read beyond ${from}. Nothing was changed.`;
}
