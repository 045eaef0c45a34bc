import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { ApiKey, NewApiKey, RotatedApiKey } from '#client/client.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { Page, Problem } from '#tests/support/views.ts';

/** API keys as an administrator has them: scopes, ends, rotation, and what is seen of them. */

const system = useSystem();
const fresh = (): string => `k-${randomUUID().slice(0, 8)}`;
const LATER = '2999-01-01T00:00:00Z';

async function make(body: object): Promise<NewApiKey> {
  return system.api.ok<NewApiKey>('POST', '/api-keys', { body: { name: fresh(), ...body } });
}
async function listed(name: string): Promise<ApiKey> {
  const { items } = await system.api.get<Page<ApiKey>>('/api-keys');
  return items.find((item) => item.name === name)!;
}
interface Me {
  readonly name: string;
  readonly kind: string;
  readonly roles: string[];
  readonly permissions: string[];
}

describe('a key', () => {
  test('with scopes may what they say, and sees so', async () => {
    const { key, role, scopes, name } = await make({ scopes: ['orders:read', 'warehouse'] });
    expect([role, scopes]).toEqual(['scoped', ['orders:read', 'warehouse']]);
    const caller = system.api.as(key);
    const me = await caller.get<Me>('/me');
    expect(me).toMatchObject({ name, kind: 'key', roles: ['warehouse'] });
    expect(me.permissions).toEqual(expect.arrayContaining(['me:read', 'orders:read', 'stock:adjust']));
    expect((await caller.call('GET', '/stock')).status).toBe(200);
    expect((await caller.call('GET', '/reviews')).status).toBe(403);
  });

  test('with one role as its only scope has that role', async () => {
    expect((await make({ scopes: ['finance'] })).role).toBe('finance');
  });

  test.each<[string, object, string]>([
    ['neither role nor scopes', {}, '/role'],
    ['both', { role: 'reader', scopes: ['orders:read'] }, '/scopes'],
    ['a role that no key can have', { role: 'service' }, '/role'],
    ['a permission that no key can have', { scopes: ['services:call'] }, '/scopes/0'],
    ['all orders beside a customer’s', { scopes: ['customer', 'stock:read'] }, '/scopes/0'],
    ['a customer who is nobody', { role: 'customer' }, '/customer'],
    ['a customer where the role is another', { role: 'support', customer: 'c-1' }, '/customer'],
    ['an end that has passed', { role: 'reader', expiresAt: '2020-01-01T00:00:00Z' }, '/expiresAt'],
    ['an end that is no time', { role: 'reader', expiresAt: 'soon' }, '/expiresAt'],
  ])('is not made with %s', async (_what, body, pointer) => {
    const name = fresh();
    const answer = await system.api.call<Problem>('POST', '/api-keys', { body: { name, ...body } });
    expect([answer.status, answer.body.code]).toEqual([400, 'VALIDATION_FAILED']);
    expect(answer.body.errors?.map((error) => error.pointer)).toContain(pointer);
    expect(await listed(name)).toBeUndefined();
  });

  test('is listed by how it begins, with its end and its last use, and never itself', async () => {
    const { name, key, prefix } = await make({ role: 'support', expiresAt: LATER });
    expect(key.startsWith(prefix)).toBe(true);
    expect(await listed(name)).toMatchObject({ prefix, role: 'support', expiresAt: '2999-01-01T00:00:00.000Z' });
    await system.api.as(key).get('/me');
    await until('its use to be noted', async () => (await listed(name)).lastUsedAt !== undefined);
    expect((await system.api.call('GET', '/api-keys')).text).not.toContain(key);
  });

  test('that has ended opens nothing, and is rotated only with a new end', async () => {
    const endsMs = Date.now() + 1_000;
    const { name, key } = await make({ role: 'client', expiresAt: new Date(endsMs).toISOString() });
    await until('its end', async () => (await system.api.as(key).call('GET', '/me')).status === 401);
    const refused = await system.api.call<Problem>('POST', `/api-keys/${name}/rotate`, { body: {} });
    expect([refused.status, refused.body.code]).toEqual([409, 'API_KEY_EXPIRED']);
    const next = await system.api.ok<RotatedApiKey>('POST', `/api-keys/${name}/rotate`, { body: { expiresAt: LATER } });
    expect((await system.api.as(next.key).call('GET', '/me')).status).toBe(200);
    expect((await system.api.as(key).call('GET', '/me')).status).toBe(401);
  });
});

describe('a rotation', () => {
  test('lets the secret of before open for as long as it says, and the new one from now on', async () => {
    const { name, key } = await make({ role: 'support' });
    const beforeMs = Date.now();
    const next = await system.api.ok<RotatedApiKey>('POST', `/api-keys/${name}/rotate`);
    expect(Date.parse(next.previousUntil) - beforeMs).toBeGreaterThan(86_000_000);
    for (const secret of [key, next.key]) expect((await system.api.as(secret).get<Me>('/me')).name).toBe(name);
    const last = await system.api.ok<RotatedApiKey>('POST', `/api-keys/${name}/rotate`, {
      body: { overlapSeconds: 0 },
    });
    expect(last.prefix).not.toBe(next.prefix);
    expect((await listed(name)).prefix).toBe(last.prefix);
    for (const secret of [key, next.key]) expect((await system.api.as(secret).call('GET', '/me')).status).toBe(401);
    expect((await system.api.as(last.key).call('GET', '/me')).status).toBe(200);
  });

  test('is one rotation however often the request comes, and is in the audit without the secret', async () => {
    const { name } = await make({ role: 'reader' });
    const request = { body: {}, key: randomUUID() };
    const { key } = await system.api.ok<RotatedApiKey>('POST', `/api-keys/${name}/rotate`, request);
    const again = await system.api.call<Problem>('POST', `/api-keys/${name}/rotate`, request);
    expect([again.status, again.body.code]).toEqual([409, 'API_KEY_SHOWN']);
    expect((await system.api.as(key).call('GET', '/me')).status).toBe(200);
    const entries = await system.api.call('GET', `/audit-entries?subject=${name}&action=api_key.rotated`);
    expect((entries.body as Page<unknown>).items).toHaveLength(1);
    expect(entries.text).not.toContain(key);
  });

  test('of what is not there, or was revoked, is answered 404', async () => {
    const { name } = await make({ role: 'reader' });
    expect((await system.api.call('DELETE', `/api-keys/${name}`)).status).toBe(204);
    for (const path of [name, 'nobody'])
      expect((await system.api.call('POST', `/api-keys/${path}/rotate`, { body: {} })).status).toBe(404);
  });

  test('and every other change of keys is for who may manage them', async () => {
    const { name } = await make({ role: 'reader' });
    for (const role of ['operator', 'support'] as const) {
      const caller = system.api.as((await make({ role })).key);
      expect((await caller.call('POST', `/api-keys/${name}/rotate`, { body: {} })).status).toBe(403);
      expect((await caller.call('DELETE', `/api-keys/${name}`)).status).toBe(403);
    }
    const manager = system.api.as((await make({ scopes: ['keys:manage'] })).key);
    expect((await manager.call('GET', '/api-keys')).status).toBe(200);
    expect((await manager.call('GET', '/orders')).status).toBe(403);
  });
});
