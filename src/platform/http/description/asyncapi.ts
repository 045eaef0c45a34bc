import { CloudEvent, schemaUri, sequenceText } from '#contracts/envelope.ts';
import { type EventType, ORDER_EVENTS, SOURCES } from '#contracts/order-events.ts';
import type { Json } from './openapi.ts';

/** What is published about events, for programs: the JSON Schema of each and the AsyncAPI document. */

/** Plain JSON of a schema value, without what the schema library keeps beside it. */
function plain(value: unknown): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}

export const EVENT_TYPES = Object.keys(ORDER_EVENTS) as EventType[];

export function isEventType(type: string): type is EventType {
  return Object.hasOwn(ORDER_EVENTS, type);
}

/** The published JSON Schema of an event's data, at the address its `dataschema` attribute names; a path where there is no public URL. */
export function eventSchema(type: EventType, publicUrl = ''): Json {
  const { source, meaning, data, example } = ORDER_EVENTS[type];
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: schemaUri(type, publicUrl),
    title: type,
    description: meaning,
    'x-source': source,
    ...plain(data),
    examples: [example],
  };
}

const EXAMPLE_ID = '0192f0c1-2a3b-7c4d-8e5f-0123456789ab';
const EXAMPLE_EVENT_ID = '0192f0c1-2a3b-7d01-9c2e-89abcdef0123';
const EXAMPLE_TIME = '2026-11-22T12:00:00.000Z';
const JSON_TYPE = 'application/json';
const TOPIC = 'order-events';
/** Where the API is reached unless a setting says otherwise. */
const DEFAULT_URL = 'http://127.0.0.1:8080';

/** Attributes that an event may lack; without the last two it was caused by the service that is its source. */
const SOMETIMES: ReadonlySet<string> = new Set(['ce_traceparent', 'ce_authtype', 'ce_authid']);

/** The headers of the CloudEvents Kafka binding in binary mode: each attribute of the envelope as text. */
function cloudEventHeaders(): Json {
  const { data: _data, datacontenttype: _type, ...attributes } = plain(CloudEvent.properties) as Record<string, Json>;
  const text = ({ description, format, pattern, const: only, enum: words }: Json): Json => ({
    type: 'string',
    ...(words !== undefined && { enum: words }),
    ...(pattern !== undefined && { pattern }),
    ...(description !== undefined && { description }),
    ...(format !== undefined && { format }),
    ...(only !== undefined && { const: only }),
  });
  const headers = Object.fromEntries(Object.entries(attributes).map(([name, schema]) => [`ce_${name}`, text(schema)]));
  return {
    type: 'object',
    description: 'CloudEvents 1.0, Kafka binding, binary mode. A consumer can skip a type without parsing the value.',
    properties: { ...headers, 'content-type': { type: 'string', const: JSON_TYPE } },
    required: [...Object.keys(headers).filter((name) => !SOMETIMES.has(name)), 'content-type'],
  };
}

function message(type: EventType, publicUrl: string): Json {
  const { source, meaning, data, example } = ORDER_EVENTS[type];
  const dataschema = schemaUri(type, publicUrl);
  return {
    name: type,
    title: type,
    summary: meaning,
    contentType: JSON_TYPE,
    correlationId: { location: '$message.header#/ce_correlationid' },
    headers: {
      allOf: [
        { $ref: '#/components/schemas/CloudEventHeaders' },
        {
          type: 'object',
          properties: { ce_type: { const: type }, ce_source: { const: source }, ce_dataschema: { const: dataschema } },
        },
      ],
    },
    payload: plain(data),
    bindings: { kafka: { key: { type: 'string', format: 'uuid', description: 'The order id' } } },
    examples: [
      {
        name: type,
        headers: {
          ce_specversion: '1.0',
          ce_id: EXAMPLE_EVENT_ID,
          ce_source: source,
          ce_type: type,
          ce_subject: EXAMPLE_ID,
          ce_time: EXAMPLE_TIME,
          ce_dataschema: dataschema,
          ce_sequence: sequenceText(1),
          ce_sequencetype: 'Integer',
          ce_correlationid: 'checkout-4711',
          ce_causationid: EXAMPLE_EVENT_ID,
          'content-type': JSON_TYPE,
        },
        payload: example,
      },
    ],
  };
}

/** The AsyncAPI 3.0 document: one topic, every message with its headers, schema and example. */
export function asyncApi(version: string, publicUrl = DEFAULT_URL): Json {
  const channel = { $ref: `#/channels/${TOPIC}` };
  const ofSource = (source: string): EventType[] => EVENT_TYPES.filter((type) => ORDER_EVENTS[type].source === source);
  const operations = Object.entries(SOURCES).map(([service, source]): [string, Json] => [
    service,
    {
      action: 'send',
      channel,
      summary: `What the ${service} service says`,
      messages: ofSource(source).map((type) => ({ $ref: `#/channels/${TOPIC}/messages/${type}` })),
    },
  ]);
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'OLMS events',
      version,
      description:
        'Every event about an order, whichever service says it, in one ordered log per order. Events are additive: a new optional field or a new value of an enumeration may appear, a changed meaning is a new type. A consumer may meet an event twice, and recognizes it by source, order and sequence.',
    },
    defaultContentType: JSON_TYPE,
    channels: {
      [TOPIC]: {
        address: TOPIC,
        title: 'Order events',
        description:
          'Key of a message is the order id, so the events of one order are read in the order they happened.',
        messages: Object.fromEntries(EVENT_TYPES.map((type) => [type, { $ref: `#/components/messages/${type}` }])),
        bindings: { kafka: { topic: TOPIC } },
      },
    },
    operations: Object.fromEntries(operations),
    components: {
      schemas: { CloudEventHeaders: cloudEventHeaders() },
      messages: Object.fromEntries(EVENT_TYPES.map((type) => [type, message(type, publicUrl)])),
    },
  };
}
