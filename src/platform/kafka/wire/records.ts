import { compressionsAlgorithmsByBitmask, IS_COMPRESSED, IS_CONTROL, IS_TRANSACTIONAL } from '@platformatic/kafka';
import type { FetchedRecord, RecordBatch } from '#platform/kafka/ports.ts';
import { AT, checksum, HEADER_BYTES, MAGIC, UNCOUNTED_BYTES } from './layout.ts';

/**
 * Records as they lie in the answer of a broker and in a request to it. Every consumer is sent every event and most
 * want few types, so a record is found and its headers are looked at where they are; nothing is copied or made an
 * object of before somebody wants it. The format is Kafka's record batch, version 2 (KIP-98); the client's own reader
 * makes 30 objects of a record, and its writer 60 buffers.
 */

/** A record in the answer of a broker, or in memory of its own. */
export interface WireRecord extends FetchedRecord {
  readonly bytes: Buffer;
  /** Where the length of its key stands in `bytes`; `length` counts from there. */
  readonly at: number;
}

export type WireBatch = RecordBatch<WireRecord>;

/** Reads the parts of a record one after the other. */
export class RecordReader {
  readonly bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.bytes = bytes;
    this.at = at;
  }

  varint(): number {
    const { bytes } = this;
    let byte = bytes[this.at++]!;
    let value = byte & 0x7f;
    for (let shift = 7; byte >= 0x80; shift += 7) {
      byte = bytes[this.at++]!;
      value |= (byte & 0x7f) << shift;
    }
    return (value >>> 1) ^ -(value & 1);
  }

  /** For a number whose value is of no interest: it may be too long for {@link varint}. */
  skipVarint(): void {
    while (this.bytes[this.at++]! >= 0x80);
  }

  skipBytes(): void {
    const length = this.varint();
    if (length > 0) this.at += length;
  }

  text(): string {
    const length = this.varint();
    if (length <= 0) return '';
    const begin = this.at;
    this.at += length;
    return this.bytes.toString('utf8', begin, this.at);
  }

  /** A text that many records have in common; see {@link nameAt}. */
  name(): string {
    const length = this.varint();
    if (length <= 0) return '';
    const begin = this.at;
    this.at += length;
    return nameAt(this.bytes, begin, length);
  }
}

interface Name {
  readonly bytes: Buffer;
  readonly text: string;
}

const NAMES_PER_LENGTH_MAX = 32;
const NAME_BYTES_MAX = 64;
/** By their length in bytes. */
const names: Name[][] = Array.from({ length: NAME_BYTES_MAX + 1 }, () => []);

/**
 * The name at an index: of a header, a type, a source. They are few, and every record carries the same ones, so one is
 * known by its bytes: comparing them takes a tenth of the time of making a text, which then is looked up as well.
 */
function nameAt(bytes: Buffer, begin: number, length: number): string {
  const known = names[length];
  if (known) for (const name of known) if (isAt(bytes, begin, name.bytes)) return name.text;
  const text = bytes.toString('utf8', begin, begin + length);
  if (known && known.length < NAMES_PER_LENGTH_MAX)
    known.push({ bytes: Buffer.from(bytes.subarray(begin, begin + length)), text });
  return text;
}

function isAt(bytes: Buffer, begin: number, wanted: Buffer): boolean {
  for (let i = 0; i < wanted.length; i++) if (bytes[begin + i] !== wanted[i]) return false;
  return true;
}

export interface ReadBatches {
  readonly batches: readonly WireBatch[];
  /** Why what follows them is not what was written; undefined where all is well. */
  readonly damage: string | undefined;
}

/**
 * All whole batches that a broker sent of a partition, up to the first that is damaged; one that is cut off at the end
 * is left for the next request. Nothing refers to `bytes` afterwards.
 */
export function readBatches(bytes: Buffer, wanted: (record: WireRecord) => boolean): ReadBatches {
  const batches: WireBatch[] = [];
  let at = 0;
  while (at < bytes.length) {
    const size = bytes.length - at < HEADER_BYTES ? undefined : UNCOUNTED_BYTES + bytes.readInt32BE(at + AT.length);
    if (size === undefined || size > bytes.length - at) {
      // Brokers send the first batch whole, however large it is (KIP-74).
      return { batches, damage: at > 0 ? undefined : `its length is wrong: ${bytes.length} bytes are there` };
    }
    const damage = damageOf(bytes, at, size);
    if (damage !== undefined) return { batches, damage };
    batches.push(readBatch(bytes, at, at + size, wanted));
    at += size;
  }
  return { batches, damage: undefined };
}

