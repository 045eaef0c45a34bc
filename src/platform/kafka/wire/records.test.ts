import { idTimeMs } from '#contracts/ids.ts';
import { randomBytes } from 'node:crypto';
import {
  crc32c,
  createRecordsBatch,
  type MessageRecord,
  murmur2 as murmur2OfTheClient,
  Reader,
  readRecordsBatches,
} from '@platformatic/kafka';
import { describe, expect, test } from 'vitest';
import { uuidv7 } from 'uuidv7';
import { type Envelope, sequenceText } from '#contracts/envelope.ts';
import { encoded, parseData } from '#platform/log/encoded.ts';
import { PartitionBuffer } from '#platform/kafka/partition-buffer.ts';
import { murmur2 } from '#platform/kafka/partitioner.ts';
import { encodeBatch } from './encode.ts';
import { AT } from './layout.ts';
import { fromRecord, timeOf, toContent, typeOf } from './message.ts';
import {
  headerOf,
  nameOf,
  readBatches as readWanted,
  RecordReader,
  type WireBatch,
  type WireRecord,
} from './records.ts';

/** What another implementation of the format writes, ours must read; and what ours writes, the other. */

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

function readBatches(bytes: Buffer): readonly WireBatch[] {
  const { batches, damage } = readWanted(Buffer.from(bytes), () => true);
  expect(damage).toBeUndefined();
  for (const { count, control, records } of batches) expect(records.length).toBe(control === undefined ? count : 0);
  return batches;
}

function valueOf({ bytes, at }: WireRecord): string {
  const reader = new RecordReader(bytes, at);
  reader.skipBytes();
  return reader.text();
}

const IDENTITY = {
  producerId: 2n ** 40n + 3n,
  producerEpoch: 5,
  sequence: 2 ** 31 - 2,
  timestampMs: 1_767_225_600_123,
};

const SENT: readonly Envelope[] = [
  event({ text: 'Straße \u{1f980}' }),
  { ...event([]), traceparent: '00-1-2-01' },
  { ...event({}), authtype: 'user', authid: 'Ada Straße' },
  { ...event({}), traceparent: '00-1-2-01', authtype: 'api_key', authid: 'ü'.repeat(200) },
  {
    ...event({ long: 'ü'.repeat(40_000) }),
    correlationid: 'Straße '.repeat(30),
    type: 'Ä'.repeat(40),
    sequence: 70_000,
  },
  ...Array.from({ length: 300 }, (_, n) => ({ ...event(n), source: `/olms/${n % 40}`, type: `Type${n % 50}` })),
];

test('an event comes back as it was sent, its type found without reading the whole', () => {
  const bytes = encodeBatch(
    SENT.map((one) => toContent(encoded(one))),
    IDENTITY,
  );
  const records = readBatches(bytes).flatMap((batch) => batch.records);
  expect(records.map(typeOf)).toEqual(SENT.map(({ type }) => type));
  expect(records.map(timeOf)).toEqual(SENT.map(({ id }) => idTimeMs(id)));
  expect(records.map((record) => fromRecord(record, parseData))).toEqual(SENT);
  expect(records.map((record) => fromRecord(record, (json) => json))).toEqual(SENT.map(encoded));
});

