import { compressionsAlgorithmsByBitmask, IS_COMPRESSED, IS_CONTROL, IS_TRANSACTIONAL } from '@platformatic/kafka';

/**
 * Records as they lie in the answer of a broker. Every consumer is sent every event and most want few types, so a
 * record is found and its headers are looked at where they are; nothing is copied or made an object of before somebody
 * wants it. The format is Kafka's record batch, version 2 (KIP-98); the client's own reader makes 30 objects of a record.
 */

export interface KafkaRecord {
  readonly offset: number;
  readonly bytes: Buffer;
  /** Where the length of its key stands in `bytes`. */
  readonly at: number;
  readonly length: number;
}

export interface RecordBatch {
  readonly firstOffset: number;
  /** Offset after the last record, also where that one was removed. */
  readonly nextOffset: number;
  readonly producerId: bigint;
  /** Written in a transaction, which may have been aborted. */
  readonly transactional: boolean;
  /** Tells of a transaction's end instead of holding records; undefined for all others. */
  readonly control: 'abort' | 'commit' | undefined;
  readonly records: readonly KafkaRecord[];
}

/** Bytes of a batch before its records, the first offset and the length included. */
const HEADER_BYTES = 61;
const LENGTH_AT = 8;
/** What the length does not count: itself and what stands before it. */
const UNCOUNTED_BYTES = 12;

class Cursor {
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
}

/** All whole batches of a partition; what is cut off at the end is asked for again. */
export function readBatches(bytes: Buffer): RecordBatch[] {
  const batches: RecordBatch[] = [];
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const end = at + UNCOUNTED_BYTES + bytes.readInt32BE(at + LENGTH_AT);
    if (end > bytes.length) break;
    batches.push(readBatch(bytes, at, end));
    at = end;
  }
  return batches;
}

function readBatch(bytes: Buffer, at: number, end: number): RecordBatch {
  const firstOffset = Number(bytes.readBigInt64BE(at));
  const attributes = bytes.readInt16BE(at + 21);
  const count = bytes.readInt32BE(at + 57);
  const compression = attributes & IS_COMPRESSED;
  const records =
    compression === 0
      ? readRecords(bytes, at + HEADER_BYTES, count, firstOffset)
      : readRecords(decompress(compression, bytes.subarray(at + HEADER_BYTES, end)), 0, count, firstOffset);
  const isControl = (attributes & IS_CONTROL) !== 0;
  return {
    firstOffset,
    nextOffset: firstOffset + bytes.readInt32BE(at + 23) + 1,
    producerId: bytes.readBigInt64BE(at + 43),
    transactional: (attributes & IS_TRANSACTIONAL) !== 0,
    control: isControl ? endOfTransaction(records[0]) : undefined,
    records: isControl ? [] : records,
  };
}

function decompress(bitmask: number, bytes: Buffer): Buffer {
  const algorithm = compressionsAlgorithmsByBitmask[bitmask];
  if (!algorithm) throw new Error(`the batch is compressed in a way this client does not know (${bitmask})`);
  return algorithm.decompressSync(bytes);
}

function readRecords(bytes: Buffer, at: number, count: number, firstOffset: number): KafkaRecord[] {
  const records: KafkaRecord[] = [];
  const cursor = new Cursor(bytes, at);
  for (let i = 0; i < count; i++) {
    const length = cursor.varint();
    const end = cursor.at + length;
    cursor.at++; // attributes, of which there are none
    cursor.skipVarint(); // timestamp
    const offset = firstOffset + cursor.varint();
    records.push({ offset, bytes, at: cursor.at, length });
    cursor.at = end;
  }
  return records;
}

/** The key of a control record holds a version and a type. */
function endOfTransaction(record: KafkaRecord | undefined): 'abort' | 'commit' {
  if (!record) return 'commit';
  const cursor = new Cursor(record.bytes, record.at);
  cursor.varint();
  return record.bytes.readInt16BE(cursor.at + 2) === 0 ? 'abort' : 'commit';
}

/** The first header of this name; undefined where there is none. */
export function headerOf(record: KafkaRecord, wanted: string): string | undefined {
  const cursor = afterValue(record);
  for (let count = cursor.varint(); count > 0; count--) {
    if (cursor.text() === wanted) return cursor.text();
    cursor.skipBytes();
  }
  return undefined;
}

/** Key, value and headers as texts; the last of several headers of one name wins. */
export function contentOf(record: KafkaRecord): { key: string; value: string; headers: Map<string, string> } {
  const cursor = new Cursor(record.bytes, record.at);
  const key = cursor.text();
  const value = cursor.text();
  const headers = new Map<string, string>();
  for (let count = cursor.varint(); count > 0; count--) headers.set(cursor.text(), cursor.text());
  return { key, value, headers };
}

function afterValue({ bytes, at }: KafkaRecord): Cursor {
  const cursor = new Cursor(bytes, at);
  cursor.skipBytes();
  cursor.skipBytes();
  return cursor;
}
