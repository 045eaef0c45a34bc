import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { ORDER_EVENTS } from '#contracts/order-events.ts';
import type { CloudEvent } from './views.ts';

/** What must be true of every order's log, whatever happened to the order. */

const ajv = new Ajv2020({ allErrors: true, strict: false });
(addFormats as unknown as (ajv: Ajv2020) => void)(ajv);

/** CloudEvents 1.0, JSON format, from the specification rather than from our code. */
const validateEnvelope = ajv.compile({
  type: 'object',
  required: ['id', 'source', 'specversion', 'type'],
  properties: {
    id: { type: 'string', minLength: 1 },
    source: { type: 'string', format: 'uri-reference', minLength: 1 },
    specversion: { const: '1.0' },
    type: { type: 'string', minLength: 1 },
    datacontenttype: { const: 'application/json' },
    // Absolute, as it must be.
    dataschema: { type: 'string', format: 'uri', pattern: '^https?://' },
    // The extension `sequence`: a text that sorts as the number does.
    sequence: { type: 'string', pattern: '^\\d{10}$' },
    sequencetype: { const: 'Integer' },
    subject: { type: 'string', format: 'uuid' },
    time: { type: 'string', format: 'date-time', pattern: 'Z$' },
    data: { type: 'object' },
  },
  // Extension attributes: lower-case letters and digits, with simple values.
  propertyNames: { pattern: '^[a-z0-9]{1,20}$' },
  additionalProperties: { type: ['string', 'integer', 'boolean'] },
});

const validators = new Map<string, ValidateFunction>(
  Object.entries(ORDER_EVENTS).map(([type, definition]) => [type, ajv.compile(definition.data)]),
);

/**
 * What is wrong with the log of an order; nothing where all are valid CloudEvents with valid data, sequences are
 * gapless per source, every id is there once, and no event stands before its cause.
 */
export function logFaults(orderId: string, events: readonly CloudEvent[]): string[] {
  const faults: string[] = [];
  const sequences = new Map<string, number>();
  const indexById = new Map(events.map((event, index) => [event.id, index]));
  if (indexById.size !== events.length) faults.push('an event id occurs twice');
  if (events[0]?.type !== 'OrderCreated' && events[0]?.type !== 'OrderImported')
    faults.push(`it begins with ${events[0]?.type}`);
  events.forEach((event, index) => {
    const fault = (what: string): void =>
      void faults.push(`event ${index} (${event.type} of ${event.source}): ${what}`);
    if (!validateEnvelope(event)) fault(ajv.errorsText(validateEnvelope.errors));
    if (event.subject !== orderId) fault(`its subject is ${event.subject}`);
    const definition = (ORDER_EVENTS as Readonly<Record<string, { readonly source: string }>>)[event.type];
    if (definition?.source !== event.source)
      fault(`${definition ? `only ${definition.source} may say this` : 'its type is unknown'}`);
    if (!event.dataschema.endsWith(`/schemas/events/${event.type}/1`)) fault(`its dataschema is ${event.dataschema}`);
    const validate = validators.get(event.type);
    if (validate && !validate(event.data)) fault(`${ajv.errorsText(validate.errors)} in ${JSON.stringify(event.data)}`);
    const before = sequences.get(event.source) ?? 0;
    const sequence = Number(event.sequence);
    if (sequence !== before + 1) fault(`its sequence ${event.sequence} follows ${before}`);
    sequences.set(event.source, sequence);
    const cause = indexById.get(event.causationid);
    if (cause !== undefined && cause >= index) fault(`it stands before its cause, event ${cause}`);
  });
  return faults.map((fault) => `log of ${orderId}: ${fault}`);
}
