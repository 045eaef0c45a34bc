import type { CDPSession, Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { Challenges } from '#gateway/console/passkeys.ts';
import { signIn } from '#tests/support/browser.ts';
import { useConsole } from '#tests/support/console.ts';
import { outcomeOf, usePeople } from '#tests/support/people.ts';
import { useSystem } from '#tests/support/system.ts';

/** Passkeys in a real Chromium with an authenticator of its DevTools, and what is refused. */

const system = useSystem();
/** A passkey is for a name, and for no number. */
const here = (): string => system.api.url.replace('127.0.0.1', 'localhost');
const { newContext } = useConsole(system);
const { send, manage, signedUp } = usePeople({
  get api() {
    return { url: here() };
  },
  get key() {
    return system.key;
  },
});

interface Authenticator {
  readonly page: Page;
  readonly devtools: CDPSession;
  readonly id: string;
  readonly name: string;
}

/** Somebody who is signed in, in a browser with an authenticator that knows its person. */
async function withAuthenticator(free?: 'free'): Promise<Authenticator> {
  const context = await newContext(free);
  const name = await signIn(context, { url: here(), key: system.key }, ['support']);
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  await devtools.send('WebAuthn.enable');
  const { authenticatorId: id } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  });
  await page.goto(`${here()}/console/settings/account`);
  return { page, devtools, id, name };
}

async function add(page: Page, name: string): Promise<void> {
  await page.getByLabel('Name of the passkey').fill(name);
  await page.getByRole('button', { name: 'Add a passkey' }).click();
  await page.getByRole('button', { name: `Remove ${name}` }).waitFor();
}

