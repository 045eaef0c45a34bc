import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Api, isFinal, orderBody } from '../support/api.ts';
import { burden, units } from '../support/amounts.ts';
import { KillableSystem } from '../support/killable.ts';
import { logFaults } from '../support/log.ts';
import { freePort } from '../support/ports.ts';
import { type BookEntry, SandboxBooks } from '../support/provider.ts';
import { seeded, type Seeded } from '../support/seeded.ts';
import { until } from '../support/until.ts';
import type { Order, OrderSummary, Page, Problem } from '../support/views.ts';

/**
 * Kills the whole system, PostgreSQL included, at random moments under load, starts it again, and at the end
 * compares everything that was acknowledged with what is there: `node tests/faults/kill.ts --rounds 20 --seed 7`.
 */

export interface KillOptions {
  readonly rounds: number;
  readonly seed: number;
  /** `tree`: everything at once; `mixed`: now and then PostgreSQL survives and is adopted. */
  readonly what?: 'tree' | 'mixed';
  /**
   * The short form: everything together within this time. Rounds that a slow machine has no time for are left
   * out, and so is the card that fails now and then, because the pauses between its attempts grow to a minute.
   */
  readonly limitMs?: number;
  readonly log?: (line: string) => void;
}

export interface KillReport {
  readonly faults: readonly string[];
  readonly figures: Readonly<Record<string, number | string>>;
}

/** What a caller wants and repeats under the same key until it is answered. */
interface Intent {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly key: string;
  tries: number;
}

interface PlaceIntent extends Intent {
  orderId?: string;
}

const TOKENS = [
  ...Array.from({ length: 12 }, () => 'tok_approve'),
  'tok_decline',
  'tok_decline',
  'tok_timeout',
  'tok_lost_reply',
  'tok_lost_reply',
  'tok_flaky',
  'tok_pending',
  'tok_pending',
];
const WORKERS = 10;
const NOTIFIED = new Set([
  'OrderCreated',
  'OrderBackordered',
  'OrderRejected',
  'OrderPaymentPending',
  'OrderPaid',
  'OrderPaymentFailed',
  'OrderPartiallyShipped',
  'OrderShipped',
  'OrderCompleted',
  'OrderCancelled',
  'OrderRefunded',
]);
const PLENTY = 1_000_000;
const SCARCE = 12;
/** A provider that keeps failing is asked again every minute at most, so the last order may take some of them. */
const PATIENCE_MS = 300_000;
/** What stopping and the last comparison take. */
const CLOSING_MS = 8_000;

interface Assortment {
  readonly plenty: readonly string[];
  readonly scarce: string;
  readonly tokens: readonly string[];
}

class Load {
  readonly orders: PlaceIntent[] = [];
  readonly acknowledged = new Map<string, PlaceIntent>();
  /** Cancellations answered with a cancelled order. */
  readonly cancelled = new Set<string>();
  readonly refunds = new Map<string, string>();
  readonly faults: string[] = [];
  readonly counts: Record<string, number> = {};
  unanswered: Intent[] = [];
  #running = false;
  #workers: Promise<void>[] = [];
  readonly #api: Api;
  readonly #random: Seeded;
  readonly #assortment: Assortment;
  #number = 0;

  constructor(api: Api, random: Seeded, assortment: Assortment) {
    this.#api = api;
    this.#random = random;
    this.#assortment = assortment;
  }

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  start(): void {
    this.#running = true;
    this.#workers = Array.from({ length: WORKERS }, () => this.#work());
  }

  async pause(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#workers);
  }

  async #work(): Promise<void> {
    while (this.#running) {
      const repeated = this.unanswered.shift();
      const intent = repeated ?? this.#nextIntent();
      await this.attempt(intent);
      await sleep(this.#random.between(0, 25));
    }
  }

