import { type Envelope, schemaUri } from '#contracts/envelope.ts';
import { isUuid } from '#contracts/ids.ts';
import type { EncodedEvent } from '#platform/log/encoded.ts';
import { Cursor, headerOf, type KafkaRecord, nameOf, RecordWriter } from './records.ts';

/**
 * Events on the wire: the CloudEvents 1.0 Kafka binding in binary mode. Attributes are `ce_*` headers, the value is
 * the event's JSON data alone, the key is the order id.
 */

/** The partition of an order, as every Kafka client's default partitioner computes it from the key. */
export function partitionOf(key: Buffer | string, partitions: number): number {
  return (murmur2(typeof key === 'string' ? Buffer.from(key) : key) & 0x7fffffff) % partitions;
}

const SEED = 0x9747b28c;
const MIX = 0x5bd1e995;

/** MurmurHash2 in 32 bits, as Kafka's `Utils.murmur2`. The client has it too, in numbers of any size and forty times slower. */
export function murmur2(bytes: Buffer): number {
  let hash = SEED ^ bytes.length;
  let at = 0;
  for (; at + 4 <= bytes.length; at += 4) {
    let word = Math.imul(bytes.readInt32LE(at), MIX);
    word = Math.imul(word ^ (word >>> 24), MIX);
    hash = Math.imul(hash, MIX) ^ word;
  }
  const rest = bytes.length - at;
  if (rest >= 3) hash ^= bytes[at + 2]! << 16;
  if (rest >= 2) hash ^= bytes[at + 1]! << 8;
  if (rest >= 1) hash = Math.imul(hash ^ bytes[at]!, MIX);
  hash = Math.imul(hash ^ (hash >>> 13), MIX);
  return hash ^ (hash >>> 15);
}

/** Attributes of every event: specversion, type, source, dataschema, content-type, id, subject, time, sequence and two more. */
const HEADERS = 11;
/** The names of all headers, the attributes that are the same for a type, and every length. */
const FIXED_BYTES_MAX = 1_024;
/** Bytes of a UTF-16 unit in UTF-8, at most. */
const UNIT_BYTES_MAX = 3;
const writer = new RecordWriter();

function nameBytes(name: string): Buffer {
  writer.begin(FIXED_BYTES_MAX);
  writer.text(name);
  return writer.end();
}

const NAME = {
  id: nameBytes('ce_id'),
  subject: nameBytes('ce_subject'),
  time: nameBytes('ce_time'),
  sequence: nameBytes('ce_sequence'),
  correlationid: nameBytes('ce_correlationid'),
  causationid: nameBytes('ce_causationid'),
  traceparent: nameBytes('ce_traceparent'),
};

/** Types are few, each of one source, and every message of a type carries the same of these. */
const TYPES_MAX = 1_000;
const commonHeaders = new Map<string, { readonly source: string; readonly bytes: Buffer }>();

function commonHeadersOf({ type, source }: EncodedEvent): Buffer {
  const known = commonHeaders.get(type);
  if (known?.source === source) return known.bytes;
  const headers = [
    // The type comes first, so that a consumer that does not want it need not look further.
    ['ce_type', type],
    ['ce_specversion', '1.0'],
    ['ce_source', source],
    ['ce_dataschema', schemaUri(type)],
    ['content-type', 'application/json'],
  ] as const;
  const text = headers.flat().join('');
  writer.begin(FIXED_BYTES_MAX + UNIT_BYTES_MAX * text.length);
  for (const [name, value] of headers) {
    writer.text(name);
    writer.text(value);
  }
  const bytes = writer.end();
  if (commonHeaders.size < TYPES_MAX) commonHeaders.set(type, { source, bytes });
  return bytes;
}

/** Key, value and headers of an event's record. */
export function toContent(event: EncodedEvent): Buffer {
  const common = commonHeadersOf(event);
  const { id, subject, time, correlationid, causationid, traceparent, data } = event;
  const units =
    id.length +
    2 * subject.length +
    time.length +
    correlationid.length +
    causationid.length +
    (traceparent?.length ?? 0) +
    data.length;
  writer.begin(FIXED_BYTES_MAX + common.length + UNIT_BYTES_MAX * units);
  writer.text(subject);
  writer.text(data);
  writer.varint(traceparent === undefined ? HEADERS : HEADERS + 1);
  writer.raw(common);
  writeHeader(NAME.id, id);
  writeHeader(NAME.subject, subject);
  writeHeader(NAME.time, time);
  writeHeader(NAME.sequence, String(event.sequence));
  writeHeader(NAME.correlationid, correlationid);
  writeHeader(NAME.causationid, causationid);
  if (traceparent !== undefined) writeHeader(NAME.traceparent, traceparent);
  return writer.end();
}

function writeHeader(name: Buffer, value: string): void {
  writer.raw(name);
  writer.text(value);
}

/** The event type of a message, read from its headers alone; undefined where the message is no CloudEvent. */
export function typeOf(record: KafkaRecord): string | undefined {
  return nameOf(record, 'ce_type');
}

/** When its event happened. */
export function timeOf(record: KafkaRecord): string | undefined {
  return headerOf(record, 'ce_time');
}

/**
 * The event in a message, its data as `read` makes it of the JSON text; or why the message is none. Attributes this
 * version does not know are kept; of several headers of one name the last one counts.
 */
export function fromRecord<Data>(record: KafkaRecord, read: (json: string) => Data): Envelope<Data> | string {
  const cursor = new Cursor(record.bytes, record.at);
  const key = cursor.text();
  const value = cursor.text();
  let id = '';
  let source = '';
  let type = '';
  let subject = key;
  let time = '';
  let sequence = Number.NaN;
  let correlationid = '';
  let causationid = '';
  let traceparent: string | undefined;
  let unknown: Record<string, string> | undefined;
  for (let count = cursor.varint(); count > 0; count--) {
    const name = cursor.name();
    if (name === 'ce_id') id = cursor.text();
    else if (name === 'ce_type') type = cursor.name();
    else if (name === 'ce_source') source = cursor.name();
    else if (name === 'ce_subject') subject = cursor.text();
    else if (name === 'ce_time') time = cursor.text();
    else if (name === 'ce_sequence') sequence = Number(cursor.text());
    else if (name === 'ce_correlationid') correlationid = cursor.text();
    else if (name === 'ce_causationid') causationid = cursor.text();
    else if (name === 'ce_traceparent') traceparent = cursor.text();
    else if (!name.startsWith('ce_') || name === 'ce_specversion' || name === 'ce_dataschema') cursor.skipBytes();
    else (unknown ??= {})[name.slice(3)] = cursor.text();
  }
  if (!isUuid(id)) return 'ce_id is not a UUID';
  if (!isUuid(subject)) return 'neither ce_subject nor the key is an order id';
  if (source === '' || type === '') return 'ce_source or ce_type is missing';
  if (!Number.isSafeInteger(sequence) || sequence < 1) return 'ce_sequence is not a positive integer';
  const event = { id, source, type, subject, sequence, time, correlationid, causationid, data: read(value) };
  if (unknown === undefined && traceparent === undefined) return event;
  return { ...unknown, ...event, ...(traceparent === undefined ? {} : { traceparent }) };
}
