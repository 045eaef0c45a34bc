import { Type } from 'typebox';
import { expect, test } from 'vitest';
import { createLogger } from '#platform/telemetry/logger.ts';
import { createMetrics } from '#platform/telemetry/metrics.ts';
import { createHttp } from './server.ts';
import { IdText, strict, Text } from './schemas.ts';
import { Several, SEVERAL_MAX } from './several.ts';

const ID = '019abcde-0000-7000-8000-00000000000';

test.each<[query: string, answer: unknown]>([
  ['word=a', { word: ['a'] }],
  ['word=a&word=b', { word: ['a', 'b'] }],
  ['word=a,b', { word: ['a', 'b'] }],
  ['word=a,%20b&word=c,', { word: ['a', 'b', 'c'] }],
  [`id=${ID}1,${ID}2`, { id: [`${ID}1`, `${ID}2`] }],
  // A text may hold commas.
  ['text=a,b&text=c', { text: ['a,b', 'c'] }],
  ['one=a', { one: 'a' }],
  ['word=d', 400],
  ['word=', 400],
  ['word=,', 400],
  ['word=a,d', 400],
  ['one=a&one=b', 400],
  [`id=${ID}1,x`, 400],
  [`text=${Array.from({ length: SEVERAL_MAX + 1 }, () => 'a').join('&text=')}`, 400],
])('GET /?%s', async (query, answer) => {
  const app = createHttp({
    logger: createLogger('silent'),
    metrics: createMetrics(),
    authenticate: () => ({ name: 'ada', role: 'reader' }),
  });
  const schema = Type.Object(
    {
      word: Type.Optional(Several(Type.String({ enum: ['a', 'b', 'c'] }))),
      id: Type.Optional(Several(IdText)),
      text: Type.Optional(Several(Text(100))),
      one: Type.Optional(Text(100)),
    },
    strict,
  );
  app.get(
    '/',
    { config: { permission: 'stock:read' }, schema: { querystring: schema } },
    async (request) => request.query,
  );
  const { statusCode, json } = await app.inject(`/?${query}`);
  expect(statusCode === 200 ? json() : statusCode).toEqual(answer);
});
