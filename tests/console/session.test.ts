import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { PASSWORD, usePeople } from '#tests/support/people.ts';
import { useSystem } from '#tests/support/system.ts';

/** Signing in to the console, and what its session opens: the same as a key of the same roles, and from nowhere else. */

const system = useSystem();
const { send, manage, invite, signedUp, signIn } = usePeople(system);

describe('the link of an invitation', () => {
  test('sets a password once, and opens a session in a cookie that no script reads', async () => {
    const { name, link } = await invite(['support']);
    expect(await (await send('POST', '/console/session/links', { body: { link } })).json()).toMatchObject({ name });
    const weak = await send('PUT', '/console/session/links', { body: { link, password: 'short' } });
    expect([weak.status, ((await weak.json()) as { code: string }).code]).toEqual([400, 'VALIDATION_FAILED']);
    const answer = await send('PUT', '/console/session/links', { body: { link, password: PASSWORD } });
    expect(answer.headers.get('set-cookie')).toMatch(
      /^olms_session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Max-Age=\d+$/,
    );
    const again = await send('PUT', '/console/session/links', { body: { link, password: PASSWORD } });
    expect(again.status).toBe(401);
    expect((await signIn(name, PASSWORD)).status).toBe(204);
  });

  test('is void when another one was made', async () => {
    const { name, link } = await invite(['support']);
    await invite(['support'], name);
    expect((await send('PUT', '/console/session/links', { body: { link, password: PASSWORD } })).status).toBe(401);
  });

  test('is made by nobody who may not manage keys', async () => {
    const { cookie } = await signedUp(['operator']);
    const asked = await send('POST', '/console/people', { cookie, body: { name: 'mallory', roles: ['admin'] } });
    expect(asked.status).toBe(403);
  });
});

describe('a session', () => {
  test('may what its roles may, and says so', async () => {
    const { name, cookie } = await signedUp(['warehouse']);
    const me = (await (await send('GET', '/me', { cookie })).json()) as { name: string; kind: string; roles: string[] };
    expect(me).toMatchObject({ name, kind: 'person', roles: ['warehouse'] });
    expect((await send('GET', '/stock', { cookie })).status).toBe(200);
    expect((await send('GET', '/payments', { cookie })).status).toBe(403);
    expect((await send('GET', '/api-keys', { cookie })).status).toBe(403);
  });

  test('changes nothing for a page of another origin, or for one that lacks the header of the console', async () => {
    const { cookie } = await signedUp(['admin']);
    const body = { sku: 'S-1', location: 'main', delta: 1, reason: 'found' };
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'x-olms-console': '', origin: '' },
    ] as Record<string, string>[]) {
      const refused = await send('POST', '/stock/adjustments', {
        cookie,
        body,
        headers: { ...headers, 'idempotency-key': randomUUID() },
      });
      expect([headers, refused.status, ((await refused.json()) as { code: string }).code]).toEqual([
        headers,
        403,
        'FORBIDDEN',
      ]);
    }
    expect(
      (await send('DELETE', '/console/session', { cookie, headers: { origin: 'https://evil.example' } })).status,
    ).toBe(403);
    expect((await send('GET', '/me', { cookie })).status).toBe(200);
  });

  test('ends when its person signs out, and when they are kept out', async () => {
    const one = await signedUp(['support']);
    const out = await send('DELETE', '/console/session', { cookie: one.cookie });
    expect([out.status, out.headers.get('set-cookie')]).toEqual([204, expect.stringContaining('Max-Age=0')]);
    expect((await send('GET', '/me', { cookie: one.cookie })).status).toBe(401);
    const two = await signedUp(['support']);
    await manage('DELETE', `/console/people/${two.name}`);
    // No call was made with it, so no process remembers it.
    expect((await send('GET', '/me', { cookie: two.cookie })).status).toBe(401);
    expect((await signIn(two.name, PASSWORD)).status).toBe(401);
    const { items } = await manage<{ items: { name: string; disabledAt: string | null }[] }>('GET', '/console/people');
    expect(items.find(({ name }) => name === two.name)?.disabledAt).not.toBeNull();
  });

  test('is none for a token that was made up', async () => {
    const cookie = `olms_session=${'A'.repeat(43)}`;
    expect((await send('GET', '/me', { cookie })).status).toBe(401);
    expect(await (await send('GET', '/console/session', { cookie })).json()).not.toHaveProperty('person');
  });

  test('is written down: who was invited, by whom, and who was kept out', async () => {
    const { name } = await signedUp(['finance']);
    const { items } = await system.api.ok<{ items: { action: string; actor: string }[] }>(
      'GET',
      `/audit-entries?subject=${name}`,
    );
    expect(items.map(({ action, actor }) => [action, actor])).toEqual([
      ['person.password_set', name],
      ['person.invited', expect.any(String)],
    ]);
  });
});

test('who keeps giving a wrong password has to wait, also with the right one', async () => {
  const { name } = await signedUp(['support']);
  const seen: number[] = [];
  for (let attempt = 0; attempt < 6; attempt++) seen.push((await signIn(name, `wrong ${attempt}`)).status);
  expect(seen).toEqual([401, 401, 401, 401, 401, 429]);
  const right = await signIn(name, PASSWORD);
  expect([right.status, Number(right.headers.get('retry-after'))]).toEqual([
    429,
    expect.toSatisfy((s: number) => s > 0),
  ]);
  // Nobody learns whether there is somebody of a name.
  const nobody = await signIn(`nobody-${randomUUID()}`, PASSWORD);
  expect(await nobody.json()).toMatchObject({ detail: 'The name or the password is wrong.' });
});

test('links and passkeys that are none make nobody wait but whoever tries them', async () => {
  for (let attempt = 0; attempt < 8; attempt++) {
    const link = `nothing-${attempt}`;
    expect((await send('PUT', '/console/session/links', { body: { link, password: PASSWORD } })).status).toBe(401);
  }
  const { link } = await invite(['support']);
  expect((await send('PUT', '/console/session/links', { body: { link, password: PASSWORD } })).status).toBe(204);
});

describe('the pages of the console', () => {
  test('are where / leads', async () => {
    const answer = await send('GET', '/');
    expect([answer.status, answer.headers.get('location')]).toEqual([302, '/console/']);
  });

  test('may load nothing from elsewhere, and run nothing inline', async () => {
    const policy = (await send('GET', '/console/orders')).headers.get('content-security-policy')!;
    expect(policy).toContain(`default-src 'none'`);
    expect(policy).toContain(`script-src 'self'`);
    expect(policy).not.toMatch(/unsafe|https?:|\*/);
  });
});
