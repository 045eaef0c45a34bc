import { setTimeout as sleep } from 'node:timers/promises';
import { type OlmsClient, Problem } from '#client/client.ts';
import { FINAL_STATUSES } from '#orders/rules/lifecycle.ts';
import { ARTICLES, type Line, PLACES } from './catalogue.ts';
import type { DemoOptions } from './demo.ts';
import { orderOf, seeded } from './orders.ts';
import { PATHS, type Story, deck } from './paths.ts';

/** Places orders at a rate and lets each go its way. */

const AVAILABLE = 500;

export interface StoriesOptions extends DemoOptions {
  readonly signal: AbortSignal;
  readonly report: (line: string) => void;
  readonly onBegun?: (story: RunStory) => void;
  /** Seconds that a second of demo time takes; below 1 for tests. */
  readonly stretch?: number;
}

/** A story that was begun. */
export interface RunStory {
  readonly path: string;
  readonly orderId: string;
}

/** Somebody at a console, or a deadline, led the order elsewhere: that is what a demo is there for. */
class LedElsewhere extends Error {}

const STORIES_MAX = 200;
const RESTOCK_EVERY = 200;
const POLL_MS = 400;
const REACH_PATIENCE_MS = 90_000;
const NAME_WIDTH = Math.max(...Object.keys(PATHS).map((name) => name.length));

/** Creates the articles and tops their stock up. */
async function stockUp(client: OlmsClient): Promise<void> {
  for (const [name, address] of Object.entries(PLACES)) await client.putLocation({ name }, { address });
  for (const { sku, name, price, pieces = 1, locations } of ARTICLES) {
    await client.putProduct({ sku }, { name, price, currency: 'EUR' });
    const stock = await client.readStock({ sku });
    for (const location of locations) {
      const delta = AVAILABLE * pieces - (stock.locations.find((level) => level.location === location)?.available ?? 0);
      if (delta > 0) await client.adjustStock({ sku, location, delta, reason: 'demo: delivery' });
    }
  }
}

/** Places the orders at the rate asked for and lets each go its way; resolves when all have gone their way, or on the signal. */
export async function runStories(client: OlmsClient, options: StoriesOptions): Promise<void> {
  const { rate, orders = Number.POSITIVE_INFINITY, seed, signal, report, onBegun, stretch = 1 } = options;
  const random = seeded(seed);
  // A system that has seen the demo before knows its references.
  const run = Date.now().toString(36).slice(-5);
  const paths = deck(random);
  const running = new Set<Promise<void>>();
  const startedMs = performance.now();
  for (let number = 1; number <= orders && !signal.aborted; number++) {
    if (number % RESTOCK_EVERY === 1)
      await stockUp(client).catch((error: unknown) => report(`stock was not topped up: ${(error as Error).message}`));
    const path = paths.next().value;
    const { lines, body: drawn } = orderOf(path, number, random);
    const body = { ...drawn, reference: `${drawn.reference}-${run}` };
    const say = (text: string): void =>
      report(`${new Date().toTimeString().slice(0, 8)}  ${path.padEnd(NAME_WIDTH)}  ${body.reference}  ${text}`);
    const runOne = async (): Promise<void> => {
      const order = await client.placeOrder(body);
      onBegun?.({ path, orderId: order.id });
      const content = lines.map(({ article, quantity }) => `${quantity} × ${article.name}`).join(', ');
      say(`placed: ${content}, ${order.totalAmount} ${order.currency}`);
      await PATHS[path]!.follow?.(storyOf(client, order.id, lines, say, signal, stretch));
    };
    const story = runOne().catch((error: unknown) => {
      if (signal.aborted) return;
      if (error instanceof LedElsewhere) say(error.message);
      else if (error instanceof Problem && error.status < SERVER_ERROR) say(refusalOf(error));
      else say(`did not go as planned: ${(error as Error).message}`);
    });
    running.add(story);
    void story.finally(() => running.delete(story));
    if (running.size >= STORIES_MAX) await Promise.race(running);
    const dueMs = startedMs + (number * 1000) / rate - performance.now();
    if (dueMs > 0) await sleep(dueMs, undefined, { signal }).catch(() => {});
  }
  await Promise.all(running);
}

const SERVER_ERROR = 500;
const refusalOf = ({ code, message }: Problem): string => `refused (${code}): ${message}`;

function storyOf(
  client: OlmsClient,
  id: string,
  lines: readonly Line[],
  report: (text: string) => void,
  signal: AbortSignal,
  stretch: number,
): Story {
  return {
    id,
    lines,
    report,
    client,
    pause: (seconds) => sleep(seconds * 1000 * stretch, undefined, { signal }),
    async command(done, ask) {
      signal.throwIfAborted();
      try {
        await ask(client);
        report(done);
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        report(refusalOf(error));
      }
    },
    async reaches(...statuses) {
      const deadlineMs = Date.now() + REACH_PATIENCE_MS;
      for (;;) {
        signal.throwIfAborted();
        const { status } = await client.readOrder({ id });
        if (statuses.includes(status)) return;
        if (FINAL_STATUSES.has(status)) throw new LedElsewhere(`somebody else led it to ${status}`);
        if (Date.now() > deadlineMs) throw new LedElsewhere(`is left to others as ${status}`);
        await sleep(POLL_MS * stretch, undefined, { signal });
      }
    },
  };
}
