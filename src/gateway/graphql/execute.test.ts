import { buildSchema, execute as library, type GraphQLObjectType, type GraphQLSchema, parse, validate } from 'graphql';
import { describe, expect, test } from 'vitest';
import { execute } from './execute.ts';

/** What the fast execution answers is what the library answers. */

function schemaWith(resolvers: Readonly<Record<string, (source: never, args: never) => unknown>>): GraphQLSchema {
  const schema = buildSchema(`
    enum Color { RED GREEN }
    type Part { id: ID! name: String weight: Float! color: Color parts: [Part!]! whole: Thing }
    type Thing { id: ID! name: String count: Int! flag: Boolean parts: [Part!]! maybe: [Part] must: Part! lazy(n: Int = 2, c: Color): [Part!] }
    type Query { thing(id: ID): Thing things: [Thing!]! number: Int! broken: String brokenMust: String! none: Thing }
  `);
  for (const [name, resolve] of Object.entries(resolvers)) {
    const [type, field] = name.split('.') as [string, string];
    (schema.getType(type) as GraphQLObjectType).getFields()[field]!.resolve = resolve as never;
  }
  return schema;
}

const part = (id: string, rest: object = {}): object => ({
  id,
  name: `part ${id}`,
  weight: 1.5,
  color: 'RED',
  parts: [],
  ...rest,
});
const thing = (id: string, rest: object = {}): object => ({
  id,
  name: null,
  count: 3,
  flag: true,
  parts: [part('a'), part('b', { parts: [part('c')] })],
  maybe: [part('d'), null],
  must: part('e'),
  ...rest,
});
const later = async <Value>(value: Value): Promise<Value> => value;

const SCHEMA = schemaWith({
  'Query.thing': (_source: never, { id }: never) => later(id === 'x' ? null : thing(id ?? '1')),
  'Query.things': () => [thing('1'), thing('2', { must: null }), thing('3')],
  'Query.number': () => later(7),
  'Query.broken': () => Promise.reject(new Error('broken')),
  'Query.brokenMust': () => {
    throw new Error('must not');
  },
  'Query.none': () => undefined,
  'Thing.lazy': (_source: never, { n, c }: never) =>
    later(Array.from({ length: n }, (_, i) => part(`l${i}`, { color: c ?? 'BLUE' }))),
  'Part.whole': ({ id }: never) =>
    id === 'b' ? Promise.reject(new Error('no whole')) : later(thing(`of ${String(id)}`)),
});

const DOCUMENTS: Readonly<Record<string, string>> = {
  'values of every kind':
    '{ thing(id: "1") { id name count flag parts { id weight color parts { id } } maybe { id } must { name } __typename } number }',
  'aliases and a field that is said twice':
    '{ a: thing(id: "1") { x: id id parts { id } parts { name } } b: thing(id: "2") { id } thing { id } }',
  'fragments, inline ones too, spread in several places': `
    { a: thing { ...T parts { name } } b: thing { ...T } ... on Query { number } }
    fragment T on Thing { id parts { ...P } must { ...P weight } } fragment P on Part { id }`,
  'fields that are included, or not': `query ($yes: Boolean = true, $no: Boolean = false) {
    number @skip(if: $yes) thing @include(if: $yes) { id @include(if: $no) name ... @skip(if: $no) { count } ...F @include(if: $no) } }
    fragment F on Thing { flag }`,
  'arguments, defaults and variables':
    'query ($n: Int, $c: Color) { thing(id: "1") { lazy(n: $n, c: $c) { id color } two: lazy(c: GREEN) { id color } } }',
  'what is not there': '{ none { id } thing(id: "x") { id must { id } } }',
  'an error beside what went well': '{ broken number thing { id } }',
  'an error that takes everything along': '{ number brokenMust thing { id } }',
  'null where there must be something, in a list that must be there': '{ things { id must { id } } }',
  'an error in a field of an entry': '{ thing { parts { id whole { id } } } }',
  'a value that is none of its enumeration': '{ thing { lazy(n: 1) { color } } }',
  'the schema': '{ __schema { queryType { name } } __type(name: "Part") { name } number }',
  'two operations': 'query A { number } query B { thing { id } }',
};

describe('a query is answered as by the library', () => {
  test.each(Object.entries(DOCUMENTS))('%s', async (_name, text) => {
    const document = parse(text);
    expect(validate(SCHEMA, document)).toEqual([]);
    const sets = text.includes('$n') ? [{}, { n: 0 }, { n: 3, c: 'RED' }, { n: null }] : [{}];
    for (const variableValues of sets) {
      const args = { schema: SCHEMA, document, variableValues, operationName: text.includes('query B') ? 'B' : null };
      const plain = (result: unknown): unknown => JSON.parse(JSON.stringify(result));
      const [ours, theirs] = [await execute(args), await library(args)];
      const messages = ({ errors = [] }: typeof ours): string[] => errors.map(({ path }) => String(path)).toSorted();
      expect(plain(ours.data ?? null)).toEqual(plain(theirs.data ?? null));
      expect(messages(ours)).toEqual(messages(theirs));
    }
  });

  test('variables that do not fit', async () => {
    const document = parse('query ($c: Color!) { thing { lazy(c: $c) { id } } }');
    for (const variableValues of [{}, { c: 'BLUE' }, { c: 7 }]) {
      const args = { schema: SCHEMA, document, variableValues };
      expect((await execute(args)).errors).toEqual((await library(args)).errors);
    }
  });
});
