import { RECORD_HEAD_BYTES_MAX } from '#platform/kafka/ports.ts';
import { AT, checksum, HEADER_BYTES, MAGIC, UNCOUNTED_BYTES } from './layout.ts';

/** Record batches as they are written; the client's own writer makes 60 buffers of a record. */

const NO_EPOCH = -1;

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
  let left = ((value << 1) ^ (value >> 31)) >>> 0;
  while (left >= 0x80) {
    bytes[at++] = (left & 0x7f) | 0x80;
    left >>>= 7;
  }
  bytes[at++] = left;
  return at;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let left = ((value << 1) ^ (value >> 31)) >>> 0; left >= 0x80; left >>>= 7) bytes++;
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
  bytes.writeBigInt64BE(0n, AT.firstOffset);
  bytes.writeInt32BE(at - UNCOUNTED_BYTES, AT.length);
  bytes.writeInt32BE(NO_EPOCH, AT.leaderEpoch);
  bytes.writeInt8(MAGIC, AT.magic);
  bytes.writeInt16BE(0, AT.attributes);
  bytes.writeInt32BE(count - 1, AT.lastOffsetDelta);
  bytes.writeBigInt64BE(time, AT.firstTimestamp);
  bytes.writeBigInt64BE(time, AT.maxTimestamp);
  bytes.writeBigInt64BE(producerId, AT.producerId);
  bytes.writeInt16BE(producerEpoch, AT.producerEpoch);
  bytes.writeInt32BE(sequence, AT.firstSequence);
  bytes.writeInt32BE(count, AT.count);
  bytes.writeUInt32BE(checksum(bytes, AT.attributes, at), AT.crc);
  return bytes.subarray(0, at);
}