async function signOut(page: Page): Promise<void> {
  await page.getByRole('button', { name: /Signed in as/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
}

/** What the console is asked to sign in with: a new challenge of ours. */
async function options(): Promise<object> {
  return (await (await send('POST', '/console/session/passkey/options')).json()) as object;
}

/** The answer of a page's authenticator to a challenge of ours, as the page would send it. */
async function answered(page: Page): Promise<object> {
  return page.evaluate(
    async (asked) => {
      const { PublicKeyCredential: kind, navigator: browser } = globalThis as never as {
        PublicKeyCredential: { parseRequestOptionsFromJSON(of: unknown): unknown };
        navigator: { credentials: { get(of: object): Promise<{ toJSON(): object }> } };
      };
      const found = await browser.credentials.get({ publicKey: kind.parseRequestOptionsFromJSON(asked) });
      return found.toJSON();
    },
    await options(),
  );
}

const signInWith = (response: object, headers: Record<string, string> = {}): Promise<Response> =>
  send('POST', '/console/session/passkey', { body: { response }, headers });
const refusedWith = [401, 'UNAUTHENTICATED'];

test('somebody adds a passkey and signs in with it, without a name or a password', async () => {
  const { page, name } = await withAuthenticator();
  await add(page, 'my laptop');
  await signOut(page);
  await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
  await page.getByRole('button', { name: `Signed in as ${name}` }).waitFor();
  const { items } = await system.api.ok<{ items: { action: string; actor: string; after: unknown }[] }>(
    'GET',
    `/audit?subject=${name}&action=person.passkey_added`,
  );
  expect(items.map(({ actor, after }) => [actor, after])).toEqual([[name, { passkey: 'my laptop' }]]);
});

describe('an answer is refused', () => {
  test('the second time, and with anything in it changed', async () => {
    const { page } = await withAuthenticator();
    await add(page, 'key');
    const response = await answered(page);
    expect(await outcomeOf(await signInWith(response))).toEqual([204]);
    expect(await outcomeOf(await signInWith(response))).toEqual(refusedWith);
    const other = (await answered(page)) as { response: { clientDataJSON: string } };
    const said = JSON.parse(Buffer.from(other.response.clientDataJSON, 'base64url').toString()) as object;
    const elsewhere = Buffer.from(JSON.stringify({ ...said, origin: 'http://evil.example' })).toString('base64url');
    expect(
      await outcomeOf(await signInWith({ ...other, response: { ...other.response, clientDataJSON: elsewhere } })),
    ).toEqual(refusedWith);
    // The same as it was is good: it was not used up by what was refused.
    expect(await outcomeOf(await signInWith(other))).toEqual([204]);
    // What it answers must be ours.
    const own = { ...said, challenge: Buffer.alloc(54, 7).toString('base64url') };
    const madeUp = Buffer.from(JSON.stringify(own)).toString('base64url');
    expect(
      await outcomeOf(await signInWith({ ...other, response: { ...other.response, clientDataJSON: madeUp } })),
    ).toEqual(refusedWith);
  });

  test('from a page of another origin, which asked for it with a challenge of ours', async () => {
    const { page } = await withAuthenticator('free');
    await add(page, 'key');
    // Of the same host, so that the authenticator answers there, too.
    const elsewhere = 'http://localhost:9';
    await page.route(`${elsewhere}/**`, (route) =>
      route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>a page of others</title>' }),
    );
    await page.goto(`${elsewhere}/`);
    const response = await answered(page);
    expect(await outcomeOf(await signInWith(response, { origin: elsewhere }))).toEqual([403, 'FORBIDDEN']);
    expect(await outcomeOf(await signInWith(response))).toEqual(refusedWith);
  });

  test('of a passkey that was removed, and of somebody who was kept out and let in again', async () => {
    const { page, name } = await withAuthenticator();
    await add(page, 'first');
    const removed = await answered(page);
    await page.getByRole('button', { name: 'Remove first' }).click();
    await page.getByRole('button', { name: 'Yes, do it' }).click();
    await page.getByRole('button', { name: 'Remove first' }).waitFor({ state: 'detached' });
    expect(await outcomeOf(await signInWith(removed))).toEqual(refusedWith);

    const { page: second, name: out } = await withAuthenticator();
    await add(second, 'second');
    const kept = await answered(second);
    await manage('DELETE', `/console/people/${out}`);
    expect(await outcomeOf(await signInWith(kept))).toEqual(refusedWith);
    await manage('POST', '/console/people', { name: out, roles: ['support'] });
    expect(await outcomeOf(await signInWith(kept))).toEqual(refusedWith);
    expect(name).not.toBe(out);
  });

  test('of an authenticator that does not say who uses it', async () => {
    const { page, devtools, id } = await withAuthenticator();
    await add(page, 'key');
    await devtools.send('WebAuthn.setUserVerified', { authenticatorId: id, isUserVerified: false });
    await signOut(page);
    await page.getByRole('button', { name: 'Sign in with a passkey' }).click();
    // The browser asks for it and gets none; nobody is in.
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    expect(await page.evaluate(() => fetch('/me').then(({ status }) => status))).toBe(401);
  });

  test('of a copy: the counter of a passkey only grows', async () => {
    const { page, devtools, id } = await withAuthenticator();
    await add(page, 'key');
    const { credentials } = await devtools.send('WebAuthn.getCredentials', { authenticatorId: id });
    const [copied] = credentials;
    expect(await outcomeOf(await signInWith(await answered(page)))).toEqual([204]);
    expect(await outcomeOf(await signInWith(await answered(page)))).toEqual([204]);
    // The copy has the counter of then.
    await devtools.send('WebAuthn.removeCredential', { authenticatorId: id, credentialId: copied!.credentialId });
    await devtools.send('WebAuthn.addCredential', { authenticatorId: id, credential: copied! });
    expect(await outcomeOf(await signInWith(await answered(page)))).toEqual(refusedWith);
  });
});

describe('adding one', () => {
  test('is refused for an answer that was given before, and for another person', async () => {
    const { page } = await withAuthenticator();
    const sent = page.waitForRequest((request) => request.url().endsWith('/console/session/passkeys'));
    await add(page, 'key');
    const body = (await sent).postDataJSON() as object;
    const again = await page.evaluate(async (json) => {
      const headers = { 'content-type': 'application/json', 'x-olms-console': '1' };
      return (await fetch('/console/session/passkeys', { method: 'POST', headers, body: json })).status;
    }, JSON.stringify(body));
    expect(again).toBe(400);
    const { cookie } = await signedUp(['support']);
    expect(await outcomeOf(await send('POST', '/console/session/passkeys', { cookie, body }))).toEqual([
      400,
      'VALIDATION_FAILED',
    ]);
  });

  test('is not offered where the address is a number, with the reason and where it is', async () => {
    const context = await newContext();
    await signIn(context, { url: system.api.url, key: system.key }, ['support']);
    const page = await context.newPage();
    await page.goto(`${system.api.url}/console/settings/account`);
    await page.getByText('A passkey is for a name').waitFor();
    expect(await page.getByRole('link', { name: /localhost/ }).getAttribute('href')).toBe(`${here()}/console/`);
    expect(await page.getByRole('button', { name: 'Add a passkey' }).count()).toBe(0);
  });
});

test('a challenge is good for minutes, and for what it was made for', () => {
  let nowMs = 1_000_000;
  const challenges = new Challenges(Buffer.alloc(32, 1), () => nowMs);
  const challenge = challenges.make('sign-in').toString('base64url');
  expect(challenges.isGood(challenge, 'sign-in')).toBe(true);
  expect(challenges.isGood(challenge, 'add x y')).toBe(false);
  expect(challenges.isGood(challenge.slice(0, -2), 'sign-in')).toBe(false);
  expect(new Challenges(Buffer.alloc(32, 2), () => nowMs).isGood(challenge, 'sign-in')).toBe(false);
  nowMs += 300_001;
  expect(challenges.isGood(challenge, 'sign-in')).toBe(false);
});
