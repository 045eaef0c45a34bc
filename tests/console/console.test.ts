import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { seriousFindings } from '#tests/support/browser.ts';
import { useConsole } from '#tests/support/console.ts';
import { useSystem } from '#tests/support/system.ts';
import { ROOT as root } from '#tests/deploy/files.ts';

/** The console in a real Chromium, against the real system: the main job of each screen. */

const system = useSystem();
const { newContext } = useConsole(system);

test('the first view asks for less than 200 KB of compressed script', () => {
  const dist = join(root, 'console/dist');
  const page = readFileSync(join(dist, 'index.html'), 'utf8');
  const named = [...page.matchAll(/assets\/[\w.-]+\.js/g)].map(([name]) => name);
  // The page of the overview is loaded by what the first file says, and so is what it shares with others.
  const entry = readFileSync(join(dist, named[0]!), 'utf8');
  const lists = /\[((?:"assets\/[^"]+",?)+)\]/.exec(entry)?.[1] ?? '';
  const overview = readdirSync(join(dist, 'assets')).filter((name) =>
    /^(overview|waiting|session|icons|rolldown)-.*\.js$/.test(name),
  );
  const files = new Set([...named, ...overview.map((name) => `assets/${name}`)]);
  const bytes = [...files].reduce((sum, name) => sum + statSync(join(dist, `${name}.br`)).size, 0);
  expect(lists).not.toBe('');
  console.log(`first view: ${(bytes / 1024).toFixed(1)} KB of script in ${files.size} files`);
  expect(bytes).toBeLessThan(200 * 1024);
});

test('a person chooses a password by the link that they were given, and is in', async () => {
  const { link } = (await (
    await fetch(`${system.api.url}/console/people`, {
      method: 'POST',
      headers: { authorization: `Bearer ${system.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'Grace', roles: ['support'] }),
    })
  ).json()) as { link: string };
  const page = await (await newContext()).newPage();
  await page.goto(link);
  await page.getByText('Welcome, Grace').waitFor();
  expect(await seriousFindings(page)).toEqual([]);
  await page.locator('input[name=password]').fill('a short sentence will do');
  await page.locator('input[name=again]').fill('a short sentence will do');
  await page.getByRole('button', { name: 'Set password and sign in' }).click();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
  // The secret of the link is not in the address any more.
  expect(page.url()).not.toContain('#');
  await page.getByRole('button', { name: /Signed in as Grace/ }).click();
  await page.getByRole('menuitem', { name: 'Sign out' }).click();
  await page.getByLabel('Name').fill('Grace');
  await page.getByLabel('Password').first().fill('a short sentence will do');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByRole('heading', { name: 'Overview' }).waitFor();
});
