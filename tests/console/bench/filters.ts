import type { Page } from 'playwright-core';
import { type Line, type Measured, ms, quantile } from './measured.ts';

/**
 * From the click that sets a filter, or the last letter of what is typed, to the frame in which the rows are painted.
 * Typing is measured with the moment that the box waits for another letter, and from the request that follows.
 */

const ROUNDS = 12;
const TARGET_MS = 200;
/** Stands in the page: when something was asked, and a promise of the frame in which its rows are shown. */
const WATCH = `
globalThis.watched = { asked: 0, requested: 0 };
for (const type of ['click', 'input', 'change', 'keydown'])
  addEventListener(type, () => { watched.asked = performance.now(); }, true);
const plain = globalThis.fetch;
globalThis.fetch = (...given) => {
  if (String(given[0]).includes('/orders?')) watched.requested = performance.now();
  return plain(...given);
};
globalThis.settled = (before) => new Promise((resolve) => {
  const look = () => {
    const rows = document.querySelector('.rows');
    const none = document.querySelector('.empty');
    if ((rows && rows !== before && rows.getAttribute('aria-busy') !== 'true' && rows.querySelector('.row.body:not(.waiting)')) || (none && none !== before))
      return requestAnimationFrame(() => setTimeout(() => resolve({ answer: performance.now() - watched.asked, request: performance.now() - watched.requested })));
    requestAnimationFrame(look);
  };
  look();
});`;

interface Took {
  readonly answer: number;
  readonly request: number;
}

async function taken(page: Page, act: () => Promise<void>): Promise<Took> {
  await page.evaluate(
    `globalThis.done = settled(document.querySelector('.rows') ?? document.querySelector('.empty')); undefined`,
  );
  await act();
  return page.evaluate('done');
}

const choose =
  (label: string, option: (round: number) => string) =>
  async (page: Page, round: number): Promise<() => Promise<void>> => {
    await page.getByRole('combobox', { name: label, exact: true }).click();
    const wanted = page.getByRole('option', { name: option(round), exact: true });
    await wanted.waitFor();
    return () => wanted.click();
  };
const type =
  (name: string, text: (round: number) => string, enter = false) =>
  async (page: Page, round: number): Promise<() => Promise<void>> => {
    if (enter) await page.getByRole('button', { name: 'Filters', exact: true }).click();
    const box = page.getByLabel(name, { exact: true }).first();
    await box.click();
    const typed = text(round);
    if (enter) {
      await box.fill(typed);
      return () => box.press('Enter');
    }
    if (typed.length > 1) await box.pressSequentially(typed.slice(0, -1), { delay: 5 });
    return () => box.press(typed.at(-1)!);
  };

/** What is done, ready up to its last click or letter. */
const ACTS: Readonly<Record<string, (page: Page, round: number) => Promise<() => Promise<void>>>> = {
  'a status that most have': choose('Status', () => 'Completed'),
  'a status that few have': choose('Status', (n) => ['Rejected', 'Payment failed', 'Cancelled'][n % 3]!),
  'a payment status': choose('Payment', (n) => ['Captured', 'Failed', 'Refunded'][n % 3]!),
  'the oldest first': choose('Sort', () => 'Oldest first'),
  'only overdue': async (page) => () => page.getByLabel('Only overdue').click(),
  'a channel': type('Channel', (n) => ['web', 'store', 'marketplace', 'phone'][n % 4]!, true),
  'a country': type('Country', (n) => ['FR', 'DE'][n % 2]!, true),
  'an SKU': type('SKU', (n) => `SKU-${n * 7}`, true),
  'typing a name': type('Search', (n) => `family${n * 13}`),
  'typing an e-mail': type('Search', (n) => `customer${n * 1_009}@example.com`),
  'typing a phone number': type('Search', (n) => `030 ${1_000_000 + n * 97}`),
  'typing two words': type('Search', (n) => ['anna fam', 'leon fam', 'cus rosa'][n % 3]!),
};

export async function filters({ system, orders, log, signedIn }: Measured): Promise<Line[]> {
  const context = await signedIn();
  await context.addInitScript(WATCH);
  const page = await context.newPage();
  const all: number[] = [];
  const lines: Line[] = [];
  for (const [what, prepare] of Object.entries(ACTS)) {
    const times: Took[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      await page.goto(`${system.url}/console/orders`);
      await page.locator('.row.body:not(.waiting)').first().waitFor();
      const act = await prepare(page, round);
      // What was typed before the last letter has been asked for already.
      await page.waitForTimeout(400);
      times.push(await taken(page, act));
    }
    const typed = what.startsWith('typing');
    const counted = times.map(({ answer, request }) => (typed ? request : answer));
    all.push(...counted);
    const p95 = quantile(counted, 0.95);
    lines.push({
      what: `orders by ${what}, of ${orders.toLocaleString('en-US')}`,
      figure: `p95 ${ms(p95)}, p50 ${ms(quantile(counted, 0.5))}${
        typed
          ? ` from the request; from the last letter ${ms(
              quantile(
                times.map(({ answer }) => answer),
                0.95,
              ),
            )}`
          : ''
      }`,
      target: `< ${ms(TARGET_MS)}`,
      met: p95 < TARGET_MS,
    });
    log(`${what}: ${lines.at(-1)!.figure}`);
  }
  await context.close();
  const p95 = quantile(all, 0.95);
  return [
    ...lines,
    {
      what: 'orders by all of these',
      figure: `p95 ${ms(p95)}, p50 ${ms(quantile(all, 0.5))}`,
      target: `< ${ms(TARGET_MS)}`,
      met: p95 < TARGET_MS,
    },
  ];
}
