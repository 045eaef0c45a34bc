import type { Database } from '#platform/database/database.ts';
import { insertRows, type Write } from '#platform/database/statement.ts';
import { isAfter, LOG_START, type LogPosition } from '#platform/log/bus.ts';
import { type Backoff, backoffMs } from '#platform/runtime/backoff.ts';

/** Between attempts to publish on a partition that failed, while the others go on. */
const RETRY: Backoff = { firstMs: 200, longestMs: 10_000 };

interface Behind {
  /** Up to here it is published. */
  position: LogPosition;
  /** Why it stands still; undefined where it only has to catch up. */
  reason: string | undefined;
  attempts: number;
  restsUntilMs: number;
}

/**
 * Partitions that are published less far than the relay's cursor says: nobody leads them, or their log was cut. Their
 * events are left out by the way, and follow in the order of the log before anything newer of theirs. They are stored
 * with the cursor, so that the next relay knows of them.
 */
export class BehindPartitions {
  readonly #partitions = new Map<number, Behind>();
  #stored = '';

  /** Reads what the relay before has stored. */
  async load(database: Database): Promise<void> {
    const rows = await database.query<{ partition: number; txid: number; position: number }>(
      'select partition, txid, position from log.published_behind order by partition',
    );
    this.#partitions.clear();
    for (const { partition, txid, position } of rows) this.hold(partition, { txid, position });
    this.#stored = this.#text();
  }

  /** On another topic everything is published from the start. */
  clear(): void {
    this.#partitions.clear();
  }

  get size(): number {
    return this.#partitions.size;
  }

  has(partition: number): boolean {
    return this.#partitions.has(partition);
  }

  /** Up to where a partition is published; undefined where that is the cursor itself. */
  positionOf(partition: number): LogPosition | undefined {
    return this.#partitions.get(partition)?.position;
  }

  /** From now on a partition is published up to this position only. One that was less far already stays there. */
  hold(partition: number, position: LogPosition, reason?: string): void {
    const before = this.#partitions.get(partition);
    const { txid, position: number } = before && isAfter(position, before.position) ? before.position : position;
    const held = { position: { txid, position: number }, reason, attempts: before?.attempts ?? 0, restsUntilMs: 0 };
    if (reason !== undefined) held.restsUntilMs = performance.now() + backoffMs(held.attempts++, RETRY);
    this.#partitions.set(partition, held);
  }

  /** Those that may be tried now. */
  open(leaderless: readonly number[]): Set<number> {
    const nowMs = performance.now();
    const open = new Set<number>();
    for (const [partition, { restsUntilMs }] of this.#partitions)
      if (restsUntilMs <= nowMs && !leaderless.includes(partition)) open.add(partition);
    return open;
  }

  /** The position before the first event that one of these partitions still needs. */
  lowest(partitions: Iterable<number>): LogPosition {
    let lowest: LogPosition | undefined;
    for (const partition of partitions) {
      const { position } = this.#partitions.get(partition)!;
      if (!lowest || isAfter(lowest, position)) lowest = position;
    }
    return lowest ?? LOG_START;
  }

  /** These partitions are published up to there; those that reached the cursor are behind no longer. */
  advance(partitions: Iterable<number>, to: LogPosition, cursor: LogPosition): void {
    for (const partition of partitions) {
      const held = this.#partitions.get(partition);
      if (!held) continue;
      if (isAfter(to, held.position)) held.position = to;
      held.reason = undefined;
      held.attempts = 0;
      if (!isAfter(cursor, held.position)) this.#partitions.delete(partition);
    }
  }

  /** Partitions that stand still, with the reason that the first of them has. */
  get standing(): { readonly partitions: readonly number[]; readonly reason: string } | undefined {
    const standing = [...this.#partitions].filter(([, { reason }]) => reason !== undefined);
    const [first] = standing;
    return first && { partitions: standing.map(([partition]) => partition), reason: first[1].reason! };
  }

  #text(): string {
    return [...this.#partitions]
      .map(([partition, { position }]) => `${partition} ${position.txid}/${position.position}`)
      .join();
  }

  /** What is to be stored with the cursor; nothing where it is stored already. {@link saved} once it is committed. */
  writes(): { readonly writes: Write[]; readonly saved: () => void } {
    const text = this.#text();
    if (text === this.#stored) return { writes: [], saved: () => {} };
    const rows = [...this.#partitions].map(
      ([
        partition,
        {
          position: { txid, position },
        },
      ]) => ({ partition, txid, position }),
    );
    const writes: Write[] = [
      {
        name: 'caught_up',
        sql: 'delete from log.published_behind where partition <> all($1::integer[])',
        params: [rows.map(({ partition }) => partition)],
      },
    ];
    if (rows.length > 0)
      writes.push(
        insertRows(
          'behind',
          'log.published_behind',
          { partition: 'integer', txid: 'bigint', position: 'bigint' },
          rows,
          {
            onConflict: '(partition) do update set txid = excluded.txid, position = excluded.position',
          },
        ),
      );
    return { writes, saved: () => (this.#stored = text) };
  }
}
