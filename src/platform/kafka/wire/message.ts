import { type AuthType, type Envelope, schemaUri, sequenceText } from '#contracts/envelope.ts';
import { recordedMs } from '#contracts/ids.ts';
import { problemWith } from '#platform/kafka/cloud-event.ts';
import type { EncodedEvent } from '#platform/log/encoded.ts';
import { RecordWriter } from './encode.ts';
import { headerOf, nameOf, RecordReader, type WireRecord } from './records.ts';

/** Events as the bytes of a record's key, value and headers; what they mean is in cloud-event.ts. */

/** Attributes of every event: specversion, type, source, dataschema, sequencetype, content-type, id, subject, time, sequence and two more. */
const HEADERS = 12;
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
  authtype: nameBytes('ce_authtype'),
  authid: nameBytes('ce_authid'),
};

/** Types are few, each of one source, and every message of a type carries the same of these. */
const TYPES_MAX = 1_000;
const commonHeaders = new Map<
  string,
  { readonly source: string; readonly publicUrl: string; readonly bytes: Buffer }
>();

function commonHeadersOf({ type, source }: EncodedEvent, publicUrl: string): Buffer {
  const known = commonHeaders.get(type);
  if (known?.source === source && known.publicUrl === publicUrl) return known.bytes;
  const headers = [
    // The type comes first, so that a consumer that does not want it need not read on.
    ['ce_type', type],
    ['ce_specversion', '1.0'],
    ['ce_source', source],
    ['ce_dataschema', schemaUri(type, publicUrl)],
    ['ce_sequencetype', 'Integer'],
    ['content-type', 'application/json'],
  ] as const;
  const text = headers.flat().join('');
  writer.begin(FIXED_BYTES_MAX + UNIT_BYTES_MAX * text.length);
  for (const [name, value] of headers) {
    writer.text(name);
    writer.text(value);
  }
  const bytes = writer.end();
  if (commonHeaders.size < TYPES_MAX) commonHeaders.set(type, { source, publicUrl, bytes });
  return bytes;
}

/** Key, value and headers of an event's record; its schema is at this URL. */
export function toContent(event: EncodedEvent, publicUrl = ''): Buffer {
  const common = commonHeadersOf(event, publicUrl);
  const { id, subject, time, correlationid, causationid, traceparent, authtype, authid, data } = event;
  const units =
    id.length +
    2 * subject.length +
    time.length +
    correlationid.length +
    causationid.length +
    (traceparent?.length ?? 0) +
    (authtype?.length ?? 0) +
    (authid?.length ?? 0) +
    data.length;
  writer.begin(FIXED_BYTES_MAX + common.length + UNIT_BYTES_MAX * units);
  writer.text(subject);
  writer.text(data);
  let headers = HEADERS;
  if (traceparent !== undefined) headers++;
  if (authtype !== undefined) headers++;
  if (authid !== undefined) headers++;
  writer.varint(headers);
  writer.raw(common);
  writeHeader(NAME.id, id);
  writeHeader(NAME.subject, subject);
  writeHeader(NAME.time, time);
  writeHeader(NAME.sequence, sequenceText(event.sequence));
  writeHeader(NAME.correlationid, correlationid);
  writeHeader(NAME.causationid, causationid);
  if (traceparent !== undefined) writeHeader(NAME.traceparent, traceparent);
  if (authtype !== undefined) writeHeader(NAME.authtype, authtype);
  if (authid !== undefined) writeHeader(NAME.authid, authid);
  return writer.end();
}

/** Those that say how an event was written; the others say what it is. */
const OF_THE_FORMAT: ReadonlySet<string> = new Set(['ce_specversion', 'ce_dataschema', 'ce_sequencetype']);

function writeHeader(name: Buffer, value: string): void {
  writer.raw(name);
  writer.text(value);
}

/** The event type of a message, read from its headers alone; undefined where the message is no CloudEvent. */
export function typeOf(record: WireRecord): string | undefined {
  return nameOf(record, 'ce_type');
}

/** When its event was recorded, in ms since 1970. */
export function timeOf(record: WireRecord): number | undefined {
  return recordedMs(headerOf(record, 'ce_id'));
}

/**
 * The event in a message, its data as `read` makes it of the JSON text; or why the message is none. Attributes this
 * version does not know are kept; of several headers of one name the last one counts.
 */
export function fromRecord<Data>(record: WireRecord, read: (json: string) => Data): Envelope<Data> | string {
  const reader = new RecordReader(record.bytes, record.at);
  const key = reader.text();
  const value = reader.text();
  let id = '';
  let source = '';
  let type = '';
  let subject = key;
  let time = '';
  let sequence = Number.NaN;
  let correlationid = '';
  let causationid = '';
  let traceparent: string | undefined;
  let authtype: AuthType | undefined;
  let authid: string | undefined;
  let unknown: Record<string, string> | undefined;
  for (let count = reader.varint(); count > 0; count--) {
    const name = reader.name();
    if (name === 'ce_id') id = reader.text();
    else if (name === 'ce_type') type = reader.name();
    else if (name === 'ce_source') source = reader.name();
    else if (name === 'ce_subject') subject = reader.text();
    else if (name === 'ce_time') time = reader.text();
    else if (name === 'ce_sequence') sequence = Number(reader.text());
    else if (name === 'ce_correlationid') correlationid = reader.text();
    else if (name === 'ce_causationid') causationid = reader.text();
    else if (name === 'ce_traceparent') traceparent = reader.text();
    else if (name === 'ce_authtype') authtype = reader.name() as AuthType;
    else if (name === 'ce_authid') authid = reader.text();
    else if (!name.startsWith('ce_') || OF_THE_FORMAT.has(name)) reader.skipBytes();
    else (unknown ??= {})[name.slice(3)] = reader.text();
  }
  const problem = problemWith(id, subject, source, type, sequence);
  if (problem !== undefined) return problem;
  const event = { id, source, type, subject, sequence, time, correlationid, causationid, data: read(value) };
  if (unknown === undefined && traceparent === undefined && authtype === undefined) return event;
  return {
    ...unknown,
    ...event,
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(authtype === undefined ? {} : { authtype, authid: authid ?? '' }),
  };
}
