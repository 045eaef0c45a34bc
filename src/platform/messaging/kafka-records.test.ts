import { randomBytes } from 'node:crypto';
import { createRecordsBatch, type MessageRecord, murmur2 as murmur2OfTheClient } from '@platformatic/kafka';
import { expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import type { Envelope } from '#contracts/envelope.ts';
import { fromRecord, murmur2, timeOf, toMessage, typeOf } from './kafka-message.ts';
import { contentOf, headerOf, readBatches } from './kafka-records.ts';

/** What another implementation of the format writes, ours must read. */

type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd';

function batchOf(
  messages: readonly MessageRecord[],
  {
    compression = 'none' as Compression,
    firstOffset = 0,
    ...options
  }: { compression?: Compression; firstOffset?: number; transactionalId?: string } = {},
): Buffer {
  const bytes = Buffer.from(createRecordsBatch([...messages], { compression, ...options }).buffer);
  bytes.writeBigInt64BE(BigInt(firstOffset));
  return bytes;
}

function message(value: string | null, headers: Record<string, string> = {}): MessageRecord {
  return {
    topic: 'any',
    key: Buffer.from('key'),
    value: (value === null ? null : Buffer.from(value)) as Buffer,
    headers: new Map(Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)])),
  };
}

function event(data: unknown): Envelope {
  return {
    id: uuidv7(),
    source: '/olms/orders',
    type: 'OrderPaid',
    subject: uuidv7(),
    sequence: 7,
    time: '2026-01-02T03:04:05.678Z',
    correlationid: 'ünïcode',
    causationid: uuidv7(),
    data,
  };
}

test('an event comes back as it was sent, its type found without reading the rest', () => {
  const sent = [event({ text: 'Straße \u{1f980}' }), { ...event([]), traceparent: '00-1-2-01' }];
  const messages = sent.map((one) => toMessage({ ...one, data: JSON.stringify(one.data) }, 'any', 12) as MessageRecord);
  const records = readBatches(batchOf(messages)).flatMap((batch) => batch.records);
  expect(records.map(typeOf)).toEqual(['OrderPaid', 'OrderPaid']);
  expect(records.map(timeOf)).toEqual(sent.map(({ time }) => time));
  expect(records.map(fromRecord)).toEqual(sent);
});

test.each<Compression>(['none', 'gzip', 'snappy', 'lz4', 'zstd'])(
  'batches compressed as %s are read, with their offsets',
  (compression) => {
    const texts = Array.from({ length: 300 }, (_, n) => `${n} ${'x'.repeat(n * 7)}`);
    const [first, second] = [texts.slice(0, 100), texts.slice(100)];
    const bytes = Buffer.concat([
      batchOf(
        first.map((text) => message(text, { a: text, b: '' })),
        { compression, firstOffset: 2 ** 33 },
      ),
      batchOf(
        second.map((text) => message(text)),
        { compression, firstOffset: 2 ** 33 + 500 },
      ),
    ]);
    const batches = readBatches(bytes);
    expect(batches.map(({ firstOffset, nextOffset }) => [firstOffset - 2 ** 33, nextOffset - 2 ** 33])).toEqual([
      [0, 100],
      [500, 700],
    ]);
    const records = batches.flatMap((batch) => batch.records);
    expect(records.map((record) => contentOf(record).value)).toEqual(texts);
    expect(records.map(({ offset }) => offset - 2 ** 33)).toEqual([
      ...first.keys(),
      ...[...second.keys()].map((n) => 500 + n),
    ]);
    expect(headerOf(records[99]!, 'a')).toBe(first[99]);
    expect(headerOf(records[99]!, 'b')).toBe('');
    expect(headerOf(records[99]!, 'c')).toBeUndefined();
  },
);

test('a record without a value, and times apart, are read', () => {
  const apart = [0n, 5_000_000_000n].map((timestamp) => ({ ...message(null, { n: 'v' }), timestamp }));
  const records = readBatches(batchOf(apart)).flatMap((batch) => batch.records);
  expect(records.map((record) => contentOf(record).value)).toEqual(['', '']);
  expect(records.map((record) => headerOf(record, 'n'))).toEqual(['v', 'v']);
});

test('a batch that is cut off is left for the next question', () => {
  const whole = batchOf([message('one'), message('two')]);
  const bytes = Buffer.concat([whole, batchOf([message('three')], { firstOffset: 2 })]);
  for (const cut of [whole.length, whole.length + 5, whole.length + 60, bytes.length - 1])
    expect(readBatches(bytes.subarray(0, cut)).map(({ nextOffset }) => nextOffset)).toEqual([2]);
  expect(readBatches(bytes).map(({ nextOffset }) => nextOffset)).toEqual([2, 3]);
});

test('a key has the hash, and so the partition, that it has for every other client', () => {
  const keys = [
    ...Array.from({ length: 40 }, (_, length) => randomBytes(length)),
    ...Array.from({ length: 500 }, () => Buffer.from(uuidv7())),
  ];
  for (const key of keys) expect(murmur2(key), key.toString('hex')).toBe(murmur2OfTheClient(key));
});
