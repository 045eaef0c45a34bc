import { expect, test } from 'vitest';
import { PartitionBuffer } from './partition-buffer.ts';
import type { FetchedPartition, RecordBatch } from './ports.ts';

function batch(firstOffset: number, count: number): RecordBatch {
  return {
    firstOffset,
    nextOffset: firstOffset + count,
    producerId: 1n,
    transactional: false,
    control: undefined,
    count,
    records: Array.from({ length: count }, (_, n) => ({ offset: firstOffset + n, length: 100 })),
  };
}

function answer(...batches: RecordBatch[]): FetchedPartition {
  return { number: 0, error: undefined, end: 1_000, batches, damage: undefined };
}

test('a batch that began before the offset asked for gives only what is new', () => {
  const partition = new PartitionBuffer(0, 105);
  expect(partition.add(answer(batch(100, 10), batch(110, 2)))).toBeUndefined();
  expect(partition.queue.map(({ offset }) => offset)).toEqual([105, 106, 107, 108, 109, 110, 111]);
  expect([partition.taken, partition.fetched]).toEqual([105, 112]);
  partition.remove(2);
  expect([partition.taken, partition.bytes]).toEqual([107, 5 * 500]);
});

test.each([
  ['after a gap', [batch(100, 10), batch(111, 2)]],
  ['that overlaps the one before', [batch(100, 10), batch(109, 3)]],
  ['that was there before', [batch(100, 10), batch(100, 10)]],
])('a batch %s is refused, and what came before it stays', (_, batches) => {
  const partition = new PartitionBuffer(0, 100);
  expect(partition.add(answer(...batches))).toMatch(/where 110 comes next/);
  expect([partition.taken, partition.fetched, partition.queue.length]).toEqual([100, 110, 10]);
});

test.each([
  ['beyond the offset asked for', batch(101, 10)],
  ['before the offset asked for', batch(90, 10)],
])('a first batch that lies %s is refused', (_, first) => {
  const partition = new PartitionBuffer(0, 100);
  expect(partition.add(answer(first))).toMatch(/where 100 comes next/);
  expect([partition.taken, partition.fetched, partition.queue.length]).toEqual([100, 100, 0]);
});