test('another client reads what is written here, with its checksum', () => {
  const bytes = encodeBatch(
    SENT.map((one) => toContent(encoded(one))),
    IDENTITY,
  );
  const [batch, ...others] = readRecordsBatches(Reader.from(bytes));
  expect(others).toEqual([]);
  const { producerId, producerEpoch, sequence, timestampMs } = IDENTITY;
  expect(batch).toMatchObject({
    firstOffset: 0n,
    length: bytes.length - 12,
    magic: 2,
    attributes: 0,
    lastOffsetDelta: SENT.length - 1,
    firstTimestamp: BigInt(timestampMs),
    maxTimestamp: BigInt(timestampMs),
    producerId,
    producerEpoch,
    firstSequence: sequence,
  });
  expect(batch!.crc).toBe(crc32c(bytes.subarray(21)));
  for (const [n, { key, value, headers, offsetDelta, timestampDelta }] of batch!.records.entries()) {
    const sent = SENT[n]!;
    expect([offsetDelta, timestampDelta]).toEqual([n, 0n]);
    expect(key!.toString()).toBe(sent.subject);
    expect(JSON.parse(value!.toString())).toEqual(sent.data);
    expect(Object.fromEntries(headers.map(([name, text]) => [name!.toString(), text!.toString()]))).toEqual({
      ce_specversion: '1.0',
      ce_id: sent.id,
      ce_source: sent.source,
      ce_type: sent.type,
      ce_subject: sent.subject,
      ce_time: sent.time,
      ce_dataschema: `/schemas/events/${sent.type}/1`,
      ce_sequence: sequenceText(sent.sequence),
      ce_sequencetype: 'Integer',
      ce_correlationid: sent.correlationid,
      ce_causationid: sent.causationid,
      'content-type': 'application/json',
      ...(sent.traceparent === undefined ? {} : { ce_traceparent: sent.traceparent }),
      ...(sent.authtype === undefined ? {} : { ce_authtype: sent.authtype, ce_authid: sent.authid }),
    });
  }
});

test('attributes this version does not know are kept, and what is no event is refused with the reason', () => {
  const attributes = {
    ce_id: uuidv7(),
    ce_source: '/olms/x',
    ce_type: 'New',
    ce_sequence: '1',
    ce_future: 'ü',
    other: 'o',
  };
  const read = (headers: Record<string, string>): unknown => {
    const [record] = readBatches(batchOf([message('no json', { ce_subject: uuidv7(), ...headers })]))[0]!.records;
    return fromRecord(record!, parseData);
  };
  expect(read(attributes)).toMatchObject({ type: 'New', future: 'ü', data: 'no json' });
  expect(read(attributes)).not.toHaveProperty('other');
  expect(read({ ...attributes, ce_id: 'x' })).toBe('ce_id is not a UUID');
  expect(read({ ...attributes, ce_subject: 'x' })).toBe('neither ce_subject nor the key is an order id');
  expect(read({ ...attributes, ce_type: '' })).toBe('ce_source or ce_type is missing');
  expect(read({ ...attributes, ce_sequence: '1.5' })).toBe('ce_sequence is not a positive integer');
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
    expect(records.map(valueOf)).toEqual(texts);
    expect(records.map(({ offset }) => offset - 2 ** 33)).toEqual([
      ...first.keys(),
      ...[...second.keys()].map((n) => 500 + n),
    ]);
    expect(headerOf(records[99]!, 'a')).toBe(first[99]);
    expect(headerOf(records[99]!, 'b')).toBe('');
    expect(headerOf(records[99]!, 'c')).toBeUndefined();
    expect(nameOf(records[99]!, 'a')).toBe(first[99]);
  },
);

test('records that are not wanted are counted, and none refers to the answer', () => {
  const bytes = batchOf(Array.from({ length: 100 }, (_, n) => message(`${n}`, { a: n % 2 === 0 ? 'even' : 'odd' })));
  const { batches } = readWanted(bytes, (record) => nameOf(record, 'a') === 'odd');
  const [batch] = batches;
  bytes.fill(0);
  expect(batch).toMatchObject({ count: 100, nextOffset: 100 });
  expect(batch!.records.map(({ offset }) => offset)).toEqual(Array.from({ length: 50 }, (_, n) => 2 * n + 1));
  expect(batch!.records.map(valueOf)).toEqual(Array.from({ length: 50 }, (_, n) => `${2 * n + 1}`));
});

test('a record without a value, and times apart, are read', () => {
  const apart = [0n, 5_000_000_000n].map((timestamp) => ({ ...message(null, { n: 'v' }), timestamp }));
  const records = readBatches(batchOf(apart)).flatMap((batch) => batch.records);
  expect(records.map(valueOf)).toEqual(['', '']);
  expect(records.map((record) => headerOf(record, 'n'))).toEqual(['v', 'v']);
});

