import { createHash, randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { getIntrospectionQuery } from 'graphql';
import { serverAudits } from 'graphql-http';
import { beforeAll, describe, expect, test } from 'vitest';
import { Graph } from '#tests/support/graph.ts';
import { useSystem } from '#tests/support/system.ts';

/** What `POST /graphql` refuses before anything is executed, and how it speaks HTTP. */

const system = useSystem();
const graph = (): Graph => new Graph(system.api);

/** Better than what a person would call at once; generous, because other tests run beside. */
const REFUSED_WITHIN_MS = 500;

const nested = (levels: number): string =>
  `{ payments { nodes { ${'order { payments { '.repeat(levels)} status ${'} }'.repeat(levels)} } } }`;

const HOSTILE: Readonly<Record<string, readonly [document: string, code: string]>> = {
  'a thousand aliases': [
    `{ ${Array.from({ length: 1_000 }, (_, i) => `a${i}: dashboard { total }`).join(' ')} }`,
    'GRAPHQL_TOO_COMPLEX',
  ],
  'aliases within the tokens': [
    `{ ${Array.from({ length: 100 }, (_, i) => `a${i}: __typename`).join(' ')} }`,
    'GRAPHQL_TOO_COMPLEX',
  ],
  'a field said a thousand times': [`{ ${'__typename '.repeat(1_000)} }`, 'GRAPHQL_TOO_COMPLEX'],
  'fifty levels': [nested(25), 'GRAPHQL_TOO_COMPLEX'],
  'ten thousand levels': [`${'{ a '.repeat(10_000)}${'}'.repeat(10_000)}`, 'GRAPHQL_TOO_COMPLEX'],
  'fragments in a circle': [
    '{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }',
    'GRAPHQL_TOO_COMPLEX',
  ],
  'a fragment in itself': ['{ __typename } fragment A on Query { ...A }', 'GRAPHQL_TOO_COMPLEX'],
  'fragments that double each other': [
    `{ ...F0 } ${Array.from({ length: 40 }, (_, i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`).join(' ')} fragment F40 on Query { a: __typename }`,
    'GRAPHQL_TOO_COMPLEX',
  ],
  'ten thousand directives': [`{ __typename ${'@include(if: true) '.repeat(10_000)} }`, 'GRAPHQL_TOO_COMPLEX'],
  'a hundred directives': [`{ __typename ${'@a '.repeat(100)} }`, 'GRAPHQL_TOO_COMPLEX'],
  'lists in lists': [
    '{ orders(first: 200) { nodes { payments { order { shipments { order { id } } } } } } }',
    'GRAPHQL_TOO_COMPLEX',
  ],
  'what is no document': ['{ orders(', 'GRAPHQL_INVALID'],
  nothing: ['', 'GRAPHQL_INVALID'],
};

beforeAll(async () => {
  await graph().done('{ __typename }');
});

describe('a document is refused before anything of it is done', () => {
  test.each(Object.entries(HOSTILE))('%s', async (_name, [document, code]) => {
    const beginMs = performance.now();
    expect((await graph().refused(document)).code).toBe(code);
    expect(performance.now() - beginMs).toBeLessThan(REFUSED_WITHIN_MS);
  });

  test('a list of operations, and what is no request', async () => {
    const { api } = system;
    const call = async (body: unknown): Promise<readonly [number, string | undefined]> => {
      const answer = await api.call<{ errors?: { extensions: { code: string } }[]; code?: string }>(
        'POST',
        '/graphql',
        { body },
      );
      return [answer.status, answer.body.errors?.[0]?.extensions.code ?? answer.body.code];
    };
    expect(await call(Array.from({ length: 100 }, () => ({ query: '{ __typename }' })))).toEqual([
      400,
      'GRAPHQL_INVALID',
    ]);
    expect(await call({ query: 7 })).toEqual([400, 'GRAPHQL_INVALID']);
    expect(await call({ query: '{ __typename }', variables: [1] })).toEqual([400, 'GRAPHQL_INVALID']);
    const depth = 10_000;
    const deep = `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
    expect(await call(`{"query":"query ($v: JSON) { __typename }","variables":{"v":${deep}}}`)).toEqual([
      200,
      'GRAPHQL_TOO_COMPLEX',
    ]);
    expect(await call('{'.repeat(depth))).toEqual([400, 'MALFORMED_JSON']);
    expect(await call(`"${'x'.repeat(2 * 1024 * 1024)}"`)).toEqual([413, 'PAYLOAD_TOO_LARGE']);
    const bomb = await api.call('POST', '/graphql', {
      body: gzipSync(Buffer.alloc(10 * 1024 * 1024)),
      headers: { 'content-encoding': 'gzip' },
    });
    expect([bomb.status, (bomb.body as { code: string }).code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
  });

  test('variables that do not fit', async () => {
    const query = 'query ($id: ID!, $first: Int) { order(id: $id) { id } orders(first: $first) { nodes { id } } }';
    for (const variables of [{}, { id: {} }, { id: 'x', first: 'many' }])
      expect((await graph().refused(query, variables)).code).toBe('GRAPHQL_INVALID');
  });
});

