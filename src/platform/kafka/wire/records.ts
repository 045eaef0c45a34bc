import {
  compressionsAlgorithmsByBitmask,
  crc32c,
  IS_COMPRESSED,
  IS_CONTROL,
  IS_TRANSACTIONAL,
} from '@platformatic/kafka';

/**
 * Records as they lie in the answer of a broker and in a request to it. Every consumer is sent every event and most
 * want few types, so a record is found and its headers are looked at where they are; nothing is copied or made an
 * object of before somebody wants it. The format is Kafka's record batch, version 2 (KIP-98); the client's own reader
 * makes 30 objects of a record, and its writer 60 buffers.
 */

export interface KafkaRecord {
  readonly offset: number;
  readonly bytes: Buffer;
  /** Where the length of its key stands in `bytes`. */
  readonly at: number;
  /** From there to its end. */
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
  /** How many records are in it, wanted or not. */
  readonly count: number;
  /** Those that are wanted, with memory of their own. */
  readonly records: readonly KafkaRecord[];
}

/** Bytes of a batch before its records, the first offset and the length included. */
const HEADER_BYTES = 61;
const LENGTH_AT = 8;
/** What the length does not count: itself and what stands before it. */
const UNCOUNTED_BYTES = 12;

/** Reads the parts of a record one after the other. */
export class Cursor {
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
 * The name at a place: of a header, a type, a source. They are few, and every record carries the same ones, so one is
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

/** All whole batches of a partition; what is cut off at the end is asked for again. Nothing refers to `bytes` afterwards. */
export function readBatches(bytes: Buffer, wanted: (record: KafkaRecord) => boolean): RecordBatch[] {
  const batches: RecordBatch[] = [];
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const end = at + UNCOUNTED_BYTES + bytes.readInt32BE(at + LENGTH_AT);
    if (end > bytes.length) break;
    batches.push(readBatch(bytes, at, end, wanted));
    at = end;
  }
  return batches;
}

function readBatch(bytes: Buffer, at: number, end: number, wanted: (record: KafkaRecord) => boolean): RecordBatch {
  const firstOffset = Number(bytes.readBigInt64BE(at));
  const attributes = bytes.readInt16BE(at + 21);
  const count = bytes.readInt32BE(at + 57);
  const compression = attributes & IS_COMPRESSED;
  const content = bytes.subarray(at + HEADER_BYTES, end);
  const records = readRecords(compression === 0 ? content : decompress(compression, content), count, firstOffset);
  const isControl = (attributes & IS_CONTROL) !== 0;
  return {
    firstOffset,
    nextOffset: firstOffset + bytes.readInt32BE(at + 23) + 1,
    producerId: bytes.readBigInt64BE(at + 43),
    transactional: (attributes & IS_TRANSACTIONAL) !== 0,
    control: isControl ? endOfTransaction(records[0]) : undefined,
    count,
    records: isControl ? [] : keep(records.filter(wanted)),
  };
}

