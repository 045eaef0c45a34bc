import { getIntrospectionQuery } from 'graphql';
import { expect, test } from 'vitest';
import { Graph } from '#tests/support/graph.ts';
import { useSystem } from '#tests/support/system.ts';
import type { Problem } from '#tests/support/views.ts';

/** What a system in production keeps to itself, and which pages of other origins may call it. */

const DESK = 'https://desk.example.com';
const system = useSystem({ env: { OLMS_ENV: 'production', SANDBOX_ENABLED: 'true', CORS_ORIGINS: DESK } });

test('the GraphQL schema is not public: not by introspection, not by suggestions, not as a file', async () => {
  const graph = new Graph(system.api);
  const introspected = await graph.refused(getIntrospectionQuery());
  expect(introspected.code).toBe('GRAPHQL_INVALID');
  const guessed = await graph.refused('{ order(id: "0192f0c1-2a3b-7c4d-8e5f-0123456789ab") { statu } }');
  expect(guessed.message).toContain('Cannot query field "statu"');
  expect(guessed.message).not.toContain('status');
  const file = await system.api.as(undefined).call<Problem>('GET', '/schema.graphql');
  expect([file.status, file.body.code]).toEqual([404, 'NOT_FOUND']);
  // What is no question about the schema is answered.
  await graph.done('{ __typename dashboard { total } }');
});

test('a page of the listed origin may call, and no other', async () => {
  const from = async (origin: string): Promise<unknown> => {
    const { status, headers } = await system.api.call('GET', '/me', { headers: { origin } });
    return [status, headers['access-control-allow-origin']];
  };
  expect(await from(DESK)).toEqual([200, DESK]);
  expect(await from('https://desk.example.com.evil.example')).toEqual([200, undefined]);
  const asked = (origin: string): Promise<Response> =>
    fetch(`${system.api.url}/orders`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
    });
  expect((await asked(DESK)).headers.get('access-control-allow-origin')).toBe(DESK);
  expect((await asked('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull();
});
