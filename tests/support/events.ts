import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { expect } from 'vitest';
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
    dataschema: { type: 'string', format: 'uri-reference', minLength: 1 },
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

/** Valid CloudEvents with valid data, gapless sequences per source, every id once, no event before its cause. */
export function expectSoundLog(orderId: string, events: readonly CloudEvent[]): void {
  const sequences = new Map<string, number>();
  const indexById = new Map(events.map((event, index) => [event.id, index]));
  expect(indexById.size, 'ids are unique').toBe(events.length);
  expect(events[0]?.type).toBe('OrderCreated');
  events.forEach((event, index) => {
    const what = `event ${index} (${event.type} of ${event.source})`;
    expect(validateEnvelope(event) || ajv.errorsText(validateEnvelope.errors), what).toBe(true);
    expect(event.subject, what).toBe(orderId);
    const definition = (ORDER_EVENTS as Readonly<Record<string, { readonly source: string }>>)[event.type];
    expect(definition?.source, what).toBe(event.source);
    expect(event.dataschema, what).toBe(`/schemas/events/${event.type}/1`);
    const validate = validators.get(event.type)!;
    expect(validate(event.data) || `${ajv.errorsText(validate.errors)} in ${JSON.stringify(event.data)}`, what).toBe(true);
    expect(event.sequence, `${what}: sequence`).toBe((sequences.get(event.source) ?? 0) + 1);
    sequences.set(event.source, event.sequence);
    const cause = indexById.get(event.causationid);
    if (cause !== undefined) expect(cause, `${what} stands before its cause`).toBeLessThan(index);
  });
}

export function typesOf(events: readonly CloudEvent[], source?: string): string[] {
  return events.filter((event) => source === undefined || event.source === `/olms/${source}`).map((event) => event.type);
}
