import { OPEN_STATUSES } from '#orders/rules/lifecycle.ts';
import type { Api } from '#tests/support/api.ts';
import { burden, units } from '#tests/support/amounts.ts';
import { logFaults } from '#tests/support/log.ts';
import type { BookEntry, SandboxBooks } from '#tests/support/provider.ts';
import { until } from '#tests/support/until.ts';
import type { Order, OrderSummary, Page } from '#tests/support/views.ts';
import { decideReviews, inParallel, type Load } from './load.ts';

/** What was acknowledged beside what is there: orders, the provider's books, stock, notifications, invoices. */

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
const AGREE_MS = 30_000;

export class Comparison {
  readonly figures: Record<string, number | string> = {};
  readonly #api: Api;
  readonly #provider: SandboxBooks;
  readonly #load: Load;
  readonly #initial: ReadonlyMap<string, number>;

  constructor(api: Api, provider: SandboxBooks, load: Load, initial: ReadonlyMap<string, number>) {
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

  /** Orders that are not final or whose payment is not settled; a page of each kind says enough. */
  async #openOrders(): Promise<OrderSummary[]> {
    const filters = [...[...OPEN_STATUSES].map((status) => `status=${status}`), 'paymentStatus=PENDING'];
    const pages = await Promise.all(filters.map((filter) => this.#api.orders(`limit=200&${filter}`)));
    return pages.flatMap(({ items }) => items);
  }

  /** Waits until everything has ended, then says what does not agree. */
  async faults(patienceMs: number): Promise<string[]> {
    const beganMs = performance.now();
    let open: OrderSummary[] = [];
    try {
      await until(
        'every order to be final and every refund to be settled',
        async () => {
          await decideReviews(this.#api);
          open = await this.#openOrders();
          return open.length === 0;
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
    const ids = (await this.#allOrders()).map(({ id }) => id);
    let faults = await this.#compare(ids);
    if (faults.length === 0) return faults;
    // Refunds and letters follow the last event by moments: what disagrees is looked at again until it agrees or the time is over.
    await until('everything to agree', async () => (faults = await this.#compare(ids)).length === 0, {
      timeoutMs: AGREE_MS,
      everyMs: 500,
    }).catch(() => {});
    return faults;
  }

  async #compare(ids: readonly string[]): Promise<string[]> {
    const faults: string[] = [];
    const { acknowledged, cancelled, refunds } = this.#load;
    const present = new Set(ids);
    for (const id of acknowledged.keys()) if (!present.has(id)) faults.push(`order ${id} was acknowledged and is gone`);
    for (const id of ids) if (!acknowledged.has(id)) faults.push(`order ${id} exists and was never acknowledged`);
    const parked = await this.#api.parked();
    for (const entry of parked) faults.push(`parked: ${JSON.stringify(entry)}`);

    const books = new Map<string, BookEntry[]>();
    const entries = await this.#provider.all();
    for (const entry of entries) books.set(entry.reference, [...(books.get(entry.reference) ?? []), entry]);
    for (const reference of books.keys())
      if (!present.has(reference)) faults.push(`the provider charged for ${reference}, which is no order`);

    const orders = await inParallel(ids, (id) => this.#api.order(id));
    const byId = new Map(orders.map((order) => [order.id, order]));
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
      const order = byId.get(id);
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
          faults.push(`${order.id}: nobody was notified about ${event.type}`);
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
