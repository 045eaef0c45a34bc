import { type Static, type TSchema, Type } from 'typebox';

/**
 * An event as the services hold it: CloudEvents 1.0 attributes plus the extensions `sequence` (1, 2, 3 …
 * without gaps for one source and one order), correlation, causation and trace context. An envelope is
 * shared between consumers of a process and must never be modified.
 */
export interface Envelope<Data = unknown> {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  /** The order id; also the key on the bus. */
  readonly subject: string;
  readonly sequence: number;
  readonly time: string;
  readonly correlationid: string;
  /** Id of the event or command behind this event. */
  readonly causationid: string;
  readonly traceparent?: string | undefined;
  /** Who caused it, where that was a principal of the API and no service by itself: the extension Auth Context. */
  readonly authtype?: AuthType | undefined;
  readonly authid?: string | undefined;
  readonly data: Data;
}

/** Kinds of principals, as the CloudEvents extension Auth Context calls them. */
export const AUTH_TYPES = ['api_key', 'user', 'app_user', 'system'] as const;
export type AuthType = (typeof AUTH_TYPES)[number];

/** The trace id of a W3C trace context. */
export function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, 35);
}

/** The id of the span in a W3C trace context. */
export function spanIdOf(traceparent: string): string {
  return traceparent.slice(36, 52);
}

/** Of 2^31 - 1, the largest number of the extension `sequence` with the type Integer. */
const SEQUENCE_DIGITS = 10;

/** Of the data of an event as JSON, at most: with its headers it stays below 1 MiB, which Kafka takes by default. */
export const EVENT_MAX_BYTES = 900_000;

/** A number as the CloudEvents extension `sequence` holds it: a text that sorts like the number. */
export function sequenceText(sequence: number): string {
  return String(sequence).padStart(SEQUENCE_DIGITS, '0');
}

/** A CloudEvents 1.0 object in JSON format, as `GET /orders/{id}/events` returns it. */
export const CloudEvent = Type.Object(
  {
    specversion: Type.Literal('1.0'),
    id: Type.String({ format: 'uuid' }),
    source: Type.String({ examples: ['/olms/orders'] }),
    type: Type.String({ examples: ['OrderCreated'] }),
    subject: Type.String({ format: 'uuid', description: 'The order id' }),
    time: Type.String({ format: 'date-time' }),
    datacontenttype: Type.Literal('application/json'),
    dataschema: Type.String({ format: 'uri', description: 'Where the JSON Schema of the data is published' }),
    sequence: Type.String({
      pattern: `^\\d{${SEQUENCE_DIGITS}}$`,
      description:
        '1, 2, 3 … without gaps for one source and one order, with leading zeros, so that it sorts as text; with both it recognizes a duplicate',
      examples: ['0000000001'],
    }),
    sequencetype: Type.Literal('Integer'),
    correlationid: Type.String(),
    causationid: Type.String(),
    traceparent: Type.Optional(Type.String()),
    authtype: Type.Optional(
      Type.String({
        enum: [...AUTH_TYPES],
        description:
          'What kind of principal caused it: an API key, a person who works here, a customer, or a service by itself',
      }),
    ),
    authid: Type.Optional(
      Type.String({ description: 'Who that is: the name of the key, person, customer or service' }),
    ),
    data: Type.Unknown(),
  },
  { $id: 'CloudEvent', description: 'CloudEvents 1.0, JSON format' },
);
export type CloudEvent = Static<typeof CloudEvent>;

/** URI of the published schema of an event type, the `dataschema` attribute; a path where there is no public URL. */
export function schemaUri(type: string, publicUrl = ''): string {
  return `${publicUrl}/schemas/events/${type}/1`;
}

const WITHHELD = 'withheld';

/** The payload as callers may see it: a payment token buys things, so it stays between the services. */
function withoutToken(type: string, data: unknown): unknown {
  if (type === 'OrderPaymentRequested') return { ...(data as object), token: WITHHELD };
  if (type !== 'OrderCreated') return data;
  const order = data as { payment: object };
  return { ...order, payment: { ...order.payment, token: WITHHELD } };
}

/** A payload that was edited as {@link toCloudEvent} shows it: what was withheld is as the event itself says it. */
export function withOwnToken({ type, data: own }: Pick<Envelope, 'type' | 'data'>, edited: unknown): unknown {
  if (typeof edited !== 'object' || edited === null) return edited;
  if (type === 'OrderPaymentRequested') {
    const { token } = own as { token: string };
    return (edited as { token?: unknown }).token === WITHHELD ? { ...edited, token } : edited;
  }
  const { payment } = edited as { payment?: { token?: unknown } };
  if (type !== 'OrderCreated' || payment?.token !== WITHHELD) return edited;
  return { ...edited, payment: { ...payment, token: (own as { payment: { token: string } }).payment.token } };
}

/** Name of the service that is a source. */
function serviceOf(source: string): string {
  return source.slice(source.lastIndexOf('/') + 1);
}

/** The event as the API at this URL shows it: CloudEvents JSON format, without payment tokens. */
export function toCloudEvent(event: Envelope, publicUrl: string): CloudEvent {
  return {
    specversion: '1.0',
    id: event.id,
    source: event.source,
    type: event.type,
    subject: event.subject,
    time: event.time,
    datacontenttype: 'application/json',
    dataschema: schemaUri(event.type, publicUrl),
    sequence: sequenceText(event.sequence),
    sequencetype: 'Integer',
    correlationid: event.correlationid,
    causationid: event.causationid,
    ...(event.traceparent === undefined ? {} : { traceparent: event.traceparent }),
    authtype: event.authtype ?? 'system',
    authid: event.authid ?? serviceOf(event.source),
    data: withoutToken(event.type, event.data),
  };
}

/** One event type: everything about it is derived from this value (type, JSON Schema, AsyncAPI, tests). */
export interface EventDefinition<Schema extends TSchema = TSchema> {
  readonly source: string;
  readonly meaning: string;
  readonly data: Schema;
  readonly example: Static<Schema>;
}

export function defineEvent<Schema extends TSchema>(definition: EventDefinition<Schema>): EventDefinition<Schema> {
  return definition;
}
