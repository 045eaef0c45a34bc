import { UUID_PLACES } from '#platform/runtime/uuid.ts';

/**
 * One-dimensional PostgreSQL arrays in the binary format of the wire protocol: the server copies them where it would
 * have to parse texts, which costs a set more than anything else but its indexes. Numerics alone stay texts. Layout:
 * `array_recv` in src/backend/utils/adt/arrayfuncs.c, elements as in `uuid_recv`, `int4recv`, `int8recv`,
 * `timestamptz_recv`, `boolrecv`, `textrecv` and `json_recv`.
 */

type Row = Readonly<Record<string, unknown>>;

interface FixedType {
  /** Of the element type, from pg_type.dat: these never change. */
  readonly oid: number;
  readonly bytes: number;
  /** Throws a TypeError for a value that is none of the type. */
  readonly write: (buffer: Buffer, value: unknown, offset: number) => void;
}

const HEADER_BYTES = 20;
const LENGTH_BYTES = 4;
const NULL_LENGTH = -1;
const TWO_TO_32 = 2 ** 32;
/** Milliseconds from 1970 to 2000, where PostgreSQL counts from. */
const EPOCH_2000_MS = 946_684_800_000;

/** Value of a hexadecimal digit by its character code; 255 for what is none. */
const HEX_DIGIT = new Uint8Array(128).fill(255);
for (let digit = 0; digit < 16; digit++) {
  HEX_DIGIT[digit.toString(16).charCodeAt(0)] = digit;
  HEX_DIGIT[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
}

function notA(type: string, value: unknown): TypeError {
  return new TypeError(`${String(value)} is no ${type}`);
}

function writeUuid(buffer: Buffer, value: unknown, offset: number): void {
  const text = value as string;
  if (text.length !== 36) throw notA('uuid', value);
  for (let index = 0; index < 16; index++) {
    const place = UUID_PLACES[index]!;
    const high = HEX_DIGIT[text.charCodeAt(place)] ?? 255;
    const low = HEX_DIGIT[text.charCodeAt(place + 1)] ?? 255;
    if ((high | low) > 15) throw notA('uuid', value);
    buffer[offset + index] = (high << 4) | low;
  }
}

function writeInteger(buffer: Buffer, value: unknown, offset: number): void {
  if (!Number.isInteger(value)) throw notA('integer', value);
  buffer.writeInt32BE(value as number, offset);
}

function writeInt64(buffer: Buffer, value: number, offset: number): void {
  buffer.writeInt32BE(Math.floor(value / TWO_TO_32), offset);
  buffer.writeUInt32BE(((value % TWO_TO_32) + TWO_TO_32) % TWO_TO_32, offset + 4);
}

function writeBigint(buffer: Buffer, value: unknown, offset: number): void {
  if (typeof value === 'bigint') buffer.writeBigInt64BE(value, offset);
  else if (Number.isSafeInteger(value)) writeInt64(buffer, value as number, offset);
  else throw notA('bigint', value);
}

/** What one set decides has one time: its text is parsed once. */
let lastTime = { text: '', ms: Number.NaN };

function parseTime(text: string): number {
  if (text !== lastTime.text) lastTime = { text, ms: Date.parse(text) };
  return lastTime.ms;
}

/** A Date, or a text that says its zone, to the millisecond. */
function writeTimestamp(buffer: Buffer, value: unknown, offset: number): void {
  const ms = value instanceof Date ? value.getTime() : parseTime(value as string);
  if (Number.isNaN(ms)) throw notA('timestamptz', value);
  writeInt64(buffer, (ms - EPOCH_2000_MS) * 1_000, offset);
}

function writeBoolean(buffer: Buffer, value: unknown, offset: number): void {
  if (typeof value !== 'boolean') throw notA('boolean', value);
  buffer[offset] = value ? 1 : 0;
}

const FIXED_TYPES = {
  uuid: { oid: 2950, bytes: 16, write: writeUuid },
  integer: { oid: 23, bytes: 4, write: writeInteger },
  bigint: { oid: 20, bytes: 8, write: writeBigint },
  timestamptz: { oid: 1184, bytes: 8, write: writeTimestamp },
  boolean: { oid: 16, bytes: 1, write: writeBoolean },
} as const satisfies Record<string, FixedType>;

export type FixedTypeName = keyof typeof FIXED_TYPES;

export function isFixedType(type: string): type is FixedTypeName {
  return type in FIXED_TYPES;
}

/** Dimensions, whether there are NULLs, element type, length, first index. */
function writeHeader(buffer: Buffer, elements: number, hasNull: boolean, oid: number): void {
  buffer.writeInt32BE(elements === 0 ? 0 : 1, 0);
  buffer.writeInt32BE(hasNull ? 1 : 0, 4);
  buffer.writeInt32BE(oid, 8);
  buffer.writeInt32BE(elements, 12);
  buffer.writeInt32BE(1, 16);
}

const EMPTY_BYTES = HEADER_BYTES - 8;

/** The column `name` of the rows as an array parameter; null and undefined are NULL. */
export function binaryArray(type: FixedTypeName, rows: readonly Row[], name: string): Buffer {
  const { oid, bytes, write }: FixedType = FIXED_TYPES[type];
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + rows.length * (LENGTH_BYTES + bytes));
  let offset = HEADER_BYTES;
  let hasNull = false;
  for (const row of rows) {
    const value = row[name];
    if (value === null || value === undefined) {
      hasNull = true;
      offset = buffer.writeInt32BE(NULL_LENGTH, offset);
      continue;
    }
    offset = buffer.writeInt32BE(bytes, offset);
    write(buffer, value, offset);
    offset += bytes;
  }
  writeHeader(buffer, rows.length, hasNull, oid);
  return buffer.subarray(0, rows.length === 0 ? EMPTY_BYTES : offset);
}

/** Of the element type, from pg_type.dat. */
const TEXT_OIDS = { text: 25, json: 114 } as const;
/** Bytes that a UTF-16 unit takes at most in UTF-8. */
const UTF8_PER_UNIT_MAX = 3;

/** Texts, or JSON texts, as an array parameter; null is NULL. */
export function binaryTexts(type: keyof typeof TEXT_OIDS, texts: readonly (string | null)[]): Buffer {
  let bytesMax = HEADER_BYTES;
  for (const text of texts) bytesMax += LENGTH_BYTES + (text === null ? 0 : text.length * UTF8_PER_UNIT_MAX);
  const buffer = Buffer.allocUnsafe(bytesMax);
  let offset = HEADER_BYTES;
  let hasNull = false;
  for (const text of texts) {
    if (text === null) {
      hasNull = true;
      offset = buffer.writeInt32BE(NULL_LENGTH, offset);
      continue;
    }
    const bytes = buffer.write(text, offset + LENGTH_BYTES, 'utf8');
    offset = buffer.writeInt32BE(bytes, offset) + bytes;
  }
  writeHeader(buffer, texts.length, hasNull, TEXT_OIDS[type]);
  return buffer.subarray(0, texts.length === 0 ? EMPTY_BYTES : offset);
}
