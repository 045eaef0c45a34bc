import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Environment, readSettings } from '#platform/runtime/settings.ts';
import { processSettings } from '#system/settings.ts';
import { type ApiClient, ApiError, connect } from '#cli/client.ts';
import { print } from '#cli/output.ts';
import { dev } from '#cli/serve/start.ts';

/**
 * `olms demo` (npm run demo): the system of `npm start` with products, stock, and a bounded stream of orders in
 * every kind of path. Some are left for a person to decide. The seed decides everything but ids and times.
 */

export interface DemoOptions {
  /** Orders per second. */
  readonly rate: number;
  readonly orders: number;
  readonly seed: number;
}

const CARRIER_DELAY_MS = '4000';
const READY_PATIENCE_MS = 120_000;

export async function demo(env: Environment, options: DemoOptions): Promise<void> {
  const settings = readSettings(processSettings, env);
  const port = await freePort(settings.port, settings.host);
  const carrier = env['SANDBOX_CARRIER_DELAY_MS'] || CARRIER_DELAY_MS;
  const demoEnv: Environment = {
    ...env,
    PORT: String(port),
    SANDBOX_CARRIER_DELAY_MS: carrier,
    OLMS_API_KEY: undefined,
  };
  const stopping = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopping.abort());
  const visit = async (): Promise<void> => {
    const url = `http://127.0.0.1:${port}`;
    await untilReady(url, stopping.signal);
    const client = await connect({ url }, demoEnv);
    await runStories(client, { ...options, signal: stopping.signal, tell: print });
    await client.close();
    if (!stopping.signal.aborted) print(`\n  ${options.orders} orders placed; the system runs on. Ctrl-C stops it.\n`);
  };
  const visiting = visit().catch((error: unknown) => {
    if (!stopping.signal.aborted) process.stderr.write(`demo: ${(error as Error).message}\n`);
  });
  try {
    await dev(demoEnv);
  } finally {
    stopping.abort();
    await visiting;
  }
}

/** The port, if nothing listens there; a free one for 0. Orders must not go to a system that runs there already. */
async function freePort(port: number, host: string): Promise<number> {
  const server = createServer().listen(port, host);
  await once(server, 'listening').catch((error: unknown) => {
    if ((error as { code?: string }).code !== 'EADDRINUSE') throw error;
    throw new Error(`Something listens on port ${port} already. Stop it (npm start?), or set PORT.`);
  });
  const address = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return address.port;
}

async function untilReady(url: string, signal: AbortSignal): Promise<void> {
  for (let waitedMs = 0; waitedMs < READY_PATIENCE_MS; waitedMs += 200) {
    const answer = await fetch(`${url}/health/readiness`, { signal }).catch(() => undefined);
    if (answer?.ok) return;
    await sleep(200, undefined, { signal });
  }
  throw new Error('the system did not become ready');
}

// What is sold --------------------------------------------------------------------------------------------

interface Article {
  readonly sku: string;
  readonly name: string;
  readonly price: string;
  /** Where it lies; nowhere: it is short on purpose. */
  readonly locations: readonly string[];
}

const BERLIN = 'berlin';
const LYON = 'lyon';
const AVAILABLE = 500;

const ARTICLES: readonly Article[] = [
  { sku: 'MUG-ENAMEL', name: 'Enamel mug', price: '14.90', locations: [BERLIN, LYON] },
  { sku: 'LAMP-WALNUT', name: 'Walnut desk lamp', price: '89.00', locations: [BERLIN] },
  { sku: 'BLANKET-WOOL', name: 'Wool blanket', price: '119.00', locations: [LYON] },
  { sku: 'NOTEBOOK-A5', name: 'Linen notebook A5', price: '12.50', locations: [BERLIN, LYON] },
  { sku: 'KETTLE-STEEL', name: 'Steel kettle', price: '64.00', locations: [BERLIN] },
  { sku: 'SCREW-M4', name: 'Brass screw M4', price: '0.0375', locations: [BERLIN] },
  { sku: 'VASE-GLASS', name: 'Hand-blown vase', price: '48.00', locations: [LYON] },
  { sku: 'TEAPOT-RARE', name: 'Teapot, limited edition', price: '240.00', locations: [] },
];
const SHORT = ARTICLES.at(-1)!;
const SOLD = ARTICLES.filter((article) => article.locations.length > 0);

