import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { cookieIn, outcomeOf, PASSWORD, usePeople } from '#tests/support/people.ts';
import { useSystem } from '#tests/support/system.ts';

/** Who manages the people of the console, and what nobody can: take the last admin, or more than they have. */

const system = useSystem();
const { send, manage, invite, signedUp, signIn } = usePeople(system);

interface Person {
  readonly name: string;
  readonly scopes: string[];
  readonly sessions: number;
  readonly password: boolean;
}
const listed = async (name: string): Promise<Person | undefined> =>
  (await manage<{ items: Person[] }>('GET', '/console/people')).items.find((person) => person.name === name);
const actions = async (name: string): Promise<string[]> =>
  (await system.api.ok<{ items: { action: string }[] }>('GET', `/audit?subject=${name}`)).items.map(
    ({ action }) => action,
  );

describe('the last admin who can sign in', () => {
  test('keeps the role, whoever asks and however', async () => {
    const only = await signedUp(['admin']);
    // Who was only invited cannot sign in yet, so does not count.
    const { name: invited } = await invite(['admin']);
    const key = { authorization: `Bearer ${system.key}` };
    expect(
      await outcomeOf(
        await send('PUT', `/console/people/${only.name}/roles`, { headers: key, body: { roles: ['reader'] } }),
      ),
    ).toEqual([409, 'LAST_ADMIN']);
    expect(await outcomeOf(await send('DELETE', `/console/people/${only.name}`, { headers: key }))).toEqual([
      409,
      'LAST_ADMIN',
    ]);
    expect(
      await outcomeOf(
        await send('POST', '/console/people', { headers: key, body: { name: only.name, roles: ['reader'] } }),
      ),
    ).toEqual([409, 'LAST_ADMIN']);
    expect(await listed(only.name)).toMatchObject({ scopes: ['admin'], sessions: 1, password: true });
    expect(await actions(only.name)).toEqual(['person.password_set', 'person.invited']);
    await manage('DELETE', `/console/people/${invited}`);

    // Of two who take each other's role away at once, one stays.
    const other = await signedUp(['admin']);
    const outcomes = await Promise.all([
      send('PUT', `/console/people/${other.name}/roles`, { cookie: only.cookie, body: { roles: ['reader'] } }),
      send('PUT', `/console/people/${only.name}/roles`, { cookie: other.cookie, body: { roles: ['reader'] } }),
    ]);
    expect(outcomes.map(({ status }) => status).toSorted()).not.toEqual([204, 204]);
    const roles = [(await listed(only.name))!.scopes, (await listed(other.name))!.scopes];
    expect(roles.flat()).toContain('admin');
  });
});

describe('nobody', () => {
  test('changes their own roles, or keeps themselves out', async () => {
    const { name, cookie } = await signedUp(['admin']);
    for (const [method, path, body] of [
      ['PUT', `/console/people/${name}/roles`, { roles: ['admin', 'support'] }],
      ['POST', '/console/people', { name, roles: ['admin'] }],
      ['DELETE', `/console/people/${name}`, undefined],
    ] as const)
      expect([method, await outcomeOf(await send(method, path, { cookie, body }))]).toEqual([
        method,
        [403, 'FORBIDDEN'],
      ]);
  });

  test('gives, or takes over, what they may not themselves: by people or by keys', async () => {
    const { name, cookie } = await signedUp(['keys:manage']);
    const admin = await signedUp(['admin']);
    const key = `k-${randomUUID().slice(0, 8)}`;
    await system.api.ok('POST', '/api-keys', { body: { name: key, role: 'admin' } });
    for (const [method, path, body] of [
      ['POST', '/console/people', { name: `p-${randomUUID().slice(0, 8)}`, roles: ['operator'] }],
      ['POST', '/console/people', { name: admin.name, roles: ['keys:manage'] }],
      ['POST', `/console/people/${admin.name}/link`, undefined],
      ['PUT', `/console/people/${admin.name}/roles`, { roles: ['keys:manage'] }],
      ['POST', '/api-keys', { name: `k-${randomUUID().slice(0, 8)}`, role: 'operator' }],
      ['POST', `/api-keys/${key}/rotate`, {}],
    ] as const)
      expect([path, await outcomeOf(await send(method, path, { cookie, body }))]).toEqual([path, [403, 'FORBIDDEN']]);
    // What they have they may give.
    const own = `k-${randomUUID().slice(0, 8)}`;
    const given = await send('POST', '/api-keys', { cookie, body: { name: own, scopes: ['keys:manage'] } });
    expect(given.status).toBe(201);
    expect((await listed(name))!.scopes).toEqual(['keys:manage']);
  });
});

