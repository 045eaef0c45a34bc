import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Environment } from '#platform/runtime/settings.ts';
import { type Order, type OrderStatus, Problem, UnreachableError } from '#client/client.ts';
import { type ApiClient, type ClientOptions, withClient } from '#cli/client.ts';
import { print, printJson, table } from '#cli/output.ts';
import { FINAL_STATUSES } from '#orders/rules/lifecycle.ts';

/**
 * `olms smoke`: does a deployment work? An order for a product of its own is placed over the API and followed to its
 * end, with what each service has to do about it; afterwards its stock is 0 and its order final. What cannot be taken
 * back (events, the invoice) is named.
 */

export type SmokeEnd = 'complete' | 'cancel';

export interface SmokeOptions extends ClientOptions {
  readonly json?: boolean;
  /** `complete`: dispatched, delivered and invoiced. `cancel`: paid, cancelled and given back, with no invoice. */
  readonly until?: string;
  readonly token?: string;
  readonly provider?: string;
  readonly location?: string;
  /** Seconds for the order to reach its end. */
  readonly timeout?: number;
}

/**
 * How it went, by exit code: all of it worked and was cleaned up (0); it did not (1); the system was not there or not
 * ready, and nothing was placed (3); it worked, and cleaning up did not (4). A wrong call is 2.
 */
const EXIT_CODES = { passed: 0, failed: 1, unavailable: 3, uncleaned: 4 } as const;

interface Step {
  readonly step: string;
  readonly ms: number;
  readonly detail: string;
}

export interface SmokeReport {
  readonly outcome: keyof typeof EXIT_CODES;
  readonly sku: string;
  readonly orderId?: string;
  readonly status?: OrderStatus;
  readonly steps: readonly Step[];
  /** Why it failed. */
  readonly problem?: string;
  /** What could not be cleaned up. */
  readonly left: readonly string[];
  /** What stays for good, because it happened. */
  readonly stays: readonly string[];
}

const TIMEOUT_S = 60;
const CLEAN_UP_MS = 20_000;
const POLL_MS = 200;
const PRICE = '1.00';
const CURRENCY = 'EUR';

/** Prints how it went, and exits by {@link EXIT_CODES}. Ctrl-C cleans up first. */
export async function smoke(options: SmokeOptions, env: Environment): Promise<void> {
  const { until = 'complete' } = options;
  if (until !== 'complete' && until !== 'cancel') {
    process.stderr.write(`olms: --until takes complete or cancel, not ${until}\n`);
    process.exitCode = 2;
    return;
  }
  const stopping = new AbortController();
  const stop = (): void => stopping.abort(new Error('stopped by a signal'));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
  const report = await withClient(options, env, (client) => new Smoke(client, options, until, stopping.signal).run());
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop);
  if (options.json) printJson(report);
  else print(textOf(report));
  process.exitCode = EXIT_CODES[report.outcome];
}

class Smoke {
  readonly #client: ApiClient;
  readonly #options: SmokeOptions;
  readonly #end: SmokeEnd;
  readonly #signal: AbortSignal;
  readonly #sku = `SMOKE-${randomUUID().slice(0, 13).toUpperCase()}`;
  readonly #steps: Step[] = [];
  readonly #stays: string[] = [];
  #order: Order | undefined;

  constructor(client: ApiClient, options: SmokeOptions, end: SmokeEnd, signal: AbortSignal) {
    this.#client = client;
    this.#options = options;
    this.#end = end;
    this.#signal = signal;
  }

  async run(): Promise<SmokeReport> {
    try {
      await this.#step('ready', () => this.#ready());
    } catch (error) {
      return this.#report('unavailable', [], error);
    }
    let failure: unknown;
    const untilMs = Date.now() + (this.#options.timeout ?? TIMEOUT_S) * 1000;
    try {
      await this.#step('product and stock', () => this.#stock(1));
      await this.#step('placed', () => this.#place());
      await (this.#end === 'complete' ? this.#complete(untilMs) : this.#cancel(untilMs));
    } catch (error) {
      failure = error;
    }
    const left = await this.#cleanUp();
    return this.#report(failure !== undefined ? 'failed' : left.length > 0 ? 'uncleaned' : 'passed', left, failure);
  }

  /** Runs a part of it and notes how long that took. */
  async #step(step: string, work: () => Promise<string>): Promise<void> {
    const startedMs = performance.now();
    const detail = await work();
    this.#steps.push({ step, ms: Math.round(performance.now() - startedMs), detail });
  }

  async #ready(): Promise<string> {
    const { status, checks } = await this.#client.checkReadiness({ signal: this.#signal });
    const away = Object.entries(checks).flatMap(([name, { ok }]) => (ok ? [] : [name]));
    // A key that is refused is found here, before anything is made.
    await this.#client.listProducts({ limit: 1 }, { signal: this.#signal });
    return away.length === 0 ? status : `${status}: ${away.join(', ')}`;
  }