  #key(what: string): string {
    return `${what}-${++this.#number}`;
  }

  #nextIntent(): Intent {
    const random = this.#random;
    const known = [...this.acknowledged.keys()];
    const roll = random.next();
    if (known.length > 0 && roll < 0.2) {
      const id = known[random.between(Math.max(0, known.length - 30), known.length - 1)]!;
      return {
        method: 'POST',
        path: `/orders/${id}/cancel`,
        body: { reason: 'changed my mind' },
        key: this.#key('cancel'),
        tries: 0,
      };
    }
    if (known.length > 0 && roll < 0.26) {
      return {
        method: 'POST',
        path: `/orders/${random.pick(known)}/refunds`,
        body: { amount: '0.50', reason: 'goodwill' },
        key: this.#key('refund'),
        tries: 0,
      };
    }
    const intent: PlaceIntent = {
      method: 'POST',
      path: '/orders',
      body: this.#order(),
      key: this.#key('order'),
      tries: 0,
    };
    this.orders.push(intent);
    return intent;
  }

  #order(): unknown {
    const random = this.#random;
    const lines = random.between(1, 3);
    const items = Array.from({ length: lines }, () => ({
      sku: random.pick(this.#assortment.plenty),
      quantity: random.between(1, 3),
      unitPrice: `${random.between(1, 40)}.${random.between(10, 99)}`,
    }));
    const scarce = random.chance(0.1);
    if (scarce) items.push({ sku: this.#assortment.scarce, quantity: 1, unitPrice: '3.00' });
    return orderBody({
      items,
      token: random.pick(this.#assortment.tokens),
      reference: `K-${this.#number}`,
      contact: { email: 'buyer@example.com', ...(random.chance(0.3) && { phone: '+49 30 123456' }) },
      ...(random.chance(0.05) && { requiresReview: true }),
      ...(scarce && random.chance(0.5) && { allowBackorder: true }),
    });
  }

  /** One try of an intent; without an answer that decides, it will be tried again under the same key. */
  async attempt(intent: Intent): Promise<void> {
    intent.tries++;
    let answer: Awaited<ReturnType<Api['call']>>;
    try {
      answer = await this.#api.call(intent.method, intent.path, {
        body: intent.body,
        key: intent.key,
        timeoutMs: 15_000,
      });
    } catch {
      this.count('requests without an answer');
      this.unanswered.push(intent);
      if (!this.#running) return;
      await sleep(20);
      return;
    }
    if (answer.status === 503) {
      this.count('answers 503');
      this.unanswered.push(intent);
      return;
    }
    if (answer.status >= 500) {
      this.faults.push(`${intent.method} ${intent.path} answered ${answer.status}: ${answer.text.slice(0, 300)}`);
      this.unanswered.push(intent);
      return;
    }
    this.#answered(intent, answer.status, answer.body as Order & Problem);
  }

  #answered(intent: Intent, status: number, body: Order & Problem): void {
    if (intent.tries > 1) this.count('answered when repeated');
    if (intent.path === '/orders') {
      if (status !== 201)
        return void this.faults.push(
          `POST /orders (${intent.key}) answered ${status}: ${JSON.stringify(body).slice(0, 300)}`,
        );
      const place = intent as PlaceIntent;
      if (place.orderId !== undefined && place.orderId !== body.id)
        this.faults.push(`${intent.key} was answered with ${place.orderId} and with ${body.id}`);
      const other = this.acknowledged.get(body.id);
      if (other && other !== place) this.faults.push(`${intent.key} and ${other.key} got the same order ${body.id}`);
      place.orderId = body.id;
      this.acknowledged.set(body.id, place);
      this.count('orders acknowledged');
      return;
    }
    if (status === 409) return this.count(intent.path.endsWith('cancel') ? 'cancellations refused' : 'refunds refused');
    if (status !== 200 && status !== 202)
      return void this.faults.push(`${intent.path} answered ${status}: ${JSON.stringify(body).slice(0, 300)}`);
    if (intent.path.endsWith('cancel')) {
      this.count('cancellations acknowledged');
      if (body.status === 'CANCELLED') this.cancelled.add(body.id);
    } else {
      this.count('refunds acknowledged');
      this.refunds.set(intent.key, body.id);
    }
  }
}