const PEOPLE = [
  'Ada Moreau',
  'Jonas Weber',
  'Inès Laurent',
  'Sven Lindqvist',
  'Marta Rossi',
  'Tom Okafor',
  'Yuki Tanaka',
  'Lea Novak',
];
const CITIES = [
  { city: 'Berlin', postalCode: '10115', country: 'DE' },
  { city: 'Lyon', postalCode: '69002', country: 'FR' },
  { city: 'Milano', postalCode: '20121', country: 'IT' },
  { city: 'Göteborg', postalCode: '41103', country: 'SE' },
];
const CHANNELS = ['web', 'web', 'web', 'store', 'marketplace'];

// What happens to an order --------------------------------------------------------------------------------

/** A seeded source of chance (mulberry32): the same seed, the same stream. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Line {
  readonly article: Article;
  readonly quantity: number;
}

/** An order under way, and what a path may do with it. */
interface Story {
  readonly id: string;
  readonly lines: readonly Line[];
  /** Waits seconds of demo time. */
  pause(seconds: number): Promise<void>;
  command(action: string, body: object, said: string): Promise<void>;
  call(method: 'GET' | 'POST' | 'PATCH', path: string, body?: object): Promise<Record<string, unknown>>;
  /** Waits until the order has one of these statuses. */
  reaches(...statuses: string[]): Promise<void>;
  tell(text: string): void;
}

interface Path {
  /** How many of a round of orders take it. */
  readonly share: number;
  readonly wish?: Readonly<Record<string, unknown>>;
  readonly token?: string;
  readonly lines?: (random: () => number) => readonly Line[];
  readonly follow?: (story: Story) => Promise<void>;
}

const oneOf = <Item>(items: readonly Item[], random: () => number): Item => items[Math.floor(random() * items.length)]!;

function someLines(random: () => number): Line[] {
  const first = Math.floor(random() * SOLD.length);
  const count = 1 + Math.floor(random() * 3);
  return Array.from({ length: count }, (_, n) => {
    const article = SOLD[(first + n) % SOLD.length]!;
    return { article, quantity: article.sku === 'SCREW-M4' ? 50 : 1 + Math.floor(random() * 3) };
  });
}

const shortLine = (): Line[] => [{ article: SHORT, quantity: 2 }];
const REVIEW_WISH = { requiresReview: true };

async function decideReview(story: Story, decision: 'approve' | 'reject', reason: string): Promise<void> {
  await story.pause(6);
  const { items } = (await story.call('GET', '/reviews?status=pending&limit=200')) as {
    items: readonly { id: string; orderId: string }[];
  };
  const review = items.find((candidate) => candidate.orderId === story.id);
  // An operator was faster: that is what the console is for.
  if (!review) return story.tell('the review was decided by somebody else');
  await story.call('POST', `/reviews/${review.id}/${decision}`, { reason });
  story.tell(`review ${decision === 'approve' ? 'approved' : 'rejected'}: ${reason}`);
}

