import type { MessageToProduce } from '@platformatic/kafka';
import { type Envelope, schemaUri } from '#contracts/envelope.ts';
import { isUuid } from '#contracts/ids.ts';
import { contentOf, headerOf, type KafkaRecord } from './kafka-records.ts';

/**
 * Events on the wire: the CloudEvents 1.0 Kafka binding in binary mode. Attributes are `ce_*` headers, the value is
 * the event's JSON data alone, the key is the order id.
 */

/** An event whose data is still the JSON text it was stored as: publishing need not understand it. */
export interface EncodedEvent extends Envelope<string> {}

const HEADER = {
  specversion: Buffer.from('ce_specversion'),
  id: Buffer.from('ce_id'),
  source: Buffer.from('ce_source'),
  type: Buffer.from('ce_type'),
  subject: Buffer.from('ce_subject'),
  time: Buffer.from('ce_time'),
  dataschema: Buffer.from('ce_dataschema'),
  sequence: Buffer.from('ce_sequence'),
  correlationid: Buffer.from('ce_correlationid'),
  causationid: Buffer.from('ce_causationid'),
  traceparent: Buffer.from('ce_traceparent'),
  contentType: Buffer.from('content-type'),
};
const SPEC_VERSION = Buffer.from('1.0');
const JSON_TYPE = Buffer.from('application/json');

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

/** Types, sources and schemas are few, and every message carries one of each. */
const NAMES_MAX = 1_000;
const names = new Map<string, Buffer>();

function nameBytes(name: string): Buffer {
  let bytes = names.get(name);
  if (bytes === undefined) {
    bytes = Buffer.from(name);
    if (names.size < NAMES_MAX) names.set(name, bytes);
  }
  return bytes;
}

export function toMessage(event: EncodedEvent, topic: string, partitions: number): MessageToProduce {
  const key = Buffer.from(event.subject);
  // The type comes first, so that a consumer that does not want it need not look further.
  const headers = new Map<Buffer, Buffer>([
    [HEADER.type, nameBytes(event.type)],
    [HEADER.specversion, SPEC_VERSION],
    [HEADER.id, Buffer.from(event.id)],
    [HEADER.source, nameBytes(event.source)],
    [HEADER.subject, key],
    [HEADER.time, Buffer.from(event.time)],
    [HEADER.dataschema, nameBytes(schemaUri(event.type))],
    [HEADER.sequence, nameBytes(String(event.sequence))],
    [HEADER.correlationid, Buffer.from(event.correlationid)],
    [HEADER.causationid, Buffer.from(event.causationid)],
    [HEADER.contentType, JSON_TYPE],
  ]);
  if (event.traceparent !== undefined) headers.set(HEADER.traceparent, Buffer.from(event.traceparent));
  return { topic, key, value: Buffer.from(event.data), headers, partition: partitionOf(key, partitions) };
}

/** What a message takes in a batch, never less than it really does. */
export function messageBytes(message: MessageToProduce): number {
  let bytes = 128 + (message.key?.length ?? 0) + (message.value?.length ?? 0);
  for (const [name, value] of message.headers as Map<Buffer, Buffer>) bytes += name.length + value.length + 10;
  return bytes;
}

/** The event type of a message, read from its headers alone; undefined where the message is no CloudEvent. */
export function typeOf(record: KafkaRecord): string | undefined {
  return headerOf(record, 'ce_type');
}

/** When its event happened. */
export function timeOf(record: KafkaRecord): string | undefined {
  return headerOf(record, 'ce_time');
}

const KNOWN = new Set([
  'specversion',
  'id',
  'source',
  'type',
  'subject',
  'time',
  'dataschema',
  'sequence',
  'correlationid',
  'causationid',
  'traceparent',
]);

/** The event in a message, or why it is none. Attributes this version does not know are kept. */
export function fromRecord(record: KafkaRecord): Envelope | string {
  const { key, value, headers } = contentOf(record);
  const unknown: Record<string, string> = {};
  for (const [name, text] of headers)
    if (name.startsWith('ce_') && !KNOWN.has(name.slice(3))) unknown[name.slice(3)] = text;
  const id = headers.get('ce_id') ?? '';
  const source = headers.get('ce_source') ?? '';
  const type = headers.get('ce_type') ?? '';
  const subject = headers.get('ce_subject') ?? key;
  const sequence = Number(headers.get('ce_sequence'));
  const traceparent = headers.get('ce_traceparent');
  if (!isUuid(id)) return 'ce_id is not a UUID';
  if (!isUuid(subject)) return 'neither ce_subject nor the key is an order id';
  if (source === '' || type === '') return 'ce_source or ce_type is missing';
  if (!Number.isSafeInteger(sequence) || sequence < 1) return 'ce_sequence is not a positive integer';
  const event = {
    ...unknown,
    id,
    source,
    type,
    subject,
    sequence,
    time: headers.get('ce_time') ?? '',
    correlationid: headers.get('ce_correlationid') ?? '',
    causationid: headers.get('ce_causationid') ?? '',
    data: parseData(value),
  };
  return traceparent === undefined ? event : { ...event, traceparent };
}

/** Data that is no JSON stays text: the service's rules refuse it and its order is parked with what was found. */
function parseData(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
