import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { gatewayConfig } from '#gateway/settings.ts';
import type { Api } from '#tests/support/api.ts';
import { Issuer, signingKey } from '#tests/support/issuer.ts';
import { startTestSystem, type TestSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';

/** Tokens of an OpenID Connect issuer: who they say calls, what that caller may, and keys that change. */

interface Me {
  readonly name: string;
  readonly kind: string;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  readonly customer?: string;
  readonly expiresAt?: string;
}

let issuer: Issuer;
let system: TestSystem;
beforeAll(async () => {
  issuer = await Issuer.start();
  system = await startTestSystem({
    env: {
      ...issuer.env,
      OIDC_JWKS_REFRESH_MS: '1000',
      OIDC_ROLES_CLAIM: 'realm_access.roles',
      OIDC_CUSTOMER_CLAIM: 'https://shop.example/customer',
      OIDC_NAME_CLAIM: 'preferred_username',
    },
  });
});
afterAll(async () => {
  await system.stop();
  await issuer.stop();
});

const as = (token: string): Api => system.api.as(token);
const withRoles = (...roles: string[]): { realm_access: { roles: string[] } } => ({ realm_access: { roles } });
const me = async (token: string): Promise<Me> => as(token).ok<Me>('GET', '/me');

describe('a token', () => {
  test('opens what its roles allow, by the name of its owner', async () => {
    const token = await issuer.token({ ...withRoles('support', 'offline_access'), preferred_username: 'ada' });
    expect(await me(token)).toMatchObject({ name: 'ada', kind: 'person', roles: ['support'] });
    expect((await as(token).call('GET', '/orders')).status).toBe(200);
    expect((await as(token).call('GET', '/api-keys')).status).toBe(403);
  });

  test('of each accepted algorithm and type is accepted', async () => {
    const [rsa, ec] = issuer.keys;
    const roles = withRoles('reader');
    const tokens = [
      await issuer.token(roles, ec),
      await issuer.token(roles, rsa, { typ: undefined }),
      await issuer.token(roles, rsa, { typ: 'at+jwt' }),
      await issuer.token(roles, rsa, { typ: 'application/at+jwt' }),
      await issuer.token({ ...roles, aud: ['another', 'olms-api'] }),
      await issuer.token({ ...roles, nbf: Math.floor(Date.now() / 1000) + 2 }),
    ];
    for (const token of tokens) expect((await as(token).call('GET', '/orders')).status).toBe(200);
  });

  test('with several roles may what each of them may', async () => {
    const { roles, permissions } = await me(await issuer.token(withRoles('warehouse', 'finance')));
    expect(roles).toEqual(['warehouse', 'finance']);
    expect(permissions).toEqual(expect.arrayContaining(['stock:adjust', 'refunds:request']));
    expect(permissions).not.toContain('reviews:decide');
  });

  test.each([
    ['no roles', {}],
    ['roles that are none of ours', { realm_access: { roles: ['root', 'service', 'constructor'] } }],
    ['roles that are no list', { realm_access: 7 }],
    ['a customer without a name', { realm_access: { roles: ['customer'] } }],
  ])('with %s says who calls, and opens nothing', async (_what, claims) => {
    const token = await issuer.token(claims);
    expect(await me(token)).toMatchObject({ roles: [], permissions: ['me:read'] });
    expect((await as(token).call('GET', '/orders')).status).toBe(403);
  });

  test('of a customer names whose orders it shows; who works here, too, sees all', async () => {
    const customer = { 'https://shop.example/customer': 'c-7' };
    const own = await me(await issuer.token({ ...withRoles('customer'), ...customer }));
    expect(own).toMatchObject({ kind: 'customer', roles: ['customer'], customer: 'c-7' });
    const staff = await me(await issuer.token({ ...withRoles('customer', 'support'), ...customer }));
    expect(staff).toMatchObject({ kind: 'person', roles: ['support'] });
    expect(staff.customer).toBeUndefined();
  });

  test('says when it ends', async () => {
    const exp = Math.floor(Date.now() / 1000) + 120;
    expect((await me(await issuer.token({ ...withRoles('reader'), exp }))).expiresAt).toBe(
      new Date(exp * 1000).toISOString(),
    );
  });

  test('is refused when it has ended, also where it was known', async () => {
    // Within the skew of clocks it is good for a while yet.
    const token = await issuer.token({ ...withRoles('reader'), exp: Math.floor(Date.now() / 1000) - 3 });
    expect((await as(token).call('GET', '/orders')).status).toBe(200);
    await until('the end of the token', async () => (await as(token).call('GET', '/orders')).status === 401);
  });
});

test('two people of one name have nothing in common: not the answers under their keys', async () => {
  const sku = await system.api.product();
  const placedBy = async (sub: string): Promise<string> => {
    const token = await issuer.token({ ...withRoles('client'), sub, preferred_username: 'Ada Smith' });
    const body = {
      currency: 'EUR',
      items: [{ sku, quantity: 1, unitPrice: '1.00' }],
      payment: { token: 'tok_approve' },
    };
    return (await as(token).ok<{ id: string }>('POST', '/orders', { body, key: 'the-same' })).id;
  };
  expect(await placedBy('u-8')).not.toBe(await placedBy('u-9'));
  expect(await placedBy('u-8')).toBe(await placedBy('u-8'));
});

describe('keys of the issuer', () => {
  test('are read again: a new one opens, one that was taken back opens nothing any more', async () => {
    const [old] = issuer.keys;
    const next = await signingKey('rsa-2');
    const before = await issuer.token(withRoles('reader'), old);
    const after = await issuer.token(withRoles('reader'), next);
    expect((await as(before).call('GET', '/orders')).status).toBe(200);
    expect((await as(after).call('GET', '/orders')).status).toBe(401);
    issuer.keys = [next, ...issuer.keys.slice(1)];
    await until('the new key', async () => (await as(after).call('GET', '/orders')).status === 200);
    expect((await as(before).call('GET', '/orders')).status).toBe(401);
  });

  test('that cannot be read again serve on, and readiness says so', async () => {
    const token = await issuer.token(withRoles('reader'));
    issuer.status = 500;
    interface Health {
      readonly status: string;
      readonly checks: Record<string, { readonly ok: boolean; readonly detail: string }>;
    }
    const health = async (): Promise<Health> => (await system.api.call<Health>('GET', '/health/readiness')).body;
    await until('readiness to say so', async () => (await health()).checks['tokens']?.ok === false);
    const { status, checks } = await health();
    expect([status, checks['tokens']!.detail]).toEqual(['degraded', expect.stringContaining('answers 500')]);
    expect((await as(token).call('GET', '/orders')).status).toBe(200);
    issuer.status = 200;
    await until('readiness to be well', async () => (await health()).checks['tokens']?.ok === true);
  });
});

describe('the settings of an issuer', () => {
  const OIDC_ISSUER = 'https://login.example.com/';
  test.each<[string, Record<string, string>]>([
    ['OIDC_AUDIENCE', { OIDC_ISSUER }],
    ['OIDC_ISSUER', { OIDC_AUDIENCE: 'x' }],
    ['OIDC_ISSUER', { OIDC_ISSUER: 'login.example.com', OIDC_AUDIENCE: 'x' }],
    ['OIDC_ISSUER', { OIDC_ISSUER: 'http://login.example.com', OIDC_AUDIENCE: 'x', OLMS_ENV: 'production' }],
    ['OIDC_JWKS_URL', { OIDC_ISSUER, OIDC_AUDIENCE: 'x', OIDC_JWKS_URL: 'http://a.b/', OLMS_ENV: 'production' }],
  ])('that would let in others, or nobody, stop the start: %s', (named, env) => {
    expect(() => gatewayConfig(env)).toThrow(named);
  });

  test('that are whole do not', () => {
    expect(gatewayConfig({ OIDC_ISSUER, OIDC_AUDIENCE: 'x', OLMS_ENV: 'production' }).oidcRolesClaim).toBe('roles');
  });
});
