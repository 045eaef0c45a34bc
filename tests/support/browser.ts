import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import axe from 'axe-core';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { debianProgram } from '#dev/brokers/programs.ts';

/** A real Chromium: `CHROMIUM_PATH`, or Debian's; `more`: further arguments of its command line. */
export async function startBrowser(more: readonly string[] = []): Promise<Browser> {
  const given = process.env['CHROMIUM_PATH'];
  const { command, env } = given
    ? { command: given, env: {} }
    : await debianProgram('chromium', 'chromium', 'Install Chromium, or set CHROMIUM_PATH.', () => {});
  // What starts Debian's looks for it where a package is installed, and not where one is unpacked.
  const unpacked = join(dirname(command), '../lib/chromium/chromium');
  return chromium.launch({
    executablePath: command.startsWith('/usr/') || !existsSync(unpacked) ? command : unpacked,
    // Root, as in many containers, has no sandbox; nothing but our own pages is shown.
    args: ['--no-sandbox', '--disable-dev-shm-usage', ...more],
    env: { ...process.env, ...env } as Record<string, string>,
  });
}

/** Signs somebody in with these roles: by an invitation, and the password that they choose. Returns their name. */
export async function signIn(
  context: BrowserContext,
  { url, key }: { readonly url: string; readonly key: string },
  roles: readonly string[],
): Promise<string> {
  const { origin, hostname } = new URL(url);
  const name = `${roles[0]}-${Math.random().toString(36).slice(2, 8)}`;
  const headers = { 'content-type': 'application/json', 'x-olms-console': '1', origin };
  const invited = await fetch(`${url}/console/people`, {
    method: 'POST',
    headers: { ...headers, authorization: `Bearer ${key}` },
    body: JSON.stringify({ name, roles }),
  });
  const { link } = (await invited.json()) as { link: string };
  const signedIn = await fetch(`${url}/console/session/links`, {
    method: 'PUT',
    headers,
    body: JSON.stringify({ link: link.split('#')[1], password: 'correct horse battery staple' }),
  });
  const [cookie = ''] = signedIn.headers.getSetCookie();
  const [cookieName, value] = cookie.split(';')[0]!.split('=');
  await context.addCookies([
    { name: cookieName!, value: value!, domain: hostname, path: '/', httpOnly: true, sameSite: 'Strict' },
  ]);
  return name;
}

/** What axe finds in a page that is serious or worse, as text. */
export async function seriousFindings(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: typeof axe }).axe.run({
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa'],
    } as never),
  );
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`);
}
