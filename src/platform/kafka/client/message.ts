import type { MessageToProduce } from '@platformatic/kafka';
import { type Envelope, schemaUri, sequenceText } from '#contracts/envelope.ts';
import { problemWith } from '#platform/kafka/cloud-event.ts';
import type { FetchedRecord, RecordContent } from '#platform/kafka/ports.ts';
import type { EncodedEvent } from '#platform/log/encoded.ts';

/** Events as messages of the client: an object of buffers each. What they mean is in cloud-event.ts. */

/** Bytes of a length before a key, a value or a part of a header, at most. */
const LENGTH_BYTES_MAX = 5;

export interface ClientContent extends RecordContent {
  readonly message: Pick<MessageToProduce, 'key' | 'value' | 'headers'>;
}

export interface ClientRecord extends FetchedRecord {
  readonly key: string;
  readonly value: string;
  /** Of several headers of one name the last one counts. */
  readonly headers: ReadonlyMap<string, string>;
}

export function toContent(event: EncodedEvent, publicUrl = ''): ClientContent {
  const headers: [string, string][] = [
    ['ce_type', event.type],
    ['ce_specversion', '1.0'],
    ['ce_source', event.source],
    ['ce_dataschema', schemaUri(event.type, publicUrl)],
    ['ce_sequencetype', 'Integer'],
    ['content-type', 'application/json'],
    ['ce_id', event.id],
    ['ce_subject', event.subject],
    ['ce_time', event.time],
    ['ce_sequence', sequenceText(event.sequence)],
    ['ce_correlationid', event.correlationid],
    ['ce_causationid', event.causationid],
  ];
  if (event.traceparent !== undefined) headers.push(['ce_traceparent', event.traceparent]);
  if (event.authtype !== undefined) headers.push(['ce_authtype', event.authtype]);
  if (event.authid !== undefined) headers.push(['ce_authid', event.authid]);
  const texts = [event.subject, event.data, ...headers.flat()].map((text) => Buffer.from(text));
  const [key, value, ...pairs] = texts as [Buffer, Buffer, ...Buffer[]];
  const buffers = new Map(headers.map((_, i) => [pairs[2 * i]!, pairs[2 * i + 1]!]));
  const length = texts.reduce((sum, bytes) => sum + bytes.length + LENGTH_BYTES_MAX, LENGTH_BYTES_MAX);
  return { length, message: { key, value, headers: buffers } };
}

/** The event in a record, or why it is none; attributes this version does not know are kept. */
export function fromRecord<Data>(
  { key, value, headers }: ClientRecord,
  read: (json: string) => Data,
): Envelope<Data> | string {
  const attributes = attributesOf(headers);
  const { id = '', source = '', type = '', subject = key, time = '' } = attributes;
  const { correlationid = '', causationid = '' } = attributes;
  const sequence = Number(attributes['sequence'] ?? Number.NaN);
  const problem = problemWith(id, subject, source, type, sequence);
  if (problem !== undefined) return problem;
  return { ...attributes, id, source, type, subject, sequence, time, correlationid, causationid, data: read(value) };
}

/** Those that say what the event is; the rest say how it was written. */
const OF_THE_FORMAT = new Set(['ce_specversion', 'ce_dataschema', 'ce_sequencetype']);

function attributesOf(headers: ReadonlyMap<string, string>): Partial<Record<string, string>> {
  const attributes: Record<string, string> = {};
  for (const [name, text] of headers)
    if (name.startsWith('ce_') && !OF_THE_FORMAT.has(name)) attributes[name.slice(3)] = text;
  return attributes;
}