/** Runs the rounds and the comparison; what does not agree comes back as faults. */
export async function runKillRounds({
  rounds,
  seed,
  what = 'tree',
  limitMs,
  log = () => {},
}: KillOptions): Promise<KillReport> {
  const random = seeded(seed);
  const folder = mkdtempSync(join(tmpdir(), 'olms-kill-'));
  const key = `kill-${randomBytes(12).toString('hex')}`;
  const system = new KillableSystem({
    folder,
    port: await freePort(),
    providerPort: await freePort(),
    key,
    env: {
      SANDBOX_CARRIER_DELAY_MS: '30',
      SANDBOX_SLOW_MS: '1500',
      SANDBOX_WEBHOOK_DELAY_MS: '400',
      PAYMENTS_TIMEOUT_MS: '500',
      PAYMENTS_CANCEL_SAFETY_MS: '4000',
      PAYMENTS_BREAKER_OPEN_MS: '500',
    },
  });
  const api = new Api(system.url, key);
  const provider = new SandboxBooks(system.providerUrl);
  const beganMs = performance.now();
  const elapsedMs = (): number => performance.now() - beganMs;
  const startsMs: number[] = [];
  const start = async (): Promise<void> => {
    const beganMs = performance.now();
    system.spawn();
    await system.ready();
    startsMs.push(Math.round(performance.now() - beganMs));
  };
  let sound = false;
  try {
    await start();
    const plenty = [
      await api.product(PLENTY),
      await api.product({ main: PLENTY / 2, north: PLENTY / 2 }),
      await api.product(PLENTY),
    ];
    const scarce = await api.product(SCARCE);
    const tokens = limitMs === undefined ? TOKENS : TOKENS.filter((token) => token !== 'tok_flaky');
    const load = new Load(api, random, { plenty, scarce, tokens });
    let processes = 0;
    let round = 0;
    while (round < rounds && (limitMs === undefined || round === 0 || elapsedMs() < limitMs / 2)) {
      round++;
      load.start();
      await sleep(random.between(200, 2_200));
      const postgres = what === 'tree' || random.chance(0.7);
      processes += await system.kill({ postgres });
      await load.pause();
      log(
        `round ${round}: killed${postgres ? '' : ' (PostgreSQL survived)'} with ${load.acknowledged.size} orders acknowledged, ${load.unanswered.length} requests unanswered`,
      );
      // Now and then it is killed again before it is up.
      if (random.chance(0.25)) {
        system.spawn();
        await sleep(random.between(50, 1_500));
        processes += await system.kill();
        load.count('killed while starting');
      }
      await start();
    }
    const patienceMs = limitMs === undefined ? PATIENCE_MS : Math.max(limitMs - elapsedMs() - CLOSING_MS, 1_000);
    await answerAll(load, patienceMs);
    await decideReviews(api);
    await api.adjustStock(scarce, { delta: PLENTY }, 'fill');
    const compare = new Comparison(api, provider, load, {
      initial: new Map([...plenty.map((sku): [string, number] => [sku, PLENTY]), [scarce, SCARCE + PLENTY]]),
    });
    const faults = [...load.faults, ...(await compare.faults(patienceMs))];
    sound = faults.length === 0;
    const figures = {
      seed,
      rounds: round,
      'processes killed': processes,
      'start, slowest ms': Math.max(...startsMs),
      ...load.counts,
      ...compare.figures,
    };
    return { faults, figures };
  } finally {
    await api.close();
    await provider.close();
    await system.stop();
    if (sound) rmSync(folder, { recursive: true, force: true });
    else log(`data and log are kept in ${folder}`);
  }
}

/** Repeats what was never answered until everything is. */
async function answerAll(load: Load, patienceMs: number): Promise<void> {
  await until(
    'every request to be answered',
    async () => {
      await Promise.all(load.unanswered.splice(0).map((intent) => load.attempt(intent)));
      return load.unanswered.length === 0;
    },
    { timeoutMs: patienceMs, everyMs: 100, describe: () => `${load.unanswered.length} unanswered` },
  );
}

async function decideReviews(api: Api): Promise<void> {
  await until('every review to be decided', async () => {
    const { items } = await api.get<Page<{ id: string }>>('/reviews?status=pending&limit=200');
    let odd = false;
    for (const { id } of items) {
      await api.decideReview(id, odd ? 'reject' : 'approve');
      odd = !odd;
    }
    return items.length === 0;
  });
}

class Comparison {
  readonly figures: Record<string, number | string> = {};
  readonly #api: Api;
  readonly #provider: SandboxBooks;
  readonly #load: Load;
  readonly #initial: ReadonlyMap<string, number>;

  constructor(
    api: Api,
    provider: SandboxBooks,
    load: Load,
    { initial }: { readonly initial: ReadonlyMap<string, number> },
  ) {
    this.#api = api;
    this.#provider = provider;
    this.#load = load;
    this.#initial = initial;
  }