/**
 * What is wrong with a batch, found before anything in it is believed. The checksum covers everything but the first
 * offset, the length, the epoch of the leader and the magic, which the broker may change: a wrong length makes a wrong
 * checksum, the first offset is compared by partition-buffer.ts with the one that comes next, and a wrong epoch makes
 * a consumer read again what it knows.
 */
function damageOf(bytes: Buffer, at: number, size: number): string | undefined {
  if (size < HEADER_BYTES) return `its length is wrong: ${size - UNCOUNTED_BYTES}`;
  const magic = bytes[at + AT.magic]!;
  if (magic !== MAGIC) return `its magic is ${magic}, not ${MAGIC}`;
  const [stored, computed] = [bytes.readUInt32BE(at + AT.crc), checksum(bytes, at + AT.attributes, at + size)];
  if (stored !== computed) return `its checksum is ${hex(stored)}, its content has ${hex(computed)}`;
  return undefined;
}

function hex(checksum: number): string {
  return checksum.toString(16).padStart(8, '0');
}

function readBatch(bytes: Buffer, at: number, end: number, wanted: (record: WireRecord) => boolean): WireBatch {
  const firstOffset = Number(bytes.readBigInt64BE(at + AT.firstOffset));
  const attributes = bytes.readInt16BE(at + AT.attributes);
  const count = bytes.readInt32BE(at + AT.count);
  const compression = attributes & IS_COMPRESSED;
  const content = bytes.subarray(at + HEADER_BYTES, end);
  const records = readRecords(compression === 0 ? content : decompress(compression, content), count, firstOffset);
  const isControl = (attributes & IS_CONTROL) !== 0;
  return {
    firstOffset,
    nextOffset: firstOffset + bytes.readInt32BE(at + AT.lastOffsetDelta) + 1,
    epoch: bytes.readInt32BE(at + AT.leaderEpoch),
    producerId: bytes.readBigInt64BE(at + AT.producerId),
    transactional: (attributes & IS_TRANSACTIONAL) !== 0,
    control: isControl ? endOfTransaction(records[0]) : undefined,
    count,
    records: isControl ? [] : keep(records.filter(wanted)),
  };
}

/** Moves records out of the answer, whose memory is used again: what is not wanted is not held on to either. */
function keep(records: readonly WireRecord[]): WireRecord[] {
  let length = 0;
  for (const record of records) length += record.length;
  const bytes = Buffer.allocUnsafe(length);
  let at = 0;
  return records.map((record) => {
    const begin = at;
    bytes.set(record.bytes.subarray(record.at, record.at + record.length), begin);
    at += record.length;
    return { offset: record.offset, bytes, at: begin, length: record.length };
  });
}

function decompress(bitmask: number, bytes: Buffer): Buffer {
  const algorithm = compressionsAlgorithmsByBitmask[bitmask];
  if (!algorithm) throw new Error(`the batch is compressed in a way this client does not know (${bitmask})`);
  return algorithm.decompressSync(bytes);
}

function readRecords(bytes: Buffer, count: number, firstOffset: number): WireRecord[] {
  const records: WireRecord[] = [];
  const reader = new RecordReader(bytes, 0);
  for (let i = 0; i < count; i++) {
    const length = reader.varint();
    const end = reader.at + length;
    reader.at++; // attributes, of which there are none
    reader.skipVarint(); // timestamp
    const offset = firstOffset + reader.varint();
    records.push({ offset, bytes, at: reader.at, length: end - reader.at });
    reader.at = end;
  }
  return records;
}

/** The key of a control record holds a version and a type. */
function endOfTransaction(record: WireRecord | undefined): 'abort' | 'commit' {
  if (!record) return 'commit';
  const reader = new RecordReader(record.bytes, record.at);
  reader.varint();
  return record.bytes.readInt16BE(reader.at + 2) === 0 ? 'abort' : 'commit';
}

/** The first header of this name, one that many records have in common; undefined where there is none. */
export function nameOf(record: WireRecord, wanted: string): string | undefined {
  return valueOf(record, wanted)?.name();
}

/** The first header of this name; undefined where there is none. */
export function headerOf(record: WireRecord, wanted: string): string | undefined {
  return valueOf(record, wanted)?.text();
}

/** Stands before the value of the first header of this name. */
function valueOf({ bytes, at }: WireRecord, wanted: string): RecordReader | undefined {
  const reader = new RecordReader(bytes, at);
  reader.skipBytes(); // key
  reader.skipBytes(); // value
  for (let count = reader.varint(); count > 0; count--) {
    if (reader.name() === wanted) return reader;
    reader.skipBytes();
  }
  return undefined;
}
