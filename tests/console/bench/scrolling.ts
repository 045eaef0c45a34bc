import type { CDPSession, Page } from 'playwright-core';
import { type Line, type Measured, ms, quantile } from './measured.ts';

/**
 * Scrolling through a hundred thousand orders, as the browser shows it: its frames are recorded as pictures, and each row's
 * place in them is looked at for something written. Rows that wait to be loaded count as empty, too.
 */

const ROWS_MAX = 100_000;
const ROW = 44;
/** Of the places of rows in all frames, so many may be empty. */
const EMPTY_MAX = 0.01;
/** Who jumps to the end of what is loaded sees so many that wait, of one frame. */
const WORST_MAX = 0.3;

interface Frames {
  readonly count: number;
  readonly empty: number;
  readonly worst: number;
}

/** Stands in a page of its own: how many rows of a frame show nothing, in the column of numbers. */
const LOOK = `
globalThis.look = async (data, left, top, bottom) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
  const image = await createImageBitmap(new Blob([bytes], { type: 'image/jpeg' }));
  const canvas = new OffscreenCanvas(image.width, image.height);
  const context = canvas.getContext('2d');
  context.drawImage(image, 0, 0);
  let places = 0, empty = 0;
  for (let y = top; y + ${ROW} <= bottom; y += ${ROW}) {
    const { data: pixels } = context.getImageData(left, y, 140, ${ROW});
    let dark = 0;
    for (let at = 0; at < pixels.length; at += 4) if (pixels[at] + pixels[at + 1] + pixels[at + 2] < 330) dark++;
    places++;
    if (dark < 12) empty++;
  }
  return { places, empty };
};`;

/** Does something, and looks at every frame that the browser showed meanwhile. */
async function watch(
  cdp: CDPSession,
  looker: Page,
  box: { x: number; y: number; height: number },
  act: () => Promise<void>,
) {
  const frames: string[] = [];
  const take = ({ data, sessionId }: { data: string; sessionId: number }): void => {
    frames.push(data);
    void cdp.send('Page.screencastFrameAck', { sessionId }).catch(() => {});
  };
  cdp.on('Page.screencastFrame', take);
  await cdp.send('Page.startScreencast', { format: 'jpeg', quality: 60, everyNthFrame: 1 });
  await act();
  await cdp.send('Page.stopScreencast');
  cdp.off('Page.screencastFrame', take);
  let places = 0;
  let empty = 0;
  let worst = 0;
  for (const data of frames) {
    const seen = await looker.evaluate<{ places: number; empty: number }, unknown[]>(
      ([...given]) => (globalThis as never as { look: (...given: unknown[]) => never }).look(...given),
      [data, Math.round(box.x + 60), Math.ceil(box.y + 40), Math.floor(box.y + box.height)],
    );
    places += seen.places;
    empty += seen.empty;
    worst = Math.max(worst, seen.empty / seen.places);
  }
  return { count: frames.length, empty: empty / Math.max(1, places), worst } satisfies Frames;
}

