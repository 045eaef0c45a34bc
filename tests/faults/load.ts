import { setTimeout as sleep } from 'node:timers/promises';
import { type Api, orderBody } from '#tests/support/api.ts';
import type { Seeded } from '#tests/support/seeded.ts';
import { until } from '#tests/support/until.ts';
import type { Order, Page, Problem } from '#tests/support/views.ts';

/** Callers who place, cancel and refund orders of every kind, repeat what is not answered, and remember what was. */

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

export const TOKENS = [
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
const PLENTY = 1_000_000;
const SCARCE = 12;

/** An outside world that is slow and late within seconds, so that a run takes as long as its faults. */
export const OUTSIDE: Readonly<Record<string, string>> = {
  SANDBOX_CARRIER_DELAY_MS: '30',
  SANDBOX_SLOW_MS: '1500',
  SANDBOX_WEBHOOK_DELAY_MS: '400',
  PAYMENTS_TIMEOUT_MS: '500',
  PAYMENTS_CANCEL_SAFETY_MS: '4000',
  PAYMENTS_BREAKER_OPEN_MS: '500',
};

/** What is sold, and how it is paid. */
export interface Assortment {
  readonly plenty: readonly string[];
  readonly scarce: string;
  readonly tokens: readonly string[];
  /** Ids of customers that are no UUID, where some orders are theirs. */
  readonly customers?: readonly string[];
}

export interface LoadRate {
  readonly workers: number;
  /** From one answer to the next request of the same worker. */
  readonly thinkMs: readonly [least: number, most: number];
}

/** Every twentieth order waits for its review. */
const DECIDED_TIMEOUT_MS = 120_000;
const BUSY: LoadRate = { workers: 10, thinkMs: [0, 25] };

/** What requests are handed to: a gateway, or what stands before several. */
export type Caller = Pick<Api, 'call'>;

export class Load {
  readonly acknowledged = new Map<string, PlaceIntent>();
  /** Cancellations answered with a cancelled order. */
  readonly cancelled = new Set<string>();
  readonly refunds = new Map<string, string>();
  readonly faults: string[] = [];
  readonly counts: Record<string, number> = {};
  readonly unanswered: Intent[] = [];
  #running = false;
  #workers: Promise<void>[] = [];
  readonly #gateways: readonly Caller[];
  readonly #random: Seeded;
  readonly #assortment: Assortment;
  readonly #rate: LoadRate;
  readonly #name: string;
  readonly #known: string[] = [];
  #number = 0;
  #turn = 0;

  /** Callers take the gateways in turn. `name` begins their keys: two loads on one system need two. */
  constructor(gateways: readonly Caller[], random: Seeded, assortment: Assortment, rate: LoadRate = BUSY, name = '') {
    this.#gateways = gateways;
    this.#random = random;
    this.#assortment = assortment;
    this.#rate = rate;
    this.#name = name;
  }

  count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  start(): void {
    this.#running = true;
    this.#workers = Array.from({ length: this.#rate.workers }, () => this.#work());
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
      await sleep(this.#random.between(...this.#rate.thinkMs));
    }
  }

  #key(what: string): string {
    return `${this.#name}${what}-${++this.#number}`;
  }

  #nextIntent(): Intent {
    const random = this.#random;
    const known = this.#known;
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
    return intent;
  }

  #order(): unknown {
    const random = this.#random;
    const { customers } = this.#assortment;
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
      reference: `${this.#name}K-${this.#number}`,
      contact: { email: 'buyer@example.com', ...(random.chance(0.3) && { phone: '+49 30 123456' }) },
      ...(customers && random.chance(0.5) && { customerId: random.pick(customers) }),
      ...(random.chance(0.05) && { requiresReview: true }),
      ...(scarce && random.chance(0.5) && { allowBackorder: true }),
    });
  }

  /** One try of an intent; without an answer that decides, it will be tried again under the same key. */
  async attempt(intent: Intent): Promise<void> {
    intent.tries++;
    let answer: Awaited<ReturnType<Api['call']>>;
    try {
      answer = await this.#gateways[this.#turn++ % this.#gateways.length]!.call(intent.method, intent.path, {
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
      if (!other) this.#known.push(body.id);
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

/** Makes what is sold. */
export async function stockUp(api: Api, tokens: readonly string[]): Promise<Assortment> {
  const plenty = [
    await api.product(PLENTY),
    await api.product({ main: PLENTY / 2, north: PLENTY / 2 }),
    await api.product(PLENTY),
  ];
  return { plenty, scarce: await api.product(SCARCE), tokens };
}

/** Does what orders wait for: every request answered, every review decided, what was scarce delivered. */
export async function release(api: Api, load: Load, { scarce }: Assortment, patienceMs: number): Promise<void> {
  await answerAll(load, patienceMs);
  await decideReviews(api);
  await api.adjustStock(scarce, { delta: PLENTY }, 'fill');
}

/** On hand after {@link release}, if nothing had been sold. */
export function initialStock({ plenty, scarce }: Assortment): Map<string, number> {
  return new Map([...plenty.map((sku): [string, number] => [sku, PLENTY]), [scarce, SCARCE + PLENTY]]);
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

/** Decides what waits for a person, one way and the other in turn. */
export async function decideReviews(api: Api): Promise<void> {
  let open = 0;
  await until(
    'every review to be decided',
    async () => {
      const { items } = await api.get<Page<{ id: string }>>('/reviews?status=pending&limit=200');
      open = items.length;
      await inParallel(
        items.map(({ id }, i) => ({ id, decision: i % 2 === 0 ? ('approve' as const) : ('reject' as const) })),
        ({ id, decision }) => api.decideReview(id, decision),
      );
      return open === 0;
    },
    { timeoutMs: DECIDED_TIMEOUT_MS, describe: () => `${open} pending` },
  );
}

export async function inParallel<Item, Result>(
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
