import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Principal } from '#platform/http/server.ts';
import { Identities } from './identity.ts';

const SECRET = 'a secret of at least thirty-two characters';
const CALLER = { name: 'shop', role: 'client' } as const;

function at(nowMs: () => number, secret = SECRET): Identities {
  return new Identities(secret, ['orders', 'billing'], nowMs);
}

function forged(claims: unknown, secret: string, purpose = 'olms-identity-1'): string {
  const payload = Buffer.from(JSON.stringify(claims)).toString('base64url');
  return `${payload}.${createHmac('sha256', secret).update(`${purpose}.${payload}`).digest('base64url')}`;
}

describe('a signed identity', () => {
  test('gives name and role to whoever has the secret', () => {
    expect(at(Date.now).verify(at(Date.now).sign(CALLER, 'orders'))).toEqual(CALLER);
  });

  test('is void a minute later, and one that is handed out is good for a while yet', () => {
    let nowMs = 1_700_000_000_000;
    const identities = at(() => nowMs);
    const first = identities.sign(CALLER, 'orders');
    nowMs += 19_000;
    const handedOut = identities.sign(CALLER, 'orders');
    expect(handedOut).toBe(first);
    nowMs += 40_000;
    expect(identities.verify(handedOut)).toEqual(CALLER);
    nowMs += 2_000;
    expect(identities.verify(handedOut)).toBeUndefined();
    expect(identities.verify(identities.sign(CALLER, 'orders'))).toEqual(CALLER);
  });

  test('is refused where anything about it is changed, or another secret signed it', () => {
    const identities = at(Date.now);
    const good = identities.sign(CALLER, 'orders');
    const [payload, mac] = good.split('.') as [string, string];
    const admin = Buffer.from(
      JSON.stringify({ ...JSON.parse(Buffer.from(payload, 'base64url').toString()), role: 'admin' }),
    ).toString('base64url');
    const exp = Math.floor(Date.now() / 1000) + 30;
    const bad = [
      undefined,
      '',
      '.',
      payload,
      `${payload}.`,
      `.${mac}`,
      `${admin}.${mac}`,
      `${payload}.${mac.slice(0, -2)}`,
      `${payload}.${mac}AAAA`,
      [good, good],
      'x'.repeat(5_000),
      at(Date.now, 'another secret of thirty-two characters').sign(CALLER, 'orders'),
      forged({ ...CALLER, exp }, SECRET, 'something-else'),
    ];
    for (const header of bad) expect(identities.verify(header), String(header)).toBeUndefined();
  });

  test('may not promise to live longer than any should, nor name a role that does not exist', () => {
    const identities = at(Date.now);
    const nowS = Math.floor(Date.now() / 1000);
    expect(identities.verify(forged({ ...CALLER, exp: nowS + 50 }, SECRET))).toEqual(CALLER);
    expect(identities.verify(forged({ ...CALLER, exp: nowS + 3_600 }, SECRET))).toBeUndefined();
    expect(identities.verify(forged({ ...CALLER }, SECRET))).toBeUndefined();
    expect(identities.verify(forged({ name: 'x', role: 'root', exp: nowS + 50 }, SECRET))).toBeUndefined();
  });

  test('names the client of a key, and is good for the service it was signed for alone', () => {
    const identities = at(Date.now);
    const rotated = { ...CALLER, client: 'shop', name: 'shop-2' };
    expect(identities.verify(identities.sign(rotated, 'billing'))).toEqual(rotated);
    expect(identities.verify(identities.sign(rotated, 'payments'))).toBeUndefined();
    expect(identities.verify(identities.sign(CALLER, 'orders'))).toEqual(CALLER);
  });

  test('says what its caller may: one role, scopes, or the orders of one customer', () => {
    const identities = at(Date.now);
    const exp = Math.floor(Date.now() / 1000) + 50;
    const callers: Principal[] = [
      { name: 'export', role: 'scoped', scopes: ['orders:read', 'finance'] },
      { name: 'ada', kind: 'person', client: 'oidc:1', role: 'support' },
      { name: 'c 1', kind: 'customer', client: 'oidc:2', role: 'customer', customer: 'c-1' },
    ];
    for (const caller of callers) {
      const header = identities.sign(caller, 'orders');
      expect(identities.verify(header)).toEqual(caller);
      expect(identities.sign({ ...caller, name: 'another' }, 'orders')).not.toBe(header);
      expect(identities.sign({ ...caller, client: 'another' }, 'orders')).not.toBe(header);
    }
    expect(identities.sign({ ...callers[0]!, scopes: ['orders:read'] }, 'orders')).not.toBe(
      identities.sign(callers[0]!, 'orders'),
    );
    expect(identities.sign({ ...callers[2]!, customer: 'c-2' }, 'orders')).not.toBe(
      identities.sign(callers[2]!, 'orders'),
    );
    for (const unsound of [
      { name: 'x', role: 'customer' },
      { name: 'x', role: 'customer', customer: '' },
      { name: 'x', role: 'scoped' },
      { name: 'x', role: 'scoped', scopes: ['orders:read'], customer: 'c-1' },
      { name: 'x', role: 'reader', customer: 'c-1' },
    ])
      expect(identities.verify(forged({ ...unsound, exp }, SECRET)), JSON.stringify(unsound)).toBeUndefined();
  });

  test('that was signed in the future, or lives longer from then on than any should, is refused', () => {
    const identities = at(Date.now);
    const nowS = Math.floor(Date.now() / 1000);
    const claims = { ...CALLER, aud: 'orders', exp: nowS + 50 };
    expect(identities.verify(forged({ ...claims, iat: nowS - 5 }, SECRET))).toEqual(CALLER);
    expect(identities.verify(forged({ ...claims, iat: nowS + 30 }, SECRET))).toBeUndefined();
    expect(identities.verify(forged({ ...claims, iat: nowS - 30 }, SECRET))).toBeUndefined();
  });

  test('needs a secret worth the name', () => {
    expect(() => new Identities('short', [])).toThrow(/OLMS_INTERNAL_SECRET/);
  });
});
