import type { RecordBatch } from './ports.ts';

/**
 * Nothing of this system writes transactions, but another producer on the topic may. Brokers that are asked for what
 * is committed hold back only what is still open; what was aborted they send with a list of what to leave out, and
 * without which a consumer would get what was never committed.
 */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

/** Empties the batches of aborted transactions; their offsets remain. `batches` are those of a partition, in order. */
export function withoutAborted(
  batches: readonly RecordBatch[],
  aborted: readonly AbortedTransaction[] | null,
): readonly RecordBatch[] {
  if (!aborted || aborted.length === 0) return batches;
  const open = new Map<bigint, number[]>();
  for (const { producerId, firstOffset } of aborted)
    open.set(
      producerId,
      [...(open.get(producerId) ?? []), firstOffset].sort((a, b) => a - b),
    );
  return batches.map((batch) => {
    const [begin] = open.get(batch.producerId) ?? [];
    if (begin === undefined || batch.firstOffset < begin || !batch.transactional) return batch;
    if (batch.control === 'abort') open.get(batch.producerId)!.shift();
    return batch.control === undefined ? { ...batch, records: [] } : batch;
  });
}