  async #allOrders(): Promise<OrderSummary[]> {
    const orders: OrderSummary[] = [];
    for (let cursor = ''; ;) {
      const page: Page<OrderSummary> = await this.#api.orders(`limit=200${cursor}`);
      orders.push(...page.items);
      if (page.nextCursor === null) return orders;
      cursor = `&cursor=${page.nextCursor}`;
    }
  }

  async faults(patienceMs: number): Promise<string[]> {
    const beganMs = performance.now();
    let open: OrderSummary[] = [];
    let orders: OrderSummary[] = [];
    try {
      orders = await until(
        'every order to be final and every refund to be settled',
        async () => {
          await decideReviews(this.#api);
          const all = await this.#allOrders();
          open = all.filter((order) => !isFinal(order) || order.paymentStatus === 'PENDING');
          return open.length === 0 && all;
        },
        { timeoutMs: patienceMs, everyMs: 250 },
      );
    } catch {
      const parked = await this.#api.parked();
      const waiting = open
        .slice(0, 20)
        .map(
          (order) =>
            `${order.id} is not final: ${order.status} / ${order.paymentStatus}, version ${order.version}, holds ${JSON.stringify(order.holds)}, parked ${JSON.stringify(parked.filter(({ orderId }) => orderId === order.id))}`,
        );
      // What else disagrees says more about why.
      return [...waiting, ...(await this.#compare((await this.#allOrders()).map(({ id }) => id)))];
    }
    this.figures['last order final after s'] = Math.round((performance.now() - beganMs) / 1000);
    // Refunds and letters follow the last event by moments: what disagrees is looked at again until it agrees or the time is over.
    let faults: string[] = [];
    await until(
      'everything to agree',
      async () => (faults = await this.#compare(orders.map(({ id }) => id))).length === 0,
      { timeoutMs: 30_000, everyMs: 500 },
    ).catch(() => {});
    return faults;
  }

  async #compare(ids: readonly string[]): Promise<string[]> {
    const faults: string[] = [];
    const { acknowledged, cancelled, refunds } = this.#load;
    const present = new Set(ids);
    for (const id of acknowledged.keys()) if (!present.has(id)) faults.push(`order ${id} was acknowledged and is gone`);
    for (const id of ids) if (!acknowledged.has(id)) faults.push(`order ${id} exists and nobody was told`);
    const parked = await this.#api.parked();
    for (const entry of parked) faults.push(`parked: ${JSON.stringify(entry)}`);

    const books = new Map<string, BookEntry[]>();
    const entries = await this.#provider.all();
    for (const entry of entries) books.set(entry.reference, [...(books.get(entry.reference) ?? []), entry]);
    for (const reference of books.keys())
      if (!present.has(reference)) faults.push(`the provider charged for ${reference}, which is no order`);

    const orders = await inParallel(ids, (id) => this.#api.order(id));
    const statuses: Record<string, number> = {};
    const shipped = new Map<string, number>();
    let takenOurs = 0n;
    let letters = 0;
    for (const order of orders) {
      statuses[order.status] = (statuses[order.status] ?? 0) + 1;
      if (order.status === 'COMPLETED') {
        takenOurs += units(order.totalAmount) - units(order.refundedAmount);
        for (const { sku, quantity } of order.items) shipped.set(sku, (shipped.get(sku) ?? 0) + quantity);
      }
      if (cancelled.has(order.id) && order.status !== 'CANCELLED')
        faults.push(`${order.id} was answered as cancelled and is ${order.status}`);
      if (
        order.status !== 'COMPLETED' &&
        order.status !== 'CANCELLED' &&
        order.status !== 'REJECTED' &&
        order.status !== 'PAYMENT_FAILED'
      )
        faults.push(`${order.id} is ${order.status}`);
    }
    for (const [key, id] of refunds) {
      const order = orders.find((candidate) => candidate.id === id);
      const [done, open] = [
        order?.refunds.filter(({ status }) => status === 'DONE').length ?? 0,
        order?.refunds.some(({ status }) => status === 'REQUESTED'),
      ];
      if (open) faults.push(`a refund of ${id} is still open`);
      const asked = [...refunds.values()].filter((other) => other === id).length;
      if (done + (order?.refunds.filter(({ status }) => status === 'FAILED').length ?? 0) !== asked)
        faults.push(`${key}: ${asked} refunds of ${id} were acknowledged, ${done} done`);
    }
    await inParallel(orders, async (order) => {
      faults.push(...(await this.#moneyFaults(order, books.get(order.id) ?? [])));
      const events = await this.#api.events(order.id);
      faults.push(...logFaults(order.id, events));
      const notifications = await this.#api.notifications(order.id);
      letters += notifications.length;
      const seen = new Map<string, number>();
      for (const { eventId, channel } of notifications)
        seen.set(`${eventId} ${channel}`, (seen.get(`${eventId} ${channel}`) ?? 0) + 1);
      for (const [pair, times] of seen) if (times > 1) faults.push(`${order.id}: ${times} notifications for ${pair}`);
      for (const event of events) {
        if (NOTIFIED.has(event.type) && !seen.has(`${event.id} email`))
          faults.push(`${order.id}: nobody was told about ${event.type}`);
      }
      const invoiced = (await this.#api.call('GET', `/orders/${order.id}/invoice`)).status === 200;
      if (invoiced !== (order.status === 'COMPLETED'))
        faults.push(`${order.id} is ${order.status} and ${invoiced ? 'has an' : 'has no'} invoice`);
    });
    const takenTheirs = burden(entries);
    if (takenTheirs !== takenOurs)
      faults.push(`the provider holds ${takenTheirs}, our completed orders come to ${takenOurs} (ten-thousandths)`);
    for (const [sku, initial] of this.#initial) {
      const stock = await this.#api.stock(sku);
      const expected = initial - (shipped.get(sku) ?? 0);
      if (stock.onHand !== expected || stock.reserved !== 0)
        faults.push(
          `stock of ${sku}: ${stock.onHand} on hand and ${stock.reserved} reserved, ${expected} and 0 expected`,
        );
    }
    Object.assign(this.figures, {
      orders: ids.length,
      ...statuses,
      charges: entries.length,
      'charged, ten-thousandths': String(takenTheirs),
      notifications: letters,
    });
    return faults;
  }

  async #moneyFaults(order: Order, entries: readonly BookEntry[]): Promise<string[]> {
    const faults: string[] = [];
    const about = `${order.id} (${order.status}, ${order.paymentStatus})`;
    const approved = entries.filter(({ status }) => status === 'approved');
    if (approved.length > 1) faults.push(`${about} was charged ${approved.length} times`);
    const pending = entries.filter(({ status }) => status === 'pending');
    if (pending.length > 0) faults.push(`${about} has a pending charge on the books`);
    const payment = await this.#api.payment(order.id);
    const [charge] = approved;
    if (charge) {
      for (const name of ['authorized', 'captured', 'voided', 'refunded'] as const) {
        if (payment?.[name] !== charge[name])
          faults.push(`${about}: ${name} is ${payment?.[name]} with us and ${charge[name]} on the provider's books`);
      }
      if (units(charge.amount) !== units(order.totalAmount))
        faults.push(`${about}: charged ${charge.amount} of ${order.totalAmount}`);
    } else if (payment && units(payment.authorized) !== 0n)
      faults.push(`${about}: we count ${payment.authorized} the provider knows nothing of`);
    const held = burden(entries);
    const due = order.status === 'COMPLETED' ? units(order.totalAmount) - units(order.refundedAmount) : 0n;
    if (held !== due) faults.push(`${about}: the provider holds ${held}, ${due} is due`);
    if (payment?.operations.some(({ state }) => state !== 'succeeded' && state !== 'failed'))
      faults.push(`${about}: a payment operation is open`);
    return faults;
  }
}

async function inParallel<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      while (next < items.length) {
        const index = next++;
        results[index] = await work(items[index]!);
      }
    }),
  );
  return results;
}

if (import.meta.main) {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '20' },
      seed: { type: 'string' },
      what: { type: 'string', default: 'tree' },
    },
  });
  const seed = Number(values.seed ?? randomBytes(4).readUInt32BE());
  const print = (line: string): void => void process.stdout.write(`${line}\n`);
  print(`seed ${seed}`);
  const { faults, figures } = await runKillRounds({
    rounds: Number(values.rounds),
    seed,
    what: values.what === 'mixed' ? 'mixed' : 'tree',
    log: print,
  });
  for (const [name, value] of Object.entries(figures)) print(`${name.padEnd(28)} ${value}`);
  for (const fault of faults.slice(0, 50)) print(`FAULT ${fault}`);
  print(faults.length === 0 ? 'everything agrees' : `${faults.length} faults; again with --seed ${seed}`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