/** Every kind of path an order can take. The names are printed. */
export const PATHS: Readonly<Record<string, Path>> = {
  plain: { share: 8 },
  'card declined': { share: 2, token: 'tok_decline' },
  'provider too slow': { share: 1, token: 'tok_timeout' },
  'reply lost': { share: 1, token: 'tok_lost_reply' },
  'provider flaky': { share: 1, token: 'tok_flaky' },
  'told by webhook': { share: 2, token: 'tok_pending' },
  'review approved': {
    share: 1,
    wish: REVIEW_WISH,
    follow: (story) => decideReview(story, 'approve', 'known customer'),
  },
  'review rejected': {
    share: 1,
    wish: REVIEW_WISH,
    follow: (story) => decideReview(story, 'reject', 'address does not exist'),
  },
  'review for you': { share: 1, wish: REVIEW_WISH },
  'hold and release': {
    share: 1,
    async follow(story) {
      await story.command('hold', { reason: 'customer asked to wait' }, 'held');
      await story.pause(8);
      await story.command('release', { reason: 'customer called back' }, 'released');
    },
  },
  'hold for you': { share: 1, follow: (story) => story.command('hold', { reason: 'address to be checked' }, 'held') },
  'cancel at once': { share: 1, follow: (story) => story.command('cancel', { reason: 'ordered twice' }, 'cancelled') },
  'cancel in the warehouse': {
    share: 1,
    async follow(story) {
      await story.reaches('READY_FOR_SHIPMENT');
      await story.command('cancel', { reason: 'changed my mind' }, 'cancelled before the parcel left');
    },
  },
  'cancel too late': {
    share: 1,
    async follow(story) {
      await story.reaches('SHIPPED', 'COMPLETED');
      await story.command('cancel', { reason: 'changed my mind' }, 'cancelled');
    },
  },
  'short of stock': { share: 1, lines: shortLine },
  backorder: {
    share: 1,
    lines: shortLine,
    wish: { allowBackorder: true },
    async follow(story) {
      await story.reaches('BACKORDERED', 'RESERVED', 'PAID', 'READY_FOR_SHIPMENT', 'SHIPPED', 'COMPLETED');
      await story.pause(8);
      await story.call('POST', '/stock/adjustments', {
        sku: SHORT.sku,
        location: BERLIN,
        delta: 2,
        reason: 'demo: delivery',
      });
      story.tell(`2 × ${SHORT.name} arrived`);
    },
  },
  'two parcels': {
    share: 2,
    // Each lies at one location only, so the order leaves in two parcels.
    lines: () => [
      { article: ARTICLES[1]!, quantity: 1 },
      { article: ARTICLES[2]!, quantity: 1 },
    ],
  },
  'address changed': {
    share: 1,
    follow: async (story) => {
      await story.call('PATCH', `/orders/${story.id}`, {
        shippingAddress: { name: 'Reception', line1: 'Hafenstraße 9', ...CITIES[0] },
      });
      story.tell('address changed');
    },
  },
  return: {
    share: 1,
    async follow(story) {
      await story.reaches('COMPLETED');
      await story.pause(3);
      const [line] = story.lines;
      const items = [{ sku: line!.article.sku, quantity: 1 }];
      const { returns } = (await story.call('POST', `/orders/${story.id}/returns`, {
        items,
        reason: 'does not fit',
      })) as {
        returns: readonly { returnId: string }[];
      };
      story.tell(`return of 1 × ${line!.article.name} recentCommits`);
      await story.pause(5);
      await story.call('POST', `/orders/${story.id}/returns/${returns.at(-1)!.returnId}/receive`, { location: BERLIN });
      story.tell('return received, money goes back');
    },
  },
  refund: {
    share: 1,
    lines: () => [{ article: ARTICLES[4]!, quantity: 1 }],
    async follow(story) {
      await story.reaches('COMPLETED');
      await story.pause(2);
      await story.command(
        'refunds',
        { amount: '5.00', reason: 'scratch on the surface' },
        'refund of 5.00 EUR asked for',
      );
    },
  },
};

/** Paths in an order that chance decides, every one of them in each round. */
export function* deck(random: () => number): Generator<string, never> {
  for (;;) {
    const round = Object.entries(PATHS).flatMap(([name, { share }]) => Array.from({ length: share }, () => name));
    for (let left = round.length; left > 0; left--) {
      const [drawn] = round.splice(Math.floor(random() * left), 1);
      yield drawn!;
    }
  }
}

function uuid(random: () => number): string {
  const hex = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16)).join('');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
}

/** The body of `POST /orders` for the next order on a path. */
export function orderOf(
  name: string,
  number: number,
  random: () => number,
): { lines: readonly Line[]; body: Record<string, unknown> } {
  const path = PATHS[name]!;
  const lines = path.lines?.(random) ?? someLines(random);
  const person = oneOf(PEOPLE, random);
  const email = `${person
    .toLowerCase()
    .normalize('NFD')
    .replace(/[^a-z ]/g, '')
    .replace(' ', '.')}@example.com`;
  const body = {
    customerId: uuid(random),
    currency: 'EUR',
    channel: oneOf(CHANNELS, random),
    reference: `DEMO-${String(number).padStart(4, '0')}`,
    items: lines.map(({ article, quantity }) => ({ sku: article.sku, quantity, unitPrice: article.price })),
    shippingAddress: { name: person, line1: `Marktplatz ${1 + Math.floor(random() * 90)}`, ...oneOf(CITIES, random) },
    contact: { email },
    payment: { token: path.token ?? 'tok_approve' },
    ...path.wish,
  };
  return { lines, body };
}

