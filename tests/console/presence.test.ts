import { randomUUID } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import { useSystem } from '#tests/support/system.ts';

/** Who has which order open: the console's own path, asked with keys as pages ask with sessions. */

const system = useSystem();
const keys = new Map<string, string>();
const order = randomUUID();

beforeAll(async () => {
  for (const name of ['ada', 'grace']) {
    const body = { name: `${name}-${randomUUID().slice(0, 6)}`, role: 'support' };
    keys.set(name, (await system.api.ok<{ key: string }>('POST', '/api-keys', { body })).key);
  }
});

async function say(
  who: string,
  method: 'PUT' | 'DELETE',
  body?: object,
): Promise<{ status: number; others: string[] }> {
  const answer = await fetch(`${system.api.url}/console/presence/${order}`, {
    method,
    headers: { authorization: `Bearer ${keys.get(who)}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  const { others = [] } = (answer.status === 200 ? await answer.json() : {}) as { others?: Record<string, string>[] };
  return {
    status: answer.status,
    others: others.map(({ name, doing }) => `${name!.split('-')[0]} ${doing ?? 'looks'}`),
  };
}

test('who has an order open hears of the others and of what they are about to do, until they leave', async () => {
  expect((await say('ada', 'PUT', {})).others).toEqual([]);
  expect((await say('grace', 'PUT', { doing: 'requestRefund' })).others).toEqual(['ada looks']);
  expect((await say('ada', 'PUT', {})).others).toEqual(['grace requestRefund']);
  // Once more does not make two of one person.
  expect((await say('ada', 'PUT', {})).others).toEqual(['grace requestRefund']);
  expect((await say('grace', 'DELETE')).status).toBe(204);
  expect((await say('ada', 'PUT', {})).others).toEqual([]);
});

test('it takes no more than it needs, and nobody who may not read orders', async () => {
  expect((await say('ada', 'PUT', { doing: 'x'.repeat(41) })).status).toBe(400);
  expect((await say('ada', 'PUT', { note: 'hello' })).status).toBe(400);
  expect((await fetch(`${system.api.url}/console/presence/${order}`, { method: 'PUT', body: '{}' })).status).toBe(401);
});