export async function scrolling({ system, orders, log, browser, signedIn }: Measured): Promise<Line[]> {
  const rows = Math.min(ROWS_MAX, orders);
  const context = await signedIn();
  const page = await context.newPage();
  const looker = await (await browser.newContext()).newPage();
  await looker.evaluate(LOOK);
  const cdp = await context.newCDPSession(page);
  await page.goto(`${system.url}/console/orders`);
  await page.locator('.row.body:not(.waiting)').first().waitFor();
  await page.waitForTimeout(500);
  const table = page.getByRole('table');
  const box = (await table.boundingBox())!;
  const loaded = (): Promise<number> =>
    page.evaluate(`Math.round(document.querySelector('.viewport').clientHeight / ${ROW})`);
  const top = (): Promise<number> => table.evaluate(({ scrollTop }) => scrollTop);
  const lines: Line[] = [];
  const note = (what: string, { count, empty, worst }: Frames, more = '', jumps = false): void => {
    lines.push({
      what: `rows that show nothing, ${what}`,
      figure: `${(empty * 100).toFixed(2)} % of those in ${count} frames, worst frame ${(worst * 100).toFixed(0)} %${more}`,
      target: jumps ? `no frame above ${WORST_MAX * 100} %` : `< ${EMPTY_MAX * 100} %`,
      met: count > 0 && (jumps ? worst <= WORST_MAX : empty < EMPTY_MAX),
    });
    log(`${what}: ${lines.at(-1)!.figure}`);
  };
  /** As a wheel or a touch pad does it: by the browser's own thread, which waits for no rows. */
  const wheel = async (pixels: number, speed: number): Promise<void> => {
    await cdp.send('Input.synthesizeScrollGesture', {
      x: 600,
      y: box.y + box.height / 2,
      yDistance: -pixels,
      speed,
      gestureSourceType: 'mouse',
      preventFling: true,
    });
  };

  for (const speed of [2_000, 8_000, 25_000]) {
    const frames = await watch(cdp, looker, box, () => wheel(speed * 3, speed));
    note(`wheel at ${speed.toLocaleString('en-US')} px/s`, frames, `, at row ${Math.round((await top()) / ROW)}`);
  }
  await table.focus();
  const ends = await watch(cdp, looker, box, async () => {
    for (let press = 0; press < 30; press++) {
      await page.keyboard.press('End');
      await page.waitForTimeout(100);
    }
  });
  note('End pressed ten times a second', ends, `, at row ${Math.round((await top()) / ROW)}`, true);

  const startedMs = performance.now();
  const waits: number[] = [];
  while ((await loaded()) < rows && performance.now() - startedMs < 240_000) {
    const fromMs = performance.now();
    const before = await loaded();
    await page.keyboard.press('End');
    await page.evaluate(`new Promise((resolve) => {
      const look = () => {
        if (document.querySelector('.viewport').clientHeight > ${before * ROW}) resolve();
        else requestAnimationFrame(look);
      };
      look();
    })`);
    waits.push(performance.now() - fromMs);
  }
  const reached = await loaded();
  lines.push({
    what: `further rows after End, to row ${rows.toLocaleString('en-US')}`,
    figure: `p95 ${ms(quantile(waits, 0.95))}, ${reached.toLocaleString('en-US')} rows in ${((performance.now() - startedMs) / 1_000).toFixed(0)} s`,
    target: `< 300 ms`,
    met: reached >= rows && quantile(waits, 0.95) < 300,
  });
  log(lines.at(-1)!.figure);

  const drag = await watch(cdp, looker, box, async () => {
    await page.evaluate(`new Promise((resolve) => {
      const table = document.querySelector('.rows');
      const startedMs = performance.now();
      const step = () => {
        const share = (performance.now() - startedMs) / 4_000;
        table.scrollTop = Math.abs(1 - 2 * share) * (table.scrollHeight - 2_000);
        if (share >= 1) resolve();
        else requestAnimationFrame(step);
      };
      step();
    })`);
  });
  note('its thumb dragged over all of them and back in 4 s', drag);
  for (const speed of [8_000, 25_000]) {
    const frames = await watch(cdp, looker, box, () => wheel(speed * 3, speed));
    note(`wheel at ${speed.toLocaleString('en-US')} px/s with all of them loaded`, frames);
  }
  await cdp.send('HeapProfiler.enable');
  await cdp.send('HeapProfiler.collectGarbage');
  const { usedSize } = await cdp.send('Runtime.getHeapUsage');
  const made = await page.locator('.row.body').count();
  lines.push({
    what: 'memory with all of them loaded, and rows that exist in the page',
    figure: `${(usedSize / 2 ** 20).toFixed(0)} MiB, ${made} rows`,
    target: '< 200 MiB, < 250 rows',
    met: usedSize < 200 * 2 ** 20 && made < 250,
  });
  await context.close();
  await looker.context().close();
  return lines;
}
