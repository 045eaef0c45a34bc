import { randomUUID } from 'node:crypto';
import { Agent, request } from 'undici';
import { OlmsClient, type ParkedOrder, type Role, type StockAdjustment } from '#client/client.ts';
import { FINAL_STATUSES, type Status } from '#orders/rules/lifecycle.ts';
import { expectDocumented } from './contract.ts';
import { until } from './until.ts';
import type {
  CloudEvent,
  Dashboard,
  Invoice,
  Notification,
  Order,
  OrderSummary,
  Page,
  Payment,
  Problem,
  Product,
  Review,
  Shipment,
  Stock,
} from './views.ts';

/** A caller of the HTTP API: the only way in which scenarios touch the system, so that they run against any shape of it. */

export interface Answer<Body = unknown> {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Body;
  readonly text: string;
}

export interface CallOptions {
  /** Sent as JSON; a string or buffer is sent as it is. */
  readonly body?: unknown;
  /** Headers to add; undefined takes a default header away. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** `Idempotency-Key`. */
  readonly key?: string | undefined;
  readonly timeoutMs?: number;
}

/** What a test wants to say about an order; everything else has a good default. */
export interface OrderWishes {
  readonly sku?: string;
  readonly quantity?: number;
  readonly unitPrice?: string;
  readonly token?: string;
  readonly [field: string]: unknown;
}

export interface PlaceOptions {
  readonly key?: string | undefined;
  /** Seconds of `Prefer: wait`. */
  readonly wait?: number;
  readonly headers?: Readonly<Record<string, string | undefined>>;
}

/** The body of `POST /orders` with good defaults: one line of the SKU at 10.00 EUR, paid with a card that works. */
export function orderBody(wishes: OrderWishes & { readonly sku?: string }): Record<string, unknown> {
  const { sku, quantity = 1, unitPrice = '10.00', token = 'tok_approve', ...rest } = wishes;
  return {
    customerId: randomUUID(),
    currency: 'EUR',
    items: [{ sku, quantity, unitPrice }],
    contact: { email: 'customer@example.com' },
    payment: { token },
    ...rest,
  };
}

export const isFinal = (order: { readonly status: string }): boolean => FINAL_STATUSES.has(order.status as Status);

export class ApiFailure extends Error {
  readonly answer: Answer;
  constructor(what: string, answer: Answer) {
    super(`${what} answered ${answer.status}: ${answer.text.slice(0, 1_000)}`);
    this.answer = answer;
  }
}

interface ApiOptions {
  readonly agent?: Agent;
  /** False for what answers in the place of a service: its answers need not be those of the API's description. */
  readonly documented?: boolean;
  /** True for a version that may know no places: there stock may be anywhere, and none has to be made for it. */
  readonly anyLocation?: boolean;
}

export class Api {
  readonly url: string;
  /** Each operation by its name; a call is made once, and its answer held against the API's description like any other. */
  readonly client: OlmsClient;
  readonly #key: string | undefined;
  readonly #agent: Agent;
  readonly #documented: boolean;
  readonly #anyLocation: boolean;
  readonly #locations = new Set(['main']);

  constructor(url: string, key: string | undefined, options: ApiOptions = {}) {
    const { agent, documented = true, anyLocation = false } = options;
    this.#anyLocation = anyLocation;
    this.url = url;
    this.#key = key;
    this.#agent = agent ?? new Agent({ connections: 128, pipelining: 1 });
    this.#documented = documented;
    this.client = new OlmsClient({
      url,
      attempts: 1,
      fetch: async (target, { method, headers, body }) => {
        const answer = await this.call(method, target.slice(url.length), { headers, body });
        const { status, text } = answer;
        return { status, headers: { get: (name) => answer.headers[name]?.toString() ?? null }, text: async () => text };
      },
    });
  }