test('roles that are changed count at once, and are written down', async () => {
  await signedUp(['admin']);
  const { name, cookie } = await signedUp(['support']);
  expect((await send('GET', '/payments', { cookie })).status).toBe(200);
  await manage('PUT', `/console/people/${name}/roles`, { roles: ['warehouse'] });
  expect((await send('GET', '/payments', { cookie })).status).toBe(403);
  expect((await send('GET', '/stock', { cookie })).status).toBe(200);
  expect((await actions(name))[0]).toBe('person.roles_changed');
  expect(
    await outcomeOf(
      await send('PUT', `/console/people/${name}/roles`, {
        headers: { authorization: `Bearer ${system.key}` },
        body: { roles: ['customer'] },
      }),
    ),
  ).toEqual([400, 'VALIDATION_FAILED']);
});

test('another link is for who forgot the password: the old one is good until it is used', async () => {
  const { name, cookie } = await signedUp(['support']);
  const { link } = await manage<{ link: string }>('POST', `/console/people/${name}/link`);
  expect((await signIn(name, PASSWORD)).status).toBe(204);
  const used = await send('PUT', '/console/session/links', {
    body: { link: link.split('#')[1], password: 'another short sentence' },
  });
  expect(used.status).toBe(204);
  expect((await signIn(name, PASSWORD)).status).toBe(401);
  // Whoever was in with the old one is out.
  expect((await send('GET', '/me', { cookie })).status).toBe(401);
  expect(await actions(name)).toContain('person.link_made');
});

test('an admin ends the sessions of somebody, who may sign in again', async () => {
  const { name, cookie } = await signedUp(['support']);
  expect((await send('GET', '/me', { cookie })).status).toBe(200);
  expect(await manage('DELETE', `/console/people/${name}/sessions`)).toEqual({ ended: 1 });
  expect((await send('GET', '/me', { cookie })).status).toBe(401);
  expect((await signIn(name, PASSWORD)).status).toBe(204);
  expect((await actions(name))[0]).toBe('person.sessions_ended');
});

describe('everybody', () => {
  interface Account {
    readonly sessions: { id: string; agent: string | null; current: boolean }[];
  }
  const accountOf = async (cookie: string): Promise<Account> =>
    (await (await send('GET', '/console/session/account', { cookie })).json()) as Account;

  test('sees their own sessions, and ends one or all of them', async () => {
    const { name, cookie } = await signedUp(['reader']);
    const second = cookieIn(
      await send('POST', '/console/session', {
        body: { name, password: PASSWORD },
        headers: { 'user-agent': 'Phone/1' },
      }),
    );
    const other = await signedUp(['reader']);
    const { sessions } = await accountOf(cookie);
    expect(sessions.map(({ current }) => current).toSorted()).toEqual([false, true]);
    const phone = sessions.find(({ agent }) => agent === 'Phone/1')!;
    expect(phone.current).toBe(false);
    // Nobody ends a session of somebody else.
    const foreign = await send('DELETE', `/console/session/sessions/${phone.id}`, { cookie: other.cookie });
    expect(foreign.status).toBe(404);
    expect((await send('DELETE', `/console/session/sessions/${phone.id}`, { cookie })).status).toBe(204);
    expect((await send('GET', '/me', { cookie: second })).status).toBe(401);
    expect((await send('GET', '/me', { cookie })).status).toBe(200);
    expect((await send('DELETE', '/console/session/sessions', { cookie })).status).toBe(204);
    expect((await send('GET', '/me', { cookie })).status).toBe(401);
    expect((await send('GET', '/me', { cookie: other.cookie })).status).toBe(200);
  });

  test('changes their password, which ends the sessions elsewhere', async () => {
    const { name, cookie } = await signedUp(['reader']);
    const elsewhere = cookieIn(await signIn(name, PASSWORD));
    const change = (current: string, password: string): Promise<Response> =>
      send('PUT', '/console/session/password', { cookie, body: { current, password } });
    expect(await outcomeOf(await change('wrong', 'another short sentence'))).toEqual([400, 'VALIDATION_FAILED']);
    expect(await outcomeOf(await change(PASSWORD, 'short'))).toEqual([400, 'VALIDATION_FAILED']);
    expect((await change(PASSWORD, 'another short sentence')).status).toBe(204);
    expect((await send('GET', '/me', { cookie })).status).toBe(200);
    expect((await send('GET', '/me', { cookie: elsewhere })).status).toBe(401);
    expect((await signIn(name, PASSWORD)).status).toBe(401);
    expect((await signIn(name, 'another short sentence')).status).toBe(204);
  });

  test('is nobody there who comes with a key', async () => {
    const headers = { authorization: `Bearer ${system.key}` };
    const body = { current: PASSWORD, password: 'another short sentence' };
    expect(await outcomeOf(await send('PUT', '/console/session/password', { headers, body }))).toEqual([
      403,
      'FORBIDDEN',
    ]);
    expect(await outcomeOf(await send('POST', '/console/session/passkeys/options', { headers }))).toEqual([
      403,
      'FORBIDDEN',
    ]);
  });
});