test('the cost is worked out before, and said', async () => {
  const cost = async (document: string, variables = {}): Promise<unknown> =>
    (await graph().done(document, variables)).extensions?.cost;
  expect(await cost('{ __typename }')).toEqual({ requested: 0, max: 5_000 });
  expect(await cost('{ dashboard { total } }')).toEqual({ requested: 1, max: 5_000 });
  // The list, each of ten orders, and of each five lines and five payments.
  const listed = 'query ($n: Int = 10) { orders(first: $n) { nodes { id items { sku } payments { status } } } }';
  expect(await cost(listed)).toEqual({ requested: 1 + 10 * 3, max: 5_000 });
  expect(await cost(listed, { n: 200 })).toEqual({ requested: 1 + 200 * 3, max: 5_000 });
  // It counts as that many calls, too: one for each 50.
  const { headers } = await graph().call(listed, { n: 200 });
  expect(headers['ratelimit-policy']).toBe('"operator";q=5000;w=1');
  const left = Number(/r=(\d+)/.exec(String(headers['ratelimit']))![1]);
  expect(left).toBeLessThanOrEqual(5_000 - Math.ceil((1 + 200 * 3) / 50));
});

test('a document is known by its hash once it was sent', async () => {
  const query = `{ __typename, it: dashboard { total } } # ${randomUUID()}`;
  const hash = createHash('sha256').update(query).digest('hex');
  const codes = async (sent?: string, as = hash): Promise<string | undefined> =>
    (await graph().persisted(as, sent)).body.errors?.[0]?.extensions.code;
  expect(await codes()).toBe('PERSISTED_QUERY_NOT_FOUND');
  expect(await codes('{ __typename }')).toBe('GRAPHQL_INVALID');
  expect(await codes(query)).toBeUndefined();
  expect((await graph().persisted(hash)).body.data).toMatchObject({ __typename: 'Query' });
  // By GET as well, as caches on the way like it.
  const extensions = encodeURIComponent(JSON.stringify({ persistedQuery: { version: 1, sha256Hash: hash } }));
  expect((await system.api.call('GET', `/graphql?extensions=${extensions}`)).body).toMatchObject({
    data: { __typename: 'Query' },
  });
});

test('the schema can be asked for here', async () => {
  const { data } = await graph().done(getIntrospectionQuery());
  expect(JSON.stringify(data)).toContain('"PlaceOrderPayload"');
  // An answer about types can be made as long as one likes, too.
  const types = `{ __schema { types { ${'fields { type { '.repeat(6)} name ${'} }'.repeat(6)} } } }`;
  expect((await graph().refused(types)).code).toMatch(/^GRAPHQL_/);
});

describe('GraphQL over HTTP', () => {
  const audits = serverAudits({
    url: () => `${system.api.url}/graphql`,
    fetchFn: (url: string, init: RequestInit = {}) => {
      const headers = new Headers(init.headers);
      headers.set('authorization', `Bearer ${system.key}`);
      return fetch(url, { ...init, headers });
    },
  });
  test.each(audits.map((audit) => [audit.name, audit] as const))('%s', async (_name, audit) => {
    const result = await audit.fn();
    expect([result.status, 'reason' in result ? result.reason : '']).toEqual(['ok', '']);
  });
});
