import { describe, expect, test } from 'vitest';
import { PERMISSIONS, ROLES } from '#contracts/permissions.ts';
import { seriousFindings } from '#tests/support/browser.ts';
import { useConsole } from '#tests/support/console.ts';
import { usePeople } from '#tests/support/people.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import * as german from '../../console/src/text/de/settings.ts';

/** The settings of the console in a real Chromium: people, keys, roles, one's own account. */

const system = useSystem();
const { newContext, open } = useConsole(system);
const { signedUp, manage } = usePeople(system);

interface Person {
  readonly name: string;
  readonly scopes: string[];
  readonly disabledAt: string | null;
}
const person = async (name: string): Promise<Person | undefined> =>
  (await manage<{ items: Person[] }>('GET', '/console/people')).items.find((one) => one.name === name);

describe('people', () => {
  test('are invited by a link that is shown once, which lets them in', async () => {
    const page = await open('/settings/people');
    await page.getByRole('button', { name: 'Invite somebody' }).click();
    await page.getByLabel('Name').fill('Katherine');
    await page.getByRole('checkbox', { name: 'Support' }).check();
    expect(await seriousFindings(page)).toEqual([]);
    await page.getByRole('button', { name: 'Invite somebody' }).last().click();
    const link = await page.getByTestId('secret').innerText();
    expect(link).toMatch(/\/console\/welcome#[\w-]{43}$/);
    await page.getByText('It is shown this once').waitFor();
    await page.getByRole('button', { name: 'Close' }).last().click();
    await page.getByText('Katherine').waitFor();
    // Nothing shows it again.
    expect(await page.content()).not.toContain(link.split('#')[1]);

    const other = await (await newContext()).newPage();
    await other.goto(link);
    await other.getByText('Welcome, Katherine').waitFor();
    expect((await person('Katherine'))!.scopes).toEqual(['support']);
  });

  test('get other roles, are signed out, and are kept out only after that was confirmed', async () => {
    const { name } = await signedUp(['support']);
    const page = await open('/settings/people');
    const act = async (item: string): Promise<void> => {
      await page.getByRole('button', { name: `Actions for ${name}` }).click();
      await page.getByRole('menuitem', { name: item }).click();
    };
    await act('Change roles');
    await page.getByRole('checkbox', { name: 'Warehouse' }).check();
    await page.getByText(`${name} may from now on what these roles may: Support, Warehouse.`).waitFor();
    await page.getByRole('button', { name: 'Yes, do it' }).click();
    await until('the roles', async () => (await person(name))!.scopes.length === 2);
    await act('End sessions');
    await page.getByText(`Signs ${name} out everywhere (1 session)`).waitFor();
    await page.getByRole('button', { name: 'Yes, do it' }).click();
    await page.getByRole('row', { name: new RegExp(`${name}.* 0 `) }).waitFor();
    await act('Keep out');
    await page.getByText('cannot sign in any more').waitFor();
    await page.getByRole('button', { name: 'Keep as it is' }).click();
    expect((await person(name))!.disabledAt).toBeNull();
    await act('Keep out');
    await page.getByRole('button', { name: 'Yes, do it' }).click();
    await until('them to be out', async () => (await person(name))!.disabledAt !== null);
    await page.getByRole('row', { name: new RegExp(`${name}.*Kept out`) }).waitFor();
    expect(await seriousFindings(page)).toEqual([]);
  });

  test('do not see people and keys who may not manage them', async () => {
    const page = await open('/settings', ['operator']);
    await page.getByRole('heading', { name: 'Who you are' }).waitFor();
    expect(await page.getByRole('link', { name: 'People' }).count()).toBe(0);
    expect(await page.getByRole('link', { name: 'API keys' }).count()).toBe(0);
    await page.goto(`${system.api.url}/console/settings/people`);
    await page.getByText('Your role does not include this').waitFor();
  });
});

test('a key is shown once, opens what it may, and nothing after it was revoked', async () => {
  const page = await open('/settings/keys');
  await page.getByRole('button', { name: 'Create a key' }).click();
  await page.getByLabel('Name').fill('exports');
  await page.getByRole('combobox', { name: 'May' }).click();
  await page.getByRole('option', { name: 'Chosen permissions' }).click();
  await page.getByRole('combobox', { name: 'Roles and permissions' }).click();
  await page.getByRole('option', { name: 'Read and find orders' }).click();
  await page.keyboard.press('Escape');
  expect(await seriousFindings(page)).toEqual([]);
  await page.getByRole('button', { name: 'Create a key' }).last().dblclick();
  const key = await page.getByTestId('secret').innerText();
  const of = system.api.as(key);
  expect((await of.call('GET', '/orders')).status).toBe(200);
  expect((await of.call('GET', '/stock')).status).toBe(403);
  await page.getByRole('button', { name: 'Close' }).last().click();

  await page.getByRole('button', { name: 'Rotate exports' }).click();
  await page.getByRole('combobox', { name: 'The present secret is good' }).click();
  await page.getByRole('option', { name: 'no longer' }).click();
  await page.getByRole('button', { name: 'Yes, do it' }).click();
  const next = await page.getByTestId('secret').innerText();
  expect(next).not.toBe(key);
  expect((await of.call('GET', '/orders')).status).toBe(401);
  expect((await system.api.as(next).call('GET', '/orders')).status).toBe(200);
  await page.getByRole('button', { name: 'Close' }).last().click();

  await page.getByRole('button', { name: 'Revoke exports' }).click();
  await page.getByText('It cannot be undone').waitFor();
  await page.getByRole('button', { name: 'Yes, do it' }).click();
  await until('its end', async () => (await system.api.as(next).call('GET', '/orders')).status === 401);
  await page.getByRole('row', { name: /exports/ }).waitFor({ state: 'detached' });
});

describe('the table of rights', () => {
  test('is the published one, for everybody', async () => {
    const page = await open('/settings/roles', ['reader']);
    await page.getByRole('heading', { name: 'What each role may' }).waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    const table = page.locator('table.matrix');
    const roles = (await table.locator('thead th').allInnerTexts()).slice(1).map((role) => role.toLowerCase());
    const rows = await table
      .locator('tbody tr')
      .evaluateAll((found) =>
        found.map((row) => [
          row.querySelector('code')?.textContent ?? '',
          ...[...row.children].slice(1).map(({ textContent }) => textContent),
        ]),
      );
    const shown = Object.fromEntries(
      rows.map(([permission, ...cells]) => [permission, roles.filter((_, at) => cells[at] === '✓')]),
    );
    const published = Object.fromEntries(
      Object.entries(PERMISSIONS)
        .map(([name, row]) => [
          name,
          Object.keys(ROLES).filter((role) => role !== 'service' && row.roles.has(role as never)),
        ])
        .filter(([, having]) => having!.length > 0),
    );
    expect(shown).toEqual(published);
  });

  test('has every role and every permission in German, too', () => {
    const given = Object.keys(ROLES).filter((role) => role !== 'service');
    const permissions = Object.entries(PERMISSIONS).filter(([, { roles }]) => roles.size > 1);
    expect(Object.keys(german.roleNames)).toEqual(given);
    expect(Object.keys(german.roleMeanings)).toEqual(given);
    expect(Object.keys(german.permissionMeanings).toSorted()).toEqual(permissions.map(([name]) => name).toSorted());
  });
});

test('somebody changes their password, and signs out everywhere', async () => {
  const page = await open('/settings/account', ['support']);
  await page.getByLabel('Present password').fill('correct horse battery staple');
  await page.getByLabel('New password').fill('another short sentence');
  expect(await seriousFindings(page)).toEqual([]);
  await page.getByRole('button', { name: 'Change password' }).click();
  await page.getByText('Changed. Your other sessions have ended.').waitFor();
  await page.getByRole('button', { name: 'Sign out everywhere' }).click();
  await page.getByText('this one included').waitFor();
  await page.getByRole('button', { name: 'Yes, do it' }).click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
});
