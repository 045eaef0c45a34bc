import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll } from 'vitest';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';
import { DEFAULT_ENV, startOnDatabase, TestSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { Order, Shipment } from '#tests/support/views.ts';

/** A system with orders in every kind of trouble, each made on demand, for what the console shows and does about them. */

export interface Workshop {
  readonly system: TestSystem;
  readonly make: Troubles;
}

const ENV = {
  SANDBOX_CARRIER_DELAY_MS: 'off',
  PAYMENTS_PROVIDERS: 'sandbox,manual',
  PAYMENTS_BREAKER_OPEN_MS: '600',
  ORDERS_PAY_AGAIN_MS: '3600000',
};

/** Started before the tests of a file and stopped after them. */
export function useWorkshop(env: Readonly<Record<string, string>> = {}): Workshop {
  let postgres: TestPostgres;
  let database: pg.Client;
  let system: TestSystem | undefined;
  beforeAll(async () => {
    postgres = await startTestPostgres();
    const url = await postgres.createDatabase();
    system = new TestSystem(await startOnDatabase({ ...DEFAULT_ENV, ...ENV, ...env, DATABASE_URL: url }));
    database = new pg.Client({ connectionString: url });
    await database.connect();
  }, 90_000);
  afterAll(async () => {
    await database?.end();
    await system?.stop();
    await postgres?.stop();
  });
  const started = (): TestSystem => {
    if (!system) throw new Error('The workshop is open inside of tests only.');
    return system;
  };
  return {
    get system() {
      return started();
    },
    get make() {
      return new Troubles(started(), database);
    },
  };
}

export class Troubles {
  readonly #system: TestSystem;
  readonly #database: pg.Client;

  constructor(system: TestSystem, database: pg.Client) {
    this.#system = system;
    this.#database = database;
  }

  /** A product of its own with so many pieces. */
  async product(onHand: number): Promise<string> {
    const { api } = this.#system;
    const sku = `T-${randomUUID().slice(0, 8)}`;
    await api.ok('PUT', `/products/${sku}`, { body: { name: `Thing ${sku}`, price: '9.95', currency: 'EUR' } });
    if (onHand > 0)
      await api.ok('POST', '/stock/adjustments', {
        body: { sku, location: 'main', delta: onHand, reason: 'delivery' },
        key: randomUUID(),
      });
    return sku;
  }

  async place(more: object = {}, sku?: string, quantity = 2): Promise<Order> {
    const body = {
      currency: 'EUR',
      items: [{ sku: sku ?? (await this.product(10)), quantity, unitPrice: '9.95' }],
      payment: { provider: 'sandbox', token: 'tok_approve' },
      contact: { email: `${randomUUID().slice(0, 8)}@example.com` },
      ...more,
    };
    return this.#system.api.ok<Order>('POST', '/orders', { body, key: randomUUID(), headers: { prefer: 'wait=10' } });
  }

  /** With the warehouse. */
  async toSend(sku?: string, quantity?: number): Promise<Order> {
    const { id } = await this.place({}, sku, quantity);
    return this.#system.api.untilStatus(id, 'READY_FOR_SHIPMENT');
  }

  async parcelOf({ id }: Order): Promise<Shipment> {
    return this.#system.api.firstShipment(id);
  }

  async sent(): Promise<Order> {
    const order = await this.toSend();
    await this.#system.api.dispatch((await this.parcelOf(order)).id);
    return this.#system.api.untilStatus(order.id, 'SHIPPED');
  }

  async held(reason = 'the address looks wrong'): Promise<Order> {
    const order = await this.toSend();
    await this.#system.api.ok('POST', `/orders/${order.id}/hold`, { body: { reason } });
    return this.#system.api.order(order.id);
  }

  async flagged(): Promise<Order> {
    const order = await this.place({ requiresReview: true });
    await until('the review', async () => (await this.#count(`/reviews?orderId=${order.id}`)) > 0);
    return order;
  }

  async backordered(): Promise<{ order: Order; sku: string }> {
    const sku = await this.product(0);
    const { id } = await this.place({ allowBackorder: true }, sku);
    return { order: await this.#system.api.untilStatus(id, 'BACKORDERED'), sku };
  }

  /** Reserved, and then not there when somebody counts. */
  async short(): Promise<{ order: Order; sku: string }> {
    const sku = await this.product(3);
    const { id } = await this.toSend(sku, 3);
    const body = { sku, location: 'main', onHand: 1, reason: 'count' };
    await this.#system.api.ok('POST', '/stock/adjustments', { body, key: randomUUID() });
    const order = await this.#system.api.untilOrder(id, 'short', ({ holds }) =>
      holds.some(({ type }) => type === 'shortage'),
    );
    return { order, sku };
  }

  /** The answer of the provider is lost, and it stays away until the outage is ended. */
  async inDoubt(): Promise<Order> {
    await this.#system.provider.outage(true);
    const order = await this.place();
    await until('the doubt', async () => (await this.payment(order))?.operations[0]?.state === 'in_doubt');
    return order;
  }

  async refused(): Promise<Order> {
    const { id } = await this.place({ payment: { provider: 'sandbox', token: 'tok_decline' } });
    return this.#system.api.untilOrder(id, 'refused', ({ paymentStatus }) => paymentStatus === 'FAILED');
  }

  async atTheBank(): Promise<Order> {
    const { id } = await this.place({ payment: { provider: 'sandbox', token: 'tok_3ds' } });
    return this.#system.api.untilStatus(id, 'PAYMENT_PENDING');
  }

  async transfer(): Promise<Order> {
    const { id } = await this.place({ payment: { provider: 'manual', token: 'bank_transfer' } });
    return this.#system.api.untilStatus(id, 'PAYMENT_PENDING');
  }

  async overpaid(): Promise<Order> {
    const order = await this.transfer();
    const body = { date: new Date().toISOString().slice(0, 10), amount: '25.00' };
    await this.#system.api.ok('POST', `/payments/${order.id}/record`, { body, key: randomUUID() });
    return this.#system.api.untilStatus(order.id, 'READY_FOR_SHIPMENT');
  }

  async returning(): Promise<Order> {
    const order = await this.sent();
    const lines = [{ line: 1, quantity: 2 }];
    await this.#system.api.ok('POST', `/orders/${order.id}/returns`, { body: { lines, reason: 'too bright' } });
    return this.#system.api.order(order.id);
  }

  /** As where the rules did not know an event that they know since. */
  async parked(): Promise<Order> {
    const order = await this.toSend();
    const [event] = await this.#system.api.events(order.id);
    await this.#database.query(
      'insert into log.parked_events (consumer, order_id, event, reason) values ($1, $2, $3, $4)',
      ['shipping', order.id, JSON.stringify(event), 'the rules do not know it'],
    );
    return this.#system.api.order(order.id);
  }

  async payment({
    id,
  }: Order): Promise<{ status: string; operations: { state: string }[]; receipts?: { amount: string }[] } | undefined> {
    const { items } = await this.#system.api.ok<{
      items: { status: string; operations: { state: string }[]; receipts?: { amount: string }[] }[];
    }>('GET', `/payments?orderId=${id}`);
    return items[0];
  }

  async #count(path: string): Promise<number> {
    return (await this.#system.api.ok<{ items: unknown[] }>('GET', path)).items.length;
  }
}