// Running it ----------------------------------------------------------------------------------------------

export interface StoriesOptions extends DemoOptions {
  readonly signal: AbortSignal;
  readonly tell: (line: string) => void;
  /** Seconds that a second of demo time takes; below 1 for tests. */
  readonly pace?: number;
}

export interface ToldStory {
  readonly path: string;
  readonly orderId: string;
}

const STORIES_MAX = 200;
const RESTOCK_EVERY = 200;
const LOOK_EVERY_MS = 400;
const REACH_PATIENCE_MS = 90_000;
const NAME_WIDTH = Math.max(...Object.keys(PATHS).map((name) => name.length));

/** Creates the articles and tops their stock up. */
async function stockUp(client: ApiClient): Promise<void> {
  for (const { sku, name, price, locations } of ARTICLES) {
    await client.send('PUT', `/products/${sku}`, { body: { name, price, currency: 'EUR' } });
    const stock = await client.get<{ locations: readonly { location: string; available: number }[] }>(`/stock/${sku}`);
    for (const location of locations) {
      const delta = AVAILABLE - (stock.locations.find((level) => level.location === location)?.available ?? 0);
      if (delta > 0) await client.post('/stock/adjustments', { sku, location, delta, reason: 'demo: delivery' });
    }
  }
}

/** Places the orders at the rate asked for and lets each go its way; resolves when all have been told, or on the signal. */
export async function runStories(client: ApiClient, options: StoriesOptions): Promise<readonly ToldStory[]> {
  const { rate, orders, seed, signal, tell, pace = 1 } = options;
  const random = seeded(seed);
  const paths = deck(random);
  const told: ToldStory[] = [];
  const running = new Set<Promise<void>>();
  const startedMs = performance.now();
  for (let number = 1; number <= orders && !signal.aborted; number++) {
    if (number % RESTOCK_EVERY === 1) await stockUp(client);
    const path = paths.next().value;
    const { lines, body } = orderOf(path, number, random);
    const say = (text: string): void =>
      tell(
        `${new Date().toTimeString().slice(0, 8)}  ${path.padEnd(NAME_WIDTH)}  ${String(body['reference'])}  ${text}`,
      );
    const tellOne = async (): Promise<void> => {
      const order = await client.post<{ id: string; totalAmount: string; currency: string }>('/orders', body);
      told.push({ path, orderId: order.id });
      const content = lines.map(({ article, quantity }) => `${quantity} × ${article.name}`).join(', ');
      say(`placed: ${content}, ${order.totalAmount} ${order.currency}`);
      await PATHS[path]!.follow?.(storyOf(client, order.id, lines, say, signal, pace));
    };
    const story = tellOne().catch((error: unknown) => {
      if (!signal.aborted) say(`did not go as planned: ${(error as Error).message}`);
    });
    running.add(story);
    void story.finally(() => running.delete(story));
    if (running.size >= STORIES_MAX) await Promise.race(running);
    const dueMs = startedMs + (number * 1000) / rate - performance.now();
    if (dueMs > 0) await sleep(dueMs, undefined, { signal }).catch(() => {});
  }
  await Promise.all(running);
  return told;
}

function storyOf(
  client: ApiClient,
  id: string,
  lines: readonly Line[],
  tell: (text: string) => void,
  signal: AbortSignal,
  pace: number,
): Story {
  const call: Story['call'] = async (method, path, body) => {
    signal.throwIfAborted();
    return (await client.send(method, path, body === undefined ? {} : { body })).body as Record<string, unknown>;
  };
  return {
    id,
    lines,
    tell,
    call,
    pause: (seconds) => sleep(seconds * 1000 * pace, undefined, { signal }),
    async command(action, body, said) {
      try {
        await call('POST', `/orders/${id}/${action}`, body);
        tell(said);
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        // A refusal is part of the show: the system says why.
        tell(`refused (${error.code}): ${error.message}`);
      }
    },
    async reaches(...statuses) {
      const deadlineMs = Date.now() + REACH_PATIENCE_MS;
      for (;;) {
        const { status } = await call('GET', `/orders/${id}`);
        if (statuses.includes(status as string)) return;
        if (Date.now() > deadlineMs) throw new Error(`it is still ${String(status)}`);
        await sleep(LOOK_EVERY_MS * pace, undefined, { signal });
      }
    },
  };
}
