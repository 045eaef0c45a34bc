import { afterAll, beforeAll, expect, test } from 'vitest';
import { Issuer } from '#tests/support/issuer.ts';
import { startTestSystem, type TestSystem } from '#tests/support/system.ts';

/** Signing in to the console at an issuer: the code flow with PKCE, followed as a browser follows it. */

let issuer: Issuer;
let system: TestSystem;
beforeAll(async () => {
  issuer = await Issuer.start();
  system = await startTestSystem({ env: { ...issuer.env, OIDC_CLIENT_ID: 'console' } });
});
afterAll(async () => {
  await system?.stop();
  await issuer?.stop();
});

const get = (path: string, cookie = ''): Promise<Response> =>
  fetch(new URL(path, system.api.url), { redirect: 'manual', headers: { cookie } });
const cookiesOf = (answer: Response): string =>
  answer.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0]!)
    .join('; ');

/** Goes to the issuer and comes back with its code for somebody with these roles. */
async function comeBack(roles: readonly string[], change = (state: string): string => state): Promise<Response> {
  const begun = await get('/console/session/issuer?to=/console/orders');
  const asked = new URL(begun.headers.get('location')!);
  expect(asked.href).toContain(`${issuer.url}/authorize?`);
  expect(asked.searchParams.get('code_challenge_method')).toBe('S256');
  issuer.codes.set('code-1', {
    challenge: asked.searchParams.get('code_challenge')!,
    token: await issuer.token({ roles }),
  });
  const state = change(asked.searchParams.get('state')!);
  return get(`/console/session/issuer/callback?code=code-1&state=${state}`, cookiesOf(begun));
}

test('who the issuer knows is in, with the roles of the token, where they wanted to go', async () => {
  const answer = await comeBack(['support']);
  expect(answer.headers.get('location')).toBe('/console/orders');
  const me = (await (await get('/me', cookiesOf(answer))).json()) as object;
  expect(me).toMatchObject({ kind: 'person', roles: ['support'] });
});

test('an answer that was asked for by somebody else opens nothing, and nor does one without a role', async () => {
  const forged = await comeBack(['support'], () => 'another');
  expect([forged.headers.get('location'), cookiesOf(forged)]).toEqual(['/console/?denied=again', 'olms_sign_in=']);
  const unknown = await comeBack([]);
  expect([unknown.headers.get('location'), cookiesOf(unknown)]).toEqual(['/console/?denied=roles', 'olms_sign_in=']);
});

test('goes on to no address but one of the console', async () => {
  const begun = await get(`/console/session/issuer?to=${encodeURIComponent('//evil.example')}`);
  const asked = new URL(begun.headers.get('location')!);
  issuer.codes.set('code-2', {
    challenge: asked.searchParams.get('code_challenge')!,
    token: await issuer.token({ roles: ['reader'] }),
  });
  const back = await get(
    `/console/session/issuer/callback?code=code-2&state=${asked.searchParams.get('state')}`,
    cookiesOf(begun),
  );
  expect(back.headers.get('location')).toBe('/console/');
});
