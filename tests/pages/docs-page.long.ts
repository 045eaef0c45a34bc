import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Browser, Page } from 'playwright-core';
import { startBrowser } from '#tests/support/browser.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';

/** The page of the API in a real browser that reaches nothing else: it is searched, and it calls the system. */

const system = useSystem();
let browser: Browser;
let page: Page;
/** Addresses that the page asked for. */
const requested: string[] = [];
/** What the browser complains about: errors of scripts, and what a policy or the network forbids. */
const complaints: string[] = [];
beforeAll(async () => {
  browser = await startBrowser(['--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1']);
  page = await browser.newPage();
  page.on('request', (request) => requested.push(request.url()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    // Recommendations are no complaints.
    if (String(message.type()) !== 'verbose') complaints.push(`${message.type()}: ${message.text()}`);
  });
  await page.goto(`${system.api.url}/docs`);
}, 300_000);
afterAll(() => browser?.close());

const OPERATION = `document.getElementById('putProduct')`;
const type = (element: string, text: string): Promise<unknown> =>
  page.evaluate(
    `(() => { const field = ${element}; field.value = ${JSON.stringify(text)}; field.dispatchEvent(new Event('input', { bubbles: true })); })()`,
  );
const shown = (): Promise<string[]> =>
  page.evaluate(
    `[...document.querySelectorAll('main section .op')].filter((op) => !op.hidden && op.id).map((op) => op.id)`,
  );

test('finds operations by what they are called, take and do', async () => {
  const all = await shown();
  expect(all.length).toBeGreaterThan(80);
  await type(`document.getElementById('search')`, 'tracking number');
  expect(await shown()).toContain('dispatchShipment');
  expect((await shown()).length).toBeLessThan(all.length / 2);
  await type(`document.getElementById('search')`, 'no such thing at all');
  expect(await shown()).toEqual([]);
  expect(await page.evaluate(`document.getElementById('none').hidden`)).toBe(false);
  await type(`document.getElementById('search')`, '');
  expect(await shown()).toEqual(all);
});

/** Fills in the form of an operation, sends it, and gives the answer that is shown. */
async function tried(sku: string, body: object): Promise<string> {
  await type(`${OPERATION}.querySelector('[data-name="sku"]')`, sku);
  await type(`${OPERATION}.querySelector('textarea')`, JSON.stringify(body));
  await page.evaluate(`${OPERATION}.querySelector('form').requestSubmit()`);
  return until('the answer', async () => {
    const text = await page.evaluate<string>(`${OPERATION}.querySelector('output').textContent`);
    return /^\d{3} /.test(text) ? text : undefined;
  });
}

test('sends a call with the key that was entered, and shows the answer', async () => {
  expect(await tried('PAGE-1', { name: 'Mug' })).toMatch(/^401 [^]*"code": "UNAUTHENTICATED"/);
  await type(`document.getElementById('key')`, system.key);
  const name = '<img src=x onerror="document.title = 1">';
  const answer = await tried('PAGE-1', { name, price: '9.95', currency: 'EUR' });
  expect(answer).toMatch(/^201 Created in \d+ ms\n[^]*etag: [^]*"sku": "PAGE-1"/);
  // What comes back is text.
  expect(answer).toContain('<img src=x onerror=');
  expect(await page.evaluate(`document.querySelectorAll('output *').length`)).toBe(0);
  expect(await system.api.get(`/products/PAGE-1`)).toMatchObject({ name, price: '9.95' });
});

test('asks nobody else for anything, keeps no key, and breaks no rule of its policy', async () => {
  const { origin } = new URL(system.api.url);
  expect(requested.filter((url) => !url.startsWith(`${origin}/`) && !url.startsWith('data:'))).toEqual([]);
  expect(await page.evaluate(`localStorage.length + sessionStorage.length + document.cookie.length`)).toBe(0);
  // The call without a key was refused, which the browser notes.
  expect(complaints.filter((text) => !text.includes('401'))).toEqual([]);
  // A script that is not the page's own does not run, and no other system is called.
  await page.evaluate(
    `(() => { const script = document.createElement('script'); script.textContent = 'window.strange = 1'; document.body.append(script); })()`,
  );
  expect(await page.evaluate(`typeof window.strange`)).toBe('undefined');
  expect(await page.evaluate(`fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')`)).toBe('refused');
  await until('the policy to be quoted', () => complaints.some((text) => text.includes('connect-src')));
});
