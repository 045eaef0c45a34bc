import { readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHttp } from '#platform/http/server.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { createMetrics } from '#platform/telemetry/metrics.ts';
import { readSettings } from '#platform/runtime/settings.ts';
import { gatewaySettings } from '../settings.ts';
import { graphqlRoutes } from './routes.ts';

/**
 * What a document costs that is refused: little processor time, from the bytes of the request to those of the answer,
 * and no call of any operation. Processor time, because others use the machine as well; the least of a few rounds,
 * because a collection of garbage belongs to what was before.
 */

const PROCESSOR_MS_MAX = 50;
const ROUNDS = 5;
const root = new URL('../../../', import.meta.url);
const document = JSON.parse(readFileSync(new URL('docs/api/openapi.json', root), 'utf8')) as object;
let app: FastifyInstance;
let calls = 0;

beforeAll(async () => {
  const logger = createLogger('silent');
  app = createHttp({ logger, metrics: createMetrics(), authenticate: () => ({ name: 'ada', role: 'admin' }) });
  app.decorate('wholeApi', () => document);
  const { callInside } = app;
  Object.defineProperty(app, 'callInside', {
    value: (...given: Parameters<typeof callInside>) => {
      calls++;
      return callInside(...given);
    },
  });
  const config = readSettings(gatewaySettings, {});
  graphqlRoutes(app, {
    stream: undefined as never,
    authenticate: undefined as never,
    logger,
    charge: async () => {},
    depthMax: config.graphqlDepthMax,
    aliasesMax: config.graphqlAliasesMax,
    directivesMax: config.graphqlDirectivesMax,
    tokensMax: config.graphqlTokensMax,
    costMax: config.graphqlCostMax,
    introspection: true,
    allowedQueries: '',
  });
  await app.ready();
  // The schema is made with the first document.
  await post({ query: '{ __typename }' });
});
afterAll(() => app.close());

const post = (body: unknown) =>
  app.inject({
    method: 'POST',
    url: '/graphql',
    headers: {
      'content-type': 'application/json',
      accept: 'application/graphql-response+json',
      authorization: 'Bearer key',
    },
    payload: JSON.stringify(body),
  });
const times = (count: number, text: (n: number) => string): string =>
  Array.from({ length: count }, (_, n) => text(n)).join(' ');

const HOSTILE: Readonly<Record<string, unknown>> = {
  '1,000 aliases': { query: `{ ${times(1_000, (n) => `a${n}: dashboard { total }`)} }` },
  'a depth of 50': {
    query: `{ payments { nodes { ${times(25, () => 'order { payments {')} status ${times(25, () => '} }')} } } }`,
  },
  'a depth of 10,000': { query: `${times(10_000, () => '{ a')} ${times(10_000, () => '}')}` },
  'fragments in a circle': { query: '{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }' },
  'fragments that double each other': {
    query: `{ ...F0 } ${times(40, (n) => `fragment F${n} on Query { ...F${n + 1} ...F${n + 1} }`)} fragment F40 on Query { a: __typename }`,
  },
  '10,000 directives': { query: `{ __typename ${times(10_000, () => '@include(if: true)')} }` },
  'an array of 100 operations': Array.from({ length: 100 }, () => ({ query: '{ dashboard { total } }' })),
  'lists in lists': { query: '{ orders(first: 200) { nodes { payments { order { shipments { order { id } } } } } } }' },
};

describe('is refused in little processor time, and calls nothing', () => {
  test.each(Object.entries(HOSTILE))('%s', async (name, body) => {
    const took: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const before = process.cpuUsage();
      const { statusCode, body: text } = await post(body);
      const { user, system } = process.cpuUsage(before);
      took.push((user + system) / 1_000);
      expect(statusCode, text.slice(0, 300)).toBe(400);
      expect(text).toMatch(/"GRAPHQL_(?:TOO_COMPLEX|INVALID)"/);
    }
    console.log(`${name}: first ${took[0]!.toFixed(1)} ms, least ${Math.min(...took).toFixed(1)} ms of processor time`);
    expect(Math.min(...took)).toBeLessThan(PROCESSOR_MS_MAX);
    expect(calls).toBe(0);
  });

  test('and the same count sees what is done', async () => {
    await post({ query: '{ dashboard { total } }' });
    expect(calls).toBe(1);
  });
});