test('a batch that is cut off is left for the next question', () => {
  const whole = batchOf([message('one'), message('two')]);
  const bytes = Buffer.concat([whole, batchOf([message('three')], { firstOffset: 2 })]);
  for (const cut of [whole.length, whole.length + 5, whole.length + 60, bytes.length - 1])
    expect(readBatches(bytes.subarray(0, cut)).map(({ nextOffset }) => nextOffset)).toEqual([2]);
  expect(readBatches(bytes).map(({ nextOffset }) => nextOffset)).toEqual([2, 3]);
});

describe('a byte that was flipped', () => {
  const whole = batchOf([message('one', { a: 'b' }), message('two')], { firstOffset: 700 });
  const next = batchOf([message('three')], { firstOffset: 702 });
  const flipped = (at: number, bits: number): Buffer => {
    const bytes = Buffer.concat([whole, next]);
    bytes[at]! ^= bits;
    return bytes;
  };
  const bytes = Array.from({ length: whole.length }, (_, at) => at);
  const changes = [...Array.from({ length: 8 }, (_, bit) => 1 << bit), 0xff];

  test('is found before anything of the batch is read, but for the first offset and the epoch of the leader', () => {
    const isCovered = (at: number): boolean => at >= AT.length && (at < AT.leaderEpoch || at >= AT.magic);
    expect(bytes.filter((at) => !isCovered(at))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 12, 13, 14, 15]);
    for (const at of bytes.filter(isCovered))
      for (const bits of changes) {
        const { batches, damage } = readWanted(flipped(at, bits), () => true);
        expect([at, bits, damage]).toEqual([at, bits, expect.stringMatching(/^its (length|magic|checksum) is /)]);
        expect(batches).toEqual([]);
      }
  });

  test('does no harm in the epoch of the leader, by which no record is read', () => {
    const read = (at: number, bits: number): readonly object[] => {
      const { batches, damage } = readWanted(flipped(at, bits), () => true);
      expect(damage).toBeUndefined();
      return batches.map((batch) => ({ ...batch, epoch: 0 }));
    };
    const right = read(0, 0);
    for (let at = AT.leaderEpoch; at < AT.magic; at++)
      for (const bits of changes) expect(read(at, bits)).toEqual(right);
  });

  test('makes a gap or an overlap in the first offset, which is refused', () => {
    for (let at = AT.firstOffset; at < AT.length; at++)
      for (const bits of changes) {
        const { batches } = readWanted(flipped(at, bits), () => true);
        const partition = new PartitionBuffer(5, 600);
        const add = (some: readonly WireBatch[]): string | undefined =>
          partition.add({
            number: 5,
            error: undefined,
            end: 703,
            batches: some,
            damage: undefined,
            divergence: undefined,
          })?.what;
        const before = readBatches(
          batchOf(
            Array.from({ length: 100 }, () => message('x')),
            { firstOffset: 600 },
          ),
        );
        expect(add(before)).toBeUndefined();
        expect(add(batches)).toMatch(/^it claims the offsets .*, where 700 comes next$/);
        expect([partition.fetched, partition.queue.length]).toEqual([700, 100]);
      }
  });

  test('leaves the batches before it as they are', () => {
    const { batches, damage } = readWanted(flipped(whole.length + AT.crc, 1), () => true);
    expect(batches.map(({ nextOffset }) => nextOffset)).toEqual([702]);
    expect(damage).toMatch(/^its checksum is [0-9a-f]{8}, its content has [0-9a-f]{8}$/);
  });

  test('is found in the length also where the batch then seems to be cut off', () => {
    const endless = Buffer.from(next);
    endless.writeInt32BE(next.length, AT.length);
    expect(readWanted(endless, () => true).damage).toBe(`its length is wrong: ${next.length} bytes are there`);
    expect(readWanted(next.subarray(0, 60), () => true).damage).toBe('its length is wrong: 60 bytes are there');
  });
});

test('a key has the hash, and so the partition, that it has for every other client', () => {
  const keys = [
    ...Array.from({ length: 40 }, (_, length) => randomBytes(length)),
    ...Array.from({ length: 500 }, () => Buffer.from(uuidv7())),
  ];
  for (const key of keys) expect(murmur2(key), key.toString('hex')).toBe(murmur2OfTheClient(key));
});