  /** The same system, called with another key or none. */
  as(key: string | undefined): Api {
    return new Api(this.url, key, { agent: this.#agent, documented: this.#documented });
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  /** One call, whatever it answers, as long as it is what the API's description says. */
  async call<Body = unknown>(method: string, path: string, options: CallOptions = {}): Promise<Answer<Body>> {
    const { body, key, timeoutMs = 30_000 } = options;
    const raw = typeof body === 'string' || Buffer.isBuffer(body);
    const headers: Record<string, string | string[]> = {};
    if (this.#key !== undefined) headers['authorization'] = `Bearer ${this.#key}`;
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (key !== undefined) headers['idempotency-key'] = key;
    for (const [name, value] of Object.entries(options.headers ?? {})) {
      if (value === undefined) delete headers[name];
      else headers[name] = typeof value === 'string' ? value : [...value];
    }
    const response = await request(`${this.url}${path}`, {
      method: method as 'GET',
      headers,
      dispatcher: this.#agent,
      body: body === undefined ? null : raw ? (body as string | Buffer) : JSON.stringify(body),
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    });
    const text = await response.body.text();
    const json = /[/+]json\b/.test(String(response.headers['content-type'] ?? ''));
    const answer = {
      status: response.statusCode,
      headers: response.headers,
      body: (json && text !== '' ? JSON.parse(text) : text) as Body,
      text,
    };
    if (this.#documented) expectDocumented(method, path, answer);
    return answer;
  }

  /** One call that must succeed. */
  async ok<Body>(method: string, path: string, options: CallOptions = {}): Promise<Body> {
    const answer = await this.call<Body>(method, path, options);
    if (answer.status >= 300) throw new ApiFailure(`${method} ${path}`, answer);
    return answer.body;
  }

  get<Body>(path: string): Promise<Body> {
    return this.ok<Body>('GET', path);
  }

  // Products and stock ---------------------------------------------------------------------------------

  putProduct(sku: string, product: Partial<Product> = {}): Promise<Product> {
    return this.client.putProduct({ sku }, { name: `Product ${sku}`, ...product });
  }

  /** Makes a place for stock; `main` is there from the beginning. */
  async location(name: string): Promise<void> {
    if (this.#locations.has(name)) return;
    try {
      await this.client.putLocation({ name }, {});
    } catch (error) {
      if (!this.#anyLocation || (error as { readonly status?: number }).status !== 404) throw error;
    }
    this.#locations.add(name);
  }

  /** Changes stock; a place that is named is made first. */
  async adjustStock(
    sku: string,
    change: { readonly delta?: number; readonly onHand?: number; readonly location?: string; readonly reason?: string },
    key: string = randomUUID(),
  ): Promise<StockAdjustment> {
    if (change.location !== undefined) await this.location(change.location);
    return this.client.adjustStock({ sku, reason: 'test', ...change }, { idempotencyKey: key });
  }

  /** A product of its own for a test, with stock at `main` or at the locations given. Returns its SKU. */
  async product(stock: number | Readonly<Record<string, number>> = 100, name = 'SKU'): Promise<string> {
    const sku = `${name}-${randomUUID().slice(0, 13)}`;
    await this.putProduct(sku);
    for (const [location, onHand] of Object.entries(typeof stock === 'number' ? { main: stock } : stock)) {
      if (onHand > 0) await this.adjustStock(sku, { onHand, location });
    }
    return sku;
  }

  stock(sku: string): Promise<Stock> {
    return this.client.readStock({ sku });
  }

  // Orders ---------------------------------------------------------------------------------------------

  /** `POST /orders`, whatever it answers. A SKU that is not named is made, with ample stock. */
  async postOrder(wishes: OrderWishes = {}, options: PlaceOptions = {}): Promise<Answer<Order & Problem>> {
    const { key = randomUUID(), wait, headers = {} } = options;
    const sku = wishes.sku ?? ('items' in wishes ? undefined : await this.product());
    const body = orderBody({ ...wishes, ...(sku !== undefined && { sku }) });
    return this.call('POST', '/orders', {
      body,
      key,
      headers: { ...(wait !== undefined && { prefer: `wait=${wait}` }), ...headers },
    });
  }

  async placeOrder(wishes: OrderWishes = {}, options: PlaceOptions = {}): Promise<Order> {
    const answer = await this.postOrder(wishes, options);
    if (answer.status !== 201) throw new ApiFailure('POST /orders', answer);
    return answer.body;
  }

  order(id: string, query = ''): Promise<Order> {
    return this.get(`/orders/${id}${query}`);
  }

  orders(query: string): Promise<Page<OrderSummary>> {
    return this.get(`/orders?${query}`);
  }

  async events(id: string): Promise<readonly CloudEvent[]> {
    return (await this.client.listOrderEvents({ id })).items;
  }

  /** The log of an order once this event is in it: it may be known elsewhere before the log has come round. */
  untilEvent(id: string, type: string): Promise<readonly CloudEvent[]> {
    return until(`${type} in the log of ${id}`, async () => {
      const events = await this.events(id);
      return events.some((event) => event.type === type) && events;
    });
  }

  /** `POST /orders/{id}/{action}`, whatever it answers. */
  command(id: string, action: string, body: unknown = {}, options: CallOptions = {}): Promise<Answer<Order & Problem>> {
    return this.call('POST', `/orders/${id}/${action}`, { body, key: randomUUID(), ...options });
  }

  cancel(id: string, reason = 'changed my mind', options: CallOptions = {}): Promise<Answer<Order & Problem>> {
    return this.command(id, 'cancel', { reason }, options);
  }

  amend(id: string, changes: unknown, options: CallOptions = {}): Promise<Answer<Order & Problem>> {
    return this.call('PATCH', `/orders/${id}`, { body: changes, ...options });
  }

  /** The order once the condition holds; fails at once where it ended otherwise. */
  untilOrder(id: string, what: string, condition: (order: Order) => boolean, timeoutMs = 15_000): Promise<Order> {
    let last: Order | undefined;
    return until(
      `order ${id} to be ${what}`,
      async () => {
        last = await this.order(id);
        return condition(last) && last;
      },
      {
        timeoutMs,
        describe: () =>
          `${last?.status} / ${last?.paymentStatus} / ${last?.fulfillmentStatus}, refunded ${last?.refundedAmount}, holds ${JSON.stringify(last?.holds)}, ${last?.endReason ?? ''}`,
      },
    );
  }

  untilStatus(id: string, status: string, timeoutMs?: number): Promise<Order> {
    return this.untilOrder(
      id,
      status,
      (order) => {
        if (order.status !== status && isFinal(order))
          throw new Error(
            `Order ${id} ended as ${order.status} (${order.endReason ?? 'no reason'}) instead of ${status}`,
          );
        return order.status === status;
      },
      timeoutMs,
    );
  }

  untilFinal(id: string, timeoutMs?: number): Promise<Order> {
    return this.untilOrder(id, 'final', isFinal, timeoutMs);
  }

  // What the other services know of an order --------------------------------------------------------------

  async payment(orderId: string): Promise<Payment | undefined> {
    const { items } = await this.client.listPayments({ orderId });
    if (items.length > 1) throw new Error(`Order ${orderId} has ${items.length} payments`);
    return items[0];
  }

  async shipments(orderId: string): Promise<readonly Shipment[]> {
    return (await this.client.listShipments({ orderId })).items;
  }

  /** The order's first shipment, once shipping has scheduled it. */
  firstShipment(orderId: string): Promise<Shipment> {
    return until(`a shipment of ${orderId}`, async () => (await this.shipments(orderId))[0]);
  }

  dispatch(
    shipmentId: string,
    parcel = { carrier: 'DHL', trackingNumber: 'JD014600' },
  ): Promise<Answer<Shipment & Problem>> {
    return this.call('POST', `/shipments/${shipmentId}/dispatch`, { body: parcel, key: randomUUID() });
  }

  deliver(shipmentId: string): Promise<Answer<Shipment & Problem>> {
    return this.call('POST', `/shipments/${shipmentId}/deliver`, { body: {}, key: randomUUID() });
  }

  async reviewOf(orderId: string): Promise<Review> {
    return until(`a review of order ${orderId}`, async () => {
      for await (const review of this.client.listReviews({ limit: 200 })) if (review.orderId === orderId) return review;
      return undefined;
    });
  }

  decideReview(
    reviewId: string,
    decision: 'approve' | 'reject',
    reason = 'looked at it',
  ): Promise<Answer<Review & Problem>> {
    return this.call('POST', `/reviews/${reviewId}/${decision}`, { body: { reason }, key: randomUUID() });
  }

  async notifications(orderId: string): Promise<readonly Notification[]> {
    return (await this.client.listNotifications({ orderId })).items;
  }

  /** The notifications once one about this event type is there. */
  untilNotified(orderId: string, eventType: string): Promise<readonly Notification[]> {
    return until(`a notification about ${eventType} of ${orderId}`, async () => {
      const items = await this.notifications(orderId);
      return items.some((item) => item.eventType === eventType) && items;
    });
  }

  async invoice(orderId: string): Promise<Invoice> {
    return until(`the invoice of ${orderId}`, async () => {
      const answer = await this.call<Invoice>('GET', `/orders/${orderId}/invoice`);
      return answer.status === 200 && answer.body;
    });
  }

  dashboard(): Promise<Dashboard> {
    return this.client.readDashboard();
  }

  async parked(): Promise<readonly ParkedOrder[]> {
    return (await this.client.listParkedOrders()).items;
  }

  /** A fresh API key of this role. */
  async newKey(role: Role): Promise<string> {
    const name = `${role}-${randomUUID().slice(0, 8)}`;
    return (await this.client.createApiKey({ name, role })).key;
  }
}
