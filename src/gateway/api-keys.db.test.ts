import { describe, expect, test } from 'vitest';
import type { AuditedBy } from '#platform/http/audit-entries.ts';
import { useServiceDatabase } from '#tests/support/one-service.ts';
import { until } from '#tests/support/until.ts';
import { ApiKeys, hashKey } from './api-keys.ts';
import type { KeyDescription } from './key-store.ts';
import { gateway } from './service.ts';

const on = useServiceDatabase([gateway]);
const BY: AuditedBy = { actor: 'ada', actorKind: 'key', correlationId: 'c-1' };
const LATER = '2999-01-01T00:00:00.000Z';
let count = 0;

/** A process that remembers nothing of another. */
const fresh = (): ApiKeys => new ApiKeys(on.database, '');
async function make(described: Partial<KeyDescription> = {}): Promise<{ name: string; key: string }> {
  const name = `k-${++count}`;
  const { key } = (await fresh().create({ name, client: name, role: 'client', ...described }, BY))!;
  return { name, key };
}
const opens = async (key: string): Promise<boolean> => (await fresh().authenticate(key)) !== undefined;
/** What the version before asks, and grants by the role it finds. */
async function openedBefore(key: string): Promise<string | undefined> {
  const [row] = await on.database.query<{ role: string }>(
    'select role from gateway.api_keys where key_hash = $1 and revoked_at is null',
    [hashKey(key)],
  );
  return row?.role;
}

describe('a key that the version before would not check', () => {
  test.each<[string, Partial<KeyDescription>]>([
    ['with scopes', { role: 'scoped', scopes: ['orders:read'] }],
    ['of a new role', { role: 'support' }],
    ['of a customer', { role: 'customer', customer: 'c-1' }],
    ['with an end', { expiresAt: LATER }],
  ])('is not known to it: %s', async (_what, described) => {
    const { key } = await make(described);
    expect([await opens(key), await openedBefore(key)]).toEqual([true, undefined]);
  });

  test('and one that it would is, also after a rotation', async () => {
    const { name, key } = await make();
    expect(await openedBefore(key)).toBe('client');
    const { key: next } = await fresh().rotate(name, { overlapSeconds: 60 }, BY);
    expect([await openedBefore(next), await openedBefore(key)]).toEqual(['client', undefined]);
    expect([await opens(next), await opens(key)]).toEqual([true, true]);
    // With an end it is none of its business any more.
    const { key: last } = await fresh().rotate(name, { overlapSeconds: 60, expiresAt: LATER }, BY);
    expect([await openedBefore(last), await openedBefore(next)]).toEqual([undefined, undefined]);
    expect([await opens(last), await opens(next), await opens(key)]).toEqual([true, true, false]);
    const { key: again } = await fresh().rotate(name, { overlapSeconds: 60 }, BY);
    expect([await opens(again), await opens(last), await opens(next)]).toEqual([true, true, false]);
  });
});

test('a key that the version before made opens what its role allows, and can be rotated', async () => {
  await on.database.query(
    `insert into gateway.api_keys (name, key_hash, role, client) values ('old', $1, 'operator', 'shop')`,
    [hashKey('olms_of-before')],
  );
  expect(await fresh().authenticate('olms_of-before')).toEqual({ name: 'old', client: 'shop', role: 'operator' });
  const { key } = await fresh().rotate('old', { overlapSeconds: 0 }, BY);
  expect([await opens(key), await opens('olms_of-before')]).toEqual([true, false]);
});

test('of two rotations at once one wins, and no third secret is left', async () => {
  const { name, key } = await make({ role: 'support' });
  const both = await Promise.allSettled([1, 2].map(() => fresh().rotate(name, { overlapSeconds: 60 }, BY)));
  const secrets = await on.database.query('select 1 from gateway.api_key_secrets where name = $1', [name]);
  const won = both.filter(({ status }) => status === 'fulfilled').length;
  // One after the other, both win, and the second ends the first of all.
  expect([1, 2]).toContain(won);
  expect(secrets.length).toBe(2);
  expect(await opens(key)).toBe(won === 1);
});

test('an end is kept to the moment, also by who remembers the key', async () => {
  const endsMs = Date.now() + 1_500;
  const { key } = await make({ expiresAt: new Date(endsMs).toISOString() });
  const keys = fresh();
  expect(await keys.authenticate(key)).toMatchObject({ expiresAtMs: endsMs });
  await until('the end', async () => (await keys.authenticate(key)) === undefined);
  // Remembered for ten seconds, it would be good for eight more.
  expect(Date.now()).toBeLessThan(endsMs + 8_000);
  expect(await opens(key)).toBe(false);
});

test('that a key is used is written once a minute, and not for each call', async () => {
  const { name, key } = await make();
  const noted = async (): Promise<unknown> =>
    (
      await on.database.query<{ at: string | null }>(
        'select last_used_at::text as at from gateway.api_keys where name = $1',
        [name],
      )
    )[0]!.at;
  expect(await noted()).toBeNull();
  const keys = fresh();
  await keys.authenticate(key);
  await until('the use to be noted', async () => (await noted()) !== null);
  const first = await noted();
  // Another process, which has not noted any, writes nothing within the minute.
  await fresh().authenticate(key);
  await on.database.query(`update gateway.api_keys set client = 'x' where name = $1`, [name]);
  expect(await noted()).toBe(first);
  await on.database.query(`update gateway.api_keys set last_used_at = now() - interval '2 minutes' where name = $1`, [
    name,
  ]);
  const past = await noted();
  await fresh().authenticate(key);
  await until('the next use to be noted', async () => (await noted()) !== past);
});

test('a key shows how it begins, and where it is for', async () => {
  const { key, prefix } = (await fresh().create({ name: 'shown', client: 'shown', role: 'reader' }, BY))!;
  expect(key).toMatch(/^olms_test_[\w-]{43}$/);
  expect(prefix).toBe(key.slice(0, 14));
  const live = await new ApiKeys(on.database, '', true).create({ name: 'live', client: 'live', role: 'reader' }, BY);
  expect(live!.prefix).toMatch(/^olms_live_[\w-]{4}$/);
});
