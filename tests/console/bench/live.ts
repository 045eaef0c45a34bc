import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Line, type Measured, ms, quantile } from './measured.ts';

/** The overview while fifty events a second arrive: what keeps its thread from answering, and how soon it answers a key. */

const SECONDS = 30;
const EVENTS_PER_SECOND = 50;
/** Of a paid order of one line, up to its delivery. */
const EVENTS_PER_ORDER = 12;
const TARGET_MS = 100;

export async function live({ system, log, signedIn }: Measured): Promise<Line[]> {
  await system.stockUp();
  const context = await signedIn();
  const page = await context.newPage();
  await page.goto(`${system.url}/console/`);
  await page.locator('.lifecycle .count').first().waitFor();
  await page.evaluate(
    `globalThis.long = []; new PerformanceObserver((list) => long.push(...list.getEntries().map((one) => one.duration))).observe({ type: 'longtask' });`,
  );
  const events = async (): Promise<number> => {
    const { rows } = await system.sql.query<{ n: string }>('select count(*) as n from log.order_outbox');
    return Number(rows[0]!.n);
  };
  const before = await events();
  const startedMs = performance.now();
  let placed = 0;
  let failed: Error | undefined;
  const everyMs = (1_000 * EVENTS_PER_ORDER) / (EVENTS_PER_SECOND * 1.1);
  const placing = setInterval(() => {
    const sku = system.skus[placed++ % system.skus.length]!;
    void system
      .call('POST', '/orders', {
        customerId: randomUUID(),
        currency: 'EUR',
        items: [{ sku, quantity: 1, unitPrice: '9.95' }],
        payment: { token: 'tok_approve' },
      })
      .catch((error: unknown) => (failed = error as Error));
  }, everyMs);
  const answers: number[] = [];
  try {
    while (performance.now() - startedMs < SECONDS * 1_000) {
      await sleep(2_000);
      const pressedMs = performance.now();
      await page.keyboard.press('?');
      await page.getByRole('dialog').waitFor();
      answers.push(performance.now() - pressedMs);
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
    }
  } finally {
    clearInterval(placing);
  }
  if (failed) throw failed;
  const perSecond = ((await events()) - before) / ((performance.now() - startedMs) / 1_000);
  const long = await page.evaluate<number[]>('long');
  const shown = await page.evaluate<string>(
    `[...document.querySelectorAll('.tile')].map((tile) => tile.textContent).join(', ')`,
  );
  log(`the overview shows: ${shown}`);
  await context.close();
  const longest = Math.max(0, ...long);
  return [
    {
      what: `events a second on the stream for ${SECONDS} s`,
      figure: perSecond.toFixed(0),
      target: `≥ ${EVENTS_PER_SECOND}`,
      met: perSecond >= EVENTS_PER_SECOND,
    },
    {
      what: 'longest task of the overview meanwhile',
      figure: `${longest === 0 ? 'none above 50 ms' : ms(longest)} (${long.length} above 50 ms)`,
      target: `< ${ms(TARGET_MS)}`,
      met: longest < TARGET_MS,
    },
    {
      what: 'the answer to a key meanwhile',
      figure: `p50 ${ms(quantile(answers, 0.5))}, slowest ${ms(quantile(answers, 1))}`,
      target: '< 500 ms',
      met: quantile(answers, 1) < 500,
    },
  ];
}
