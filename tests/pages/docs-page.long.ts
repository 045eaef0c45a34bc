import { afterAll, beforeAll, expect, test } from 'vitest';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { ChromiumPage } from './chromium.ts';

/** The page of the API in a real browser that reaches nothing else: it is searched, and it calls the system. */

const system = useSystem();
let page: ChromiumPage;
beforeAll(async () => {
  page = await ChromiumPage.open();
  await page.go(`${system.api.url}/docs`);
}, 300_000);
afterAll(() => page?.close());

const OPERATION = `document.getElementById('putProduct')`;
const type = (element: string, text: string): Promise<unknown> =>
  page.run(
    `(() => { const field = ${element}; field.value = ${JSON.stringify(text)}; field.dispatchEvent(new Event('input', { bubbles: true })); })()`,
  );
const shown = (): Promise<string[]> =>
  page.run(`[...document.querySelectorAll('main section .op')].filter((op) => !op.hidden && op.id).map((op) => op.id)`);

test('finds operations by what they are called, take and do', async () => {
  const all = await shown();
  expect(all.length).toBeGreaterThan(80);
  await type(`document.getElementById('search')`, 'tracking number');
  expect(await shown()).toContain('dispatchShipment');
  expect((await shown()).length).toBeLessThan(all.length / 2);
  await type(`document.getElementById('search')`, 'no such thing at all');
  expect(await shown()).toEqual([]);
  expect(await page.run(`document.getElementById('none').hidden`)).toBe(false);
  await type(`document.getElementById('search')`, '');
  expect(await shown()).toEqual(all);
});

/** Fills in the form of an operation, sends it, and gives the answer that is shown. */
async function tried(sku: string, body: object): Promise<string> {
  await type(`${OPERATION}.querySelector('[data-name="sku"]')`, sku);
  await type(`${OPERATION}.querySelector('textarea')`, JSON.stringify(body));
  await page.run(`${OPERATION}.querySelector('form').requestSubmit()`);
  return until('the answer', async () => {
    const text = await page.run<string>(`${OPERATION}.querySelector('output').textContent`);
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
  expect(await page.run(`document.querySelectorAll('output *').length`)).toBe(0);
  expect(await system.api.get(`/products/PAGE-1`)).toMatchObject({ name, price: '9.95' });
});

test('asks nobody else for anything, keeps no key, and breaks no rule of its policy', async () => {
  const { origin } = new URL(system.api.url);
  expect(page.requested.filter((url) => !url.startsWith(`${origin}/`) && !url.startsWith('data:'))).toEqual([]);
  expect(await page.run(`localStorage.length + sessionStorage.length + document.cookie.length`)).toBe(0);
  // The call without a key was refused, which the browser notes.
  expect(page.complaints.filter((text) => !text.includes('401'))).toEqual([]);
  // A script that is not the page's own does not run, and no other system is called.
  await page.run(
    `(() => { const script = document.createElement('script'); script.textContent = 'window.strange = 1'; document.body.append(script); })()`,
  );
  expect(await page.run(`typeof window.strange`)).toBe('undefined');
  expect(await page.run(`fetch('http://127.0.0.1:9/').then(() => 'sent', () => 'refused')`)).toBe('refused');
  await until('the policy to be quoted', () => page.complaints.some((text) => text.includes('connect-src')));
});
