import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Json } from '#platform/http/description/openapi.ts';

/** What of a schema holds values and no schemas. */
const LITERAL: ReadonlySet<string> = new Set(['enum', 'const', 'examples', 'example', 'default', 'required']);
/** What each type has to say, so that whoever reads a call or an answer knows the most that can come. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  string: ['maxLength'],
  integer: ['minimum', 'maximum', 'format'],
  array: ['maxItems'],
};

function unlimited(value: unknown, path: string): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const node = value as Json;
  const closed = 'enum' in node || 'const' in node;
  const missing = [node['type']]
    .flat()
    .flatMap((type) => (closed ? [] : (NEEDED[String(type)] ?? []).filter((key) => !(key in node))));
  const inner = Object.entries(node).flatMap(([key, entry]) =>
    LITERAL.has(key) && !path.endsWith('/properties') ? [] : unlimited(entry, `${path}/${key}`),
  );
  return [...missing.map((key) => `${path}: ${key}`), ...inner];
}

test('every text, whole number and list of the API has limits', () => {
  const document = JSON.parse(readFileSync('docs/api/openapi.json', 'utf8')) as Json;
  expect(unlimited(document, '')).toEqual([]);
});

test('what has none is found', () => {
  const properties = { a: { type: ['string', 'null'] }, required: { type: 'array', items: { type: 'integer' } } };
  expect(unlimited({ schema: { type: 'object', properties } }, '')).toEqual([
    '/schema/properties/a: maxLength',
    '/schema/properties/required: maxItems',
    '/schema/properties/required/items: minimum',
    '/schema/properties/required/items: maximum',
    '/schema/properties/required/items: format',
  ]);
});