  async #stock(onHand: number): Promise<string> {
    const { location } = this.#options;
    await this.#client.putProduct({ sku: this.#sku }, { name: 'Smoke test', price: PRICE, currency: CURRENCY });
    const at = location === undefined ? {} : { location };
    await this.#client.adjustStock({ sku: this.#sku, onHand, reason: 'smoke test', ...at });
    return `${this.#sku}, ${onHand} on hand`;
  }

  /** Twice under one key, as a caller does that got no answer: it must be one order. */
  async #place(): Promise<string> {
    const { token = 'tok_approve', provider } = this.#options;
    const body = {
      channel: 'smoke',
      reference: this.#sku,
      currency: CURRENCY,
      items: [{ sku: this.#sku, quantity: 1, unitPrice: PRICE }],
      payment: { token, ...(provider !== undefined && { provider }) },
    };
    const idempotencyKey = randomUUID();
    this.#order = await this.#client.placeOrder(body, { idempotencyKey });
    const again = await this.#client.placeOrder(body, { idempotencyKey });
    this.#assert(again.id === this.#order.id, `a repeated request made a second order, ${again.id}`);
    return this.#order.id;
  }

  async #complete(untilMs: number): Promise<void> {
    const id = this.#order!.id;
    await this.#step('reserved and paid', () => this.#until(untilMs, ['READY_FOR_SHIPMENT', 'SHIPPED', 'COMPLETED']));
    await this.#step('dispatched and delivered', async () => {
      const shipments = await this.#poll(untilMs, 'a shipment', async () => {
        const { items } = await this.#client.listShipments({ orderId: id });
        return items.length > 0 && items;
      });
      for (const shipment of shipments) {
        const tracking = { carrier: 'smoke', trackingNumber: this.#sku };
        await this.#unlessDone(() => this.#client.dispatchShipment({ id: shipment.id }, tracking));
        await this.#unlessDone(() => this.#client.deliverShipment({ id: shipment.id }, {}));
      }
      return this.#until(untilMs, ['COMPLETED']);
    });
    await this.#step('invoiced', async () => {
      const invoice = await this.#poll(untilMs, 'an invoice', () => this.#found(this.#client.readInvoice({ id })));
      this.#stays.push(`invoice ${invoice.invoiceNumber}`);
      return invoice.invoiceNumber;
    });
    await this.#step('notified', () => this.#notified(untilMs));
    const { onHand } = await this.#client.readStock({ sku: this.#sku });
    this.#assert(onHand === 0, `${onHand} pieces are still on hand after the only one was shipped`);
  }

  async #cancel(untilMs: number): Promise<void> {
    const id = this.#order!.id;
    await this.#step('reserved and paid', () => this.#until(untilMs, ['READY_FOR_SHIPMENT']));
    await this.#step('cancelled', async () => {
      await this.#client.cancelOrder({ id }, { reason: 'smoke test' });
      return this.#until(untilMs, ['CANCELLED']);
    });
    await this.#step('money and goods given back', () =>
      this.#poll(untilMs, 'the refund and the stock', async () => {
        const order = await this.#read();
        const { available } = await this.#client.readStock({ sku: this.#sku });
        return (
          order.refundedAmount === order.capturedAmount && available === 1 && `${order.refundedAmount} ${CURRENCY}`
        );
      }),
    );
    await this.#step('notified', () => this.#notified(untilMs));
  }

  /** An order without a contact is written to nobody; that it would have been is recorded. */
  async #notified(untilMs: number): Promise<string> {
    const count = await this.#poll(untilMs, 'a notification', async () => {
      const { items } = await this.#client.listNotifications({ orderId: this.#order!.id });
      return items.length;
    });
    return `${count}, sent to nobody`;
  }

  async #read(): Promise<Order> {
    return (this.#order = await this.#client.readOrder({ id: this.#order!.id }));
  }

  async #until(untilMs: number, statuses: readonly OrderStatus[]): Promise<string> {
    return this.#poll(untilMs, statuses[0]!, async () => {
      const { status, paymentStatus, holds } = await this.#read();
      if (statuses.includes(status)) return `${status}, payment ${paymentStatus}`;
      this.#assert(!FINAL_STATUSES.has(status), `the order became ${status} (payment ${paymentStatus})`);
      this.#assert(holds.length === 0, `the order is on hold: ${holds.map(({ type }) => type).join(', ')}`);
      return false;
    });
  }

  async #poll<Value>(
    untilMs: number,
    what: string,
    look: () => Promise<Value | false | 0 | undefined>,
  ): Promise<Value> {
    const lookOn = (): ReturnType<typeof look> => {
      this.#signal.throwIfAborted();
      return look();
    };
    return polled(
      untilMs,
      lookOn,
      () => `${what} did not come within ${this.#options.timeout ?? TIMEOUT_S} s${this.#whereItStands()}`,
    );
  }

  #whereItStands(): string {
    return this.#order ? `; the order is ${this.#order.status}, payment ${this.#order.paymentStatus}` : '';
  }

  /** Undefined for what is not there yet. */
  async #found<Value>(answer: Promise<Value>): Promise<Value | undefined> {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof Problem && error.status === 404) return undefined;
      throw error;
    }
  }

  /** A carrier of the deployment may have moved the parcel before us. */
  async #unlessDone(move: () => Promise<unknown>): Promise<void> {
    try {
      await move();
    } catch (error) {
      if (!(error instanceof Problem && error.status === 409)) throw error;
    }
  }

  #assert(holds: boolean, problem: string): void {
    if (!holds) throw new Error(problem);
  }

  /** Ends an order that did not end, and takes the stock away; returns what could not be done. */
  async #cleanUp(): Promise<string[]> {
    const left: string[] = [];
    const attempt = async (what: string, work: () => Promise<unknown>): Promise<void> => {
      try {
        await work();
      } catch (error) {
        left.push(`${what}: ${(error as Error).message}`);
      }
    };
    const untilMs = Date.now() + CLEAN_UP_MS;
    // Also after a signal: what was made is taken away.
    const again = (work: () => Promise<boolean>): Promise<unknown> =>
      polled(untilMs, work, () => `not within ${CLEAN_UP_MS / 1000} s${this.#whereItStands()}`);
    if (this.#order)
      await attempt(`order ${this.#order.id} is not final`, async () => {
        const { id, status } = await this.#read();
        if (!FINAL_STATUSES.has(status))
          await this.#unlessDone(() => this.#client.cancelOrder({ id }, { reason: 'smoke test' }));
        await again(async () => FINAL_STATUSES.has((await this.#read()).status));
      });
    if (this.#steps.length > 1)
      await attempt(`stock of ${this.#sku} is not 0`, () =>
        again(async () => {
          const { onHand, reserved } = await this.#client.readStock({ sku: this.#sku });
          if (onHand === 0) return true;
          // What is set aside for an order goes with it.
          if (reserved === 0) await this.#stock(0);
          return false;
        }),
      );
    return left;
  }

  #report(outcome: SmokeReport['outcome'], left: readonly string[], failure?: unknown): SmokeReport {
    return {
      outcome,
      sku: this.#sku,
      ...(this.#order && { orderId: this.#order.id, status: this.#order.status }),
      steps: this.#steps,
      ...(failure !== undefined && { problem: reasonOf(failure) }),
      left,
      stays: [
        ...(this.#steps.length > 1 ? [`product ${this.#sku} without stock`] : []),
        ...(this.#order ? [`order ${this.#order.id} with its events and notifications`] : []),
        ...this.#stays,
      ],
    };
  }
}

/** Looks until there is something (not false, undefined or 0). Throws what `late` says when the time is over. */
async function polled<Value>(
  untilMs: number,
  look: () => Promise<Value | false | 0 | undefined>,
  late: () => string,
): Promise<Value> {
  for (;;) {
    const found = await look();
    if (found !== false && found !== undefined && found !== 0) return found as Value;
    if (Date.now() > untilMs) throw new Error(late());
    await sleep(POLL_MS);
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Problem) return `${error.code}: ${error.message}`;
  return error instanceof UnreachableError || error instanceof Error ? error.message : String(error);
}

const CONCLUSIONS = {
  passed: 'It works.',
  failed: 'It does not work',
  unavailable: 'The system is not ready, and nothing was placed',
  uncleaned: 'It works, but something stays that should not.',
} as const satisfies Record<SmokeReport['outcome'], string>;

function textOf({ outcome, steps, problem, left, stays }: SmokeReport): string {
  const parts = [
    table(
      ['step', 'ms', ''],
      steps.map(({ step, ms, detail }) => [step, ms, detail]),
    ),
  ];
  if (left.length > 0) parts.push(['NOT CLEANED UP:', ...left.map((line) => `  ${line}`)].join('\n'));
  if (stays.length > 0)
    parts.push(['What stays, because it happened:', ...stays.map((line) => `  ${line}`)].join('\n'));
  parts.push(problem === undefined ? CONCLUSIONS[outcome] : `${CONCLUSIONS[outcome]}: ${problem}`);
  return parts.join('\n\n');
}
