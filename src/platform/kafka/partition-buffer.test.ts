import { expect, test } from 'vitest';
import { PartitionBuffer } from './partition-buffer.ts';
import type { FetchedPartition, RecordBatch } from './ports.ts';

function batch(firstOffset: number, count: number, epoch = 3): RecordBatch {
  return {
    firstOffset,
    nextOffset: firstOffset + count,
    epoch,
    producerId: 1n,
    transactional: false,
    control: undefined,
    count,
    records: Array.from({ length: count }, (_, n) => ({ offset: firstOffset + n, length: 100 })),
  };
}

function answer(...batches: RecordBatch[]): FetchedPartition {
  return { number: 0, error: undefined, end: 1_000, batches, damage: undefined, divergence: undefined };
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
  expect(partition.add(answer(...batches))?.what).toMatch(/where 110 comes next/);
  expect([partition.taken, partition.fetched, partition.queue.length]).toEqual([100, 110, 10]);
});

test.each([
  ['beyond the offset asked for', batch(101, 10)],
  ['before the offset asked for', batch(90, 10)],
])('a first batch that lies %s is refused', (_, first) => {
  const partition = new PartitionBuffer(0, 100);
  expect(partition.add(answer(first))?.what).toMatch(/where 100 comes next/);
  expect([partition.taken, partition.fetched, partition.queue.length]).toEqual([100, 100, 0]);
});

test('offsets that are missing are another fault than those that cannot be', () => {
  const kindOf = (first: RecordBatch): string | undefined => new PartitionBuffer(0, 100).add(answer(first))?.kind;
  expect([kindOf(batch(101, 10)), kindOf(batch(90, 10))]).toEqual(['gap', 'corrupt']);
});

test('the epoch before an offset is that of the batch the record before it is in', () => {
  const partition = new PartitionBuffer(0, 100, 2);
  expect(partition.epochBefore(100)).toBe(2);
  partition.add(answer(batch(100, 5, 2), batch(105, 5, 4), batch(110, 5, 7)));
  expect([100, 105, 106, 110, 111, 115].map((offset) => partition.epochBefore(offset))).toEqual([2, 2, 4, 4, 7, 7]);
});

test('a log that was cut is read on from there, and nothing that lay behind is given out', () => {
  const partition = new PartitionBuffer(0, 100, 2);
  partition.add(answer(batch(100, 10, 2)));
  partition.remove(4);
  partition.cutAt({ epoch: 2, end: 107 });
  expect(partition.queue.map(({ offset }) => offset)).toEqual([104, 105, 106]);
  expect([partition.taken, partition.fetched, partition.bytes, partition.epochBefore(107)]).toEqual([
    104, 107, 1_500, 2,
  ]);
  partition.cutAt({ epoch: 1, end: 50 });
  expect([partition.taken, partition.fetched, partition.bytes, partition.epochBefore(50)]).toEqual([50, 50, 0, 1]);
  // What took the place of the lost records.
  expect(partition.add(answer(batch(50, 3, 5)))).toBeUndefined();
  expect([partition.queue.length, partition.epochBefore(53)]).toEqual([3, 5]);
});
