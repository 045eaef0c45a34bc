import { describe, expect, test } from 'vitest';
import { incompatibilities, isWidening } from './compatibility.ts';
import { type JsonObject, sorted } from './json.ts';

const published: JsonObject = {
  title: 'OrderShipped',
  description: 'Everything left.',
  'x-source': '/olms/orders',
  type: 'object',
  required: ['shipmentId', 'items', 'status'],
  properties: {
    shipmentId: { type: 'string', format: 'uuid' },
    note: { type: 'string', maxLength: 200 },
    status: {
      anyOf: [
        { type: 'string', const: 'SENT' },
        { type: 'string', const: 'LOST' },
      ],
    },
    items: {
      type: 'array',
      items: {
        type: 'object',
        required: ['sku'],
        properties: { sku: { type: 'string' }, quantity: { type: 'integer', minimum: 1 } },
      },
    },
  },
};

/** The published schema after a change, and what the check says about it. */
function after(change: (schema: ReturnType<typeof copy>) => void): string[] {
  const changed = copy();
  change(changed);
  return incompatibilities(sorted(published) as JsonObject, sorted(changed as unknown as JsonObject) as JsonObject);
}

interface Editable {
  [keyword: string]: unknown;
  required: string[];
  properties: Record<string, Record<string, unknown>>;
}

function copy(): Editable {
  return JSON.parse(JSON.stringify(published)) as Editable;
}

function itemOf(schema: Editable): Editable {
  return schema.properties['items']!['items'] as Editable;
}

describe('a published event schema may', () => {
  test('stay as it is', () => {
    expect(after(() => {})).toEqual([]);
  });
  test('get an optional field, at any depth', () => {
    expect(after((schema) => (schema.properties['carrier'] = { type: 'string' }))).toEqual([]);
    expect(after((schema) => (itemOf(schema).properties['serial'] = { type: 'string' }))).toEqual([]);
  });
  test('get a new value of an enumeration', () => {
    expect(after((schema) => (schema.properties['status'] = { enum: ['SENT', 'LOST', 'FOUND'] }))).toEqual([]);
  });
  test('be described in better words', () => {
    expect(
      after((schema) => {
        schema['description'] = 'All parcels left.';
        schema.properties['note']!['description'] = 'For the customer';
      }),
    ).toEqual([]);
  });
});

test('a field that was widened knowingly may be wider than published, and nothing else', () => {
  expect(isWidening('OrderCreated', 'data.customerId is no longer required')).toBe(true);
  expect(isWidening('OrderCreated', 'format of data.customerId changed from "uuid" to nothing')).toBe(true);
  expect(isWidening('OrderAmended', 'maxLength of data.contact.phone changed from 40 to 100')).toBe(true);
  expect(isWidening('OrderCreated', 'data.customerId was removed')).toBe(false);
  expect(isWidening('OrderCreated', 'type of data.customerId changed from "string" to "integer"')).toBe(false);
  expect(isWidening('OrderCreated', 'data.currency is no longer required')).toBe(false);
  expect(isWidening('OrderPaid', 'data.customerId is no longer required')).toBe(false);
});

describe('a published event schema may not', () => {
  const violations: Readonly<Record<string, [change: (schema: Editable) => void, says: string]>> = {
    'lose a required field': [
      (schema) => {
        delete schema.properties['shipmentId'];
        schema.required = ['items', 'status'];
      },
      'data.shipmentId was removed',
    ],
    'lose an optional field': [(schema) => delete schema.properties['note'], 'data.note was removed'],
    'lose a field of an entry': [
      (schema) => delete itemOf(schema).properties['quantity'],
      'data.items[].quantity was removed',
    ],
    'get a required field': [
      (schema) => {
        schema.properties['carrier'] = { type: 'string' };
        schema.required.push('carrier');
      },
      'data.carrier is new and required',
    ],
    'require what was optional': [(schema) => schema.required.push('note'), 'data.note became required'],
    'leave out what was always there': [
      (schema) => (schema.required = ['items', 'status']),
      'data.shipmentId is no longer required',
    ],
    'change a type': [
      (schema) => (schema.properties['note'] = { type: 'integer', maxLength: 200 }),
      'type of data.note changed from "string" to "integer"',
    ],
    'change the type of an entry': [
      (schema) => (itemOf(schema).properties['quantity'] = { type: 'string' }),
      'type of data.items[].quantity changed from "integer" to "string"',
    ],
    'turn entries into something else': [
      (schema) => delete schema.properties['items']!['items'],
      'data.items has other entries',
    ],
    'narrow an enumeration': [
      (schema) => (schema.properties['status'] = { enum: ['SENT'] }),
      'data.status can no longer be "LOST"',
    ],
    'turn a text into an enumeration': [
      (schema) => (schema.properties['note'] = { enum: ['fragile'] }),
      'data.note was limited to "fragile"',
    ],
    'tighten a limit': [
      (schema) => (schema.properties['note']!['maxLength'] = 50),
      'maxLength of data.note changed from 200 to 50',
    ],
    'refuse unknown fields': [
      (schema) => (schema['additionalProperties'] = false),
      'additionalProperties of data changed from nothing to false',
    ],
    'come from another service': [
      (schema) => (schema['x-source'] = '/olms/shipping'),
      'x-source of data changed from "/olms/orders" to "/olms/shipping"',
    ],
  };
  for (const [name, [change, says]] of Object.entries(violations)) {
    test(name, () => expect(after(change)).toContain(says));
  }
});