/** Moves records out of the answer, whose memory is used again: what is not wanted is not held on to either. */
function keep(records: readonly KafkaRecord[]): KafkaRecord[] {
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

function readRecords(bytes: Buffer, count: number, firstOffset: number): KafkaRecord[] {
  const records: KafkaRecord[] = [];
  const cursor = new Cursor(bytes, 0);
  for (let i = 0; i < count; i++) {
    const length = cursor.varint();
    const end = cursor.at + length;
    cursor.at++; // attributes, of which there are none
    cursor.skipVarint(); // timestamp
    const offset = firstOffset + cursor.varint();
    records.push({ offset, bytes, at: cursor.at, length: end - cursor.at });
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

/** The first header of this name, one that many records have in common; undefined where there is none. */
export function nameOf(record: KafkaRecord, wanted: string): string | undefined {
  return valueOf(record, wanted)?.name();
}

/** The first header of this name; undefined where there is none. */
export function headerOf(record: KafkaRecord, wanted: string): string | undefined {
  return valueOf(record, wanted)?.text();
}

/** Stands before the value of the first header of this name. */
function valueOf({ bytes, at }: KafkaRecord, wanted: string): Cursor | undefined {
  const cursor = new Cursor(bytes, at);
  cursor.skipBytes(); // key
  cursor.skipBytes(); // value
  for (let count = cursor.varint(); count > 0; count--) {
    if (cursor.name() === wanted) return cursor;
    cursor.skipBytes();
  }
  return undefined;
}

// Writing --------------------------------------------------------------------------------------------------------

const MAGIC = 2;
const COUNTED_FROM = 21;
const CRC_AT = 17;
const NO_EPOCH = -1;
/** What a record takes in a batch beside its content: length, attributes, time and offset. */
export const RECORD_HEAD_BYTES_MAX = 12;

/** Writes texts, each behind its length, into memory that is used again and grows as needed. */
export class RecordWriter {
  #bytes = Buffer.allocUnsafe(16 * 1024);
  #at = 0;

  /** Begins a record of at most so many bytes. */
  begin(bytesMax: number): void {
    if (this.#bytes.length < bytesMax) this.#bytes = Buffer.allocUnsafe(bytesMax + (bytesMax >>> 1));
    this.#at = 0;
  }

  raw(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  varint(value: number): void {
    this.#at = writeVarint(this.#bytes, this.#at, value);
  }

  text(text: string): void {
    // Most are short: then the length takes one byte, and where the text begins is known before how long it is.
    const begin = this.#at + 1;
    const length = this.#bytes.write(text, begin);
    const size = varintBytes(length);
    if (size > 1) this.#bytes.copyWithin(this.#at + size, begin, begin + length);
    writeVarint(this.#bytes, this.#at, length);
    this.#at += size + length;
  }

  /** A copy of what was written. */
  end(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#at));
  }
}

/** Zigzag: small numbers of either sign take few bytes. */
function writeVarint(bytes: Buffer, at: number, value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  while (rest >= 0x80) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  return at;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = ((value << 1) ^ (value >> 31)) >>> 0; rest >= 0x80; rest >>>= 7) bytes++;
  return bytes;
}

export interface BatchOptions {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  /** Of its first record, on this partition. */
  readonly sequence: number;
  readonly timestampMs: number;
}

/** A batch of records, each given as its content: key, value and headers. */
export function encodeBatch(
  contents: readonly Buffer[],
  { producerId, producerEpoch, sequence, timestampMs }: BatchOptions,
): Buffer {
  const count = contents.length;
  let room = HEADER_BYTES;
  for (const content of contents) room += content.length + RECORD_HEAD_BYTES_MAX;
  const bytes = Buffer.allocUnsafe(room);
  let at = HEADER_BYTES;
  for (let offset = 0; offset < count; offset++) {
    const content = contents[offset]!;
    // No attributes, and all of the batch's time: a byte each.
    at = writeVarint(bytes, at, 2 + varintBytes(offset) + content.length);
    bytes[at++] = 0;
    bytes[at++] = 0;
    at = writeVarint(bytes, at, offset);
    bytes.set(content, at);
    at += content.length;
  }
  const time = BigInt(timestampMs);
  bytes.writeBigInt64BE(0n, 0);
  bytes.writeInt32BE(at - UNCOUNTED_BYTES, LENGTH_AT);
  bytes.writeInt32BE(NO_EPOCH, 12);
  bytes.writeInt8(MAGIC, 16);
  bytes.writeInt16BE(0, COUNTED_FROM);
  bytes.writeInt32BE(count - 1, 23);
  bytes.writeBigInt64BE(time, 27);
  bytes.writeBigInt64BE(time, 35);
  bytes.writeBigInt64BE(producerId, 43);
  bytes.writeInt16BE(producerEpoch, 51);
  bytes.writeInt32BE(sequence, 53);
  bytes.writeInt32BE(count, 57);
  bytes.writeUInt32BE(crc32c(bytes.subarray(COUNTED_FROM, at)), CRC_AT);
  return bytes.subarray(0, at);
}
