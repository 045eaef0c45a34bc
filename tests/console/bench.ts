import { parseArgs } from 'node:util';
import type { BrowserContext } from 'playwright-core';
import { fillOrders } from '#dev/bench/fill.ts';
import { KEY } from '#dev/bench/measured-system.ts';
import { SystemProcess } from '#dev/bench/system-process.ts';
import { signIn, startBrowser } from '#tests/support/browser.ts';
import { ensureConsole } from '#tools/console.mjs';
import { firstView } from './bench/first-view.ts';
import { filters } from './bench/filters.ts';
import { live } from './bench/live.ts';
import type { Line, Measured } from './bench/measured.ts';
import { scrolling } from './bench/scrolling.ts';

/**
 * `npm run console:bench`: how fast the console is in a real Chromium, against the system as a user starts it: the first
 * view, filters on a million orders, scrolling through a hundred thousand of them, and an overview on which much happens.
 * `--only start,filters,scroll,live` takes some, `--orders` fewer, `--data` keeps the filled store in a folder.
 */

const SECTIONS: Readonly<Record<string, (measured: Measured) => Promise<Line[]>>> = {
  start: firstView,
  filters,
  scroll: scrolling,
  live,
};

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    orders: { type: 'string', default: '1000000' },
    data: { type: 'string' },
  },
});
const chosen = values.only?.split(',') ?? Object.keys(SECTIONS);
const unknown = chosen.filter((name) => !(name in SECTIONS));
if (unknown.length > 0)
  throw new Error(`Unknown section ${unknown.join(', ')}; there are ${Object.keys(SECTIONS).join(', ')}.`);
const log = (line: string): void => void process.stderr.write(`  ${line}\n`);

const problem = await ensureConsole();
if (problem !== undefined) throw new Error(problem);
const browser = await startBrowser();

/** Measures sections on a system of their own: `consume`: its services work; `filled`: that many orders are there before. */
async function measure(sections: readonly string[], consume: boolean, filled: number): Promise<void> {
  if (sections.length === 0) return;
  const system = await SystemProcess.start(
    { OLMS_CONSUME: String(consume) },
    { ...(values.data !== undefined && filled > 0 && { dataFolder: values.data }) },
  );
  try {
    const { rows } = await system.sql.query<{ n: string }>('select count(*) as n from orders.order_states');
    if (Number(rows[0]!.n) < filled) await fillOrders(system.sql, filled, log);
    const signedIn = async (): Promise<BrowserContext> => {
      const context = await browser.newContext({ viewport: { width: 1366, height: 860 }, locale: 'en-US' });
      await signIn(context, { url: system.url, key: KEY }, ['admin']);
      return context;
    };
    for (const name of sections)
      for (const line of await SECTIONS[name]!({ system, browser, orders: filled, log, signedIn })) {
        const { what, figure, target, met } = line;
        process.stdout.write(`${met ? 'ok  ' : 'MISS'}  ${what}: ${figure}  [target ${target}]\n`);
        if (!met) process.exitCode = 1;
      }
  } finally {
    await system.stop();
  }
}

try {
  const isLive = (name: string): boolean => name === 'live';
  // The store stands still while it is read; where much happens, services work.
  await measure(
    chosen.filter((name) => !isLive(name)),
    false,
    Number(values.orders),
  );
  await measure(chosen.filter(isLive), true, 0);
} finally {
  await browser.close();
}
