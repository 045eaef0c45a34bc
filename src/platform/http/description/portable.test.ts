import { expect, test } from 'vitest';
import { listParameter, portable } from './portable.ts';

const text = { type: 'string', maxLength: 5 };
const list = { type: 'array', items: text, maxItems: 9 };

test.each([
  [
    'values',
    {
      anyOf: [
        { type: 'string', const: 'a' },
        { type: 'string', const: 'b' },
      ],
    },
    { type: 'string', enum: ['a', 'b'] },
  ],
  [
    'texts',
    { anyOf: [text, { type: 'string', maxLength: 9 }], description: 'x' },
    { type: 'string', maxLength: 9, description: 'x' },
  ],
  ['a text or null', { anyOf: [text, { type: 'null' }] }, { type: ['string', 'null'], maxLength: 5 }],
  ['a list or null', { anyOf: [list, { type: 'null' }] }, { anyOf: [list, { type: 'null' }] }],
  [
    'something named or null',
    { anyOf: [{ ...text, title: 'N' }, { type: 'null' }] },
    { anyOf: [{ ...text, title: 'N' }, { type: 'null' }] },
  ],
  [
    'which fields come together',
    { type: 'object', anyOf: [{ required: ['a'] }, { required: ['b'] }] },
    { type: 'object' },
  ],
  ['any names', { type: 'object', patternProperties: { '^.*$': {} } }, { type: 'object', additionalProperties: true }],
  ['no bounds', { type: 'string' }, { type: 'string', maxLength: 1_000_000 }],
  ['an id', { type: 'string', format: 'uuid' }, { type: 'string', format: 'uuid', maxLength: 36 }],
  ['a text or null without bounds', { type: ['string', 'null'] }, { type: ['string', 'null'], maxLength: 1_000_000 }],
  ['bounds of its own', text, text],
  [
    'a small number',
    { type: 'integer', minimum: 1, maximum: 2_147_483_647 },
    { type: 'integer', minimum: 1, maximum: 2_147_483_647, format: 'int32' },
  ],
  [
    'a number',
    { type: 'integer', minimum: 0 },
    { type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER, format: 'int64' },
  ],
])('%s are said so that generators understand them', (_what, schema, said) => {
  expect(portable(schema)).toEqual(said);
});

test('a parameter that may come several times is a list', () => {
  expect(listParameter({ anyOf: [text, list] })).toBe(list);
  expect(listParameter(text)).toBe(text);
});
