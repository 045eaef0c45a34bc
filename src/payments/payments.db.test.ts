import { createHmac } from 'node:crypto';
import { createServer as createHttpServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { uuidv7 } from 'uuidv7';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Envelope } from '#contracts/envelope.ts';
import type { EventData, EventType } from '#contracts/order-events.ts';
import { isoTime } from '#contracts/time.ts';
import { systemClock } from '#platform/runtime/clock.ts';
import type { Database } from '#platform/database/database.ts';
import { createHttp } from '#platform/http/server.ts';
import { fromRow, OUTBOX_COLUMNS, type OutboxRow, appendEvents } from '#platform/log/outbox.ts';
import type { PostgresBus } from '#platform/log/postgres-bus.ts';
import type { Service, ServiceDependencies } from '#platform/service.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { paymentsMetrics } from './metrics.ts';
import { createMetrics, type Metrics } from '#platform/telemetry/metrics.ts';
import { sandboxUrl } from '#sandbox/settings.ts';
import { sandbox } from '#sandbox/service.ts';
import { createSandboxProvider } from './sandbox-provider.ts';
import { payments } from './service.ts';
import { useServiceDatabase } from '#tests/support/one-service.ts';
import { freePort } from '#tests/support/ports.ts';

/** Payments and the sandbox provider over real HTTP, on a real PostgreSQL. */

const SECRET = `whsec_${Buffer.from('a secret of this test').toString('base64')}`;

/** Waits for a state, not for a time. */
async function until<Value>(
  what: string,
  read: () => Promise<Value | undefined | false>,
  limitMs = 20_000,
): Promise<Value> {
  const endMs = Date.now() + limitMs;
  for (;;) {
    const value = await read();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > endMs) throw new Error(`Waited in vain for ${what}`);
    await sleep(20);
  }
}

const on = useServiceDatabase([payments, sandbox], 6);
let database: Database;
let bus: PostgresBus;
let provider: Service;
let app: ReturnType<typeof createHttp>;
let env: Record<string, string>;
let metrics: Metrics;
let running: Service | undefined;
const logger = createLogger('silent');

function dependencies(changes: Record<string, string> = {}): ServiceDependencies {
  return {
    env: { ...env, ...changes },
    database,
    bus,
    clock: systemClock,
    logger,
    metrics,
    soleWriter: false,
    peers: { lookupProducts: async () => [] },
  };
}

async function startPayments(changes: Record<string, string> = {}): Promise<Service> {
  running = payments.create(dependencies(changes));
  await running.start();
  return running;
}

async function stopPayments(): Promise<void> {
  await running?.stop();
  running = undefined;
}

async function say<T extends EventType>(orderId: string, sequence: number, type: T, data: EventData<T>): Promise<void> {
  const event: Envelope = {
    id: uuidv7(),
    source: '/olms/orders',
    type,
    subject: orderId,
    sequence,
    time: isoTime(Date.now()),
    correlationid: `c-${orderId}`,
    causationid: 'x',
    data,
  };
  bus.remember([event]);
  await database.write([appendEvents([event])]);
}

async function pay(token: string, amount = '19.90'): Promise<string> {
  const orderId = uuidv7();
  await say(orderId, 1, 'OrderPaymentRequested', { provider: 'sandbox', token, amount, currency: 'EUR' });
  return orderId;
}

const cancel = (orderId: string): Promise<void> => say(orderId, 2, 'OrderCancelled', { reason: 'no', by: 'customer' });

async function events(orderId: string): Promise<Envelope[]> {
  const rows = await database.query<OutboxRow>(
    `select ${OUTBOX_COLUMNS} from log.order_outbox where subject = $1 and source = '/olms/payments' order by sequence`,
    [orderId],
  );
  return rows.map(fromRow);
}

async function types(orderId: string): Promise<string[]> {
  return (await events(orderId)).map((event) => event.type);
}

async function untilSaid(orderId: string, ...wanted: EventType[]): Promise<void> {
  let said: string[] = [];
  await until(`${wanted.join()}`, async () => (said = await types(orderId)).length >= wanted.length).catch(() => {});
  expect(said).toEqual(wanted);
}

interface Entry {
  id: string;
  key: string;
  reference: string;
  status: string;
  authorized: string;
  captured: string;
  voided: string;
  refunded: string;
}

async function sandboxCall(
  method: string,
  path: string,
  body?: unknown,
  key?: string,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const headers: Record<string, string> = { 'content-type': 'application/json' };
  if (key !== undefined) headers['idempotency-key'] = key;
  const response = await fetch(`${sandboxUrl(env)}${path}`, {
    method,
    headers,
    body: body === undefined ? null : JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

/** The provider's own books about an order, read page by page. */
async function books(orderId: string): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let after: string | null = ''; after !== null;) {
    const { body } = await sandboxCall('GET', `/v1/books?limit=50${after && `&after=${after}`}`);
    entries.push(...(body['items'] as Entry[]));
    after = body['next'] as string | null;
  }
  return entries.filter((entry) => entry.reference === orderId);
}

const outage = (down: boolean): Promise<unknown> => sandboxCall('POST', '/v1/outage', { down });

beforeAll(async () => {
  ({ database, bus } = on);
  const [sandboxPort, httpPort] = [await freePort(), await freePort()];
  env = {
    SANDBOX_PROVIDER_PORT: String(sandboxPort),
    SANDBOX_WEBHOOK_URL: `http://127.0.0.1:${httpPort}/payments/webhooks/sandbox`,
    SANDBOX_WEBHOOK_SECRET: SECRET,
    SANDBOX_WEBHOOK_DELAY_MS: '300',
    SANDBOX_SLOW_MS: '3000',
    PAYMENTS_TIMEOUT_MS: '500',
    PAYMENTS_BREAKER_OPEN_MS: '600',
    PAYMENTS_CANCEL_SAFETY_MS: '3600',
  };
  metrics = createMetrics();
  provider = sandbox.create(dependencies());
  await provider.start();
  app = createHttp({ logger, metrics, authenticate: () => ({ name: 'test', role: 'admin' }) });
  // The routes ask whichever instance runs now: it is replaced between tests.
  const webhooks = payments.create(dependencies());
  webhooks.routes!(app);
  await app.listen({ port: httpPort, host: '127.0.0.1' });
});

afterAll(async () => {
  await app?.close();
  await provider?.stop();
});

describe('payments with the sandbox provider', () => {
  beforeEach(async () => {
    await startPayments();
  });
  afterEach(async () => {
    await outage(false);
    await stopPayments();
  });

  test('charges an approved card once and shows it without the token', async () => {
    const orderId = await pay('tok_approve');
    await untilSaid(orderId, 'PaymentSucceeded');
    expect((await events(orderId))[0]).toMatchObject({
      correlationid: `c-${orderId}`,
      sequence: 1,
      data: { amount: '19.90', captured: '19.90' },
    });
    const [entry, ...more] = await books(orderId);
    expect(more).toEqual([]);
    expect(entry).toMatchObject({ captured: '19.90', refunded: '0.00', status: 'approved' });
    const answer = await app.inject(`/payments?orderId=${orderId}`);
    expect(answer.json().items).toMatchObject([
      {
        orderId,
        provider: 'sandbox',
        status: 'CAPTURED',
        currency: 'EUR',
        captured: '19.90',
        voided: '0.00',
        operations: [{ kind: 'charge', state: 'succeeded', providerReference: entry!.id }],
      },
    ]);
    expect(answer.body).not.toContain('tok_approve');
    expect((await app.inject(`/payments?orderId=${uuidv7()}`)).json()).toEqual({ items: [], nextCursor: null });
    expect((await app.inject('/payments')).statusCode).toBe(400);
  });

  test('fails a declined card and an unknown token', async () => {
    const declined = await pay('tok_decline');
    const unknown = await pay('4111');
    await untilSaid(declined, 'PaymentFailed');
    await untilSaid(unknown, 'PaymentFailed');
    expect((await events(declined))[0]!.data).toEqual({ reason: 'card_declined', provider: 'sandbox' });
    expect((await events(unknown))[0]!.data).toEqual({ reason: 'invalid_token', provider: 'sandbox' });
  });

  test('finds a charge whose reply came too late', async () => {
    const orderId = await pay('tok_timeout');
    await untilSaid(orderId, 'PaymentPending', 'PaymentSucceeded');
    expect((await events(orderId))[0]!.data).toEqual({ reason: 'timeout', provider: 'sandbox' });
    expect(await books(orderId)).toHaveLength(1);
  });

  test('charges once although the reply is lost', async () => {
    const orderId = await pay('tok_lost_reply');
    await untilSaid(orderId, 'PaymentPending', 'PaymentSucceeded');
    expect(await books(orderId)).toMatchObject([{ captured: '19.90' }]);
  });

  test('repeats what the provider could not take, under the same key', async () => {
    const orderId = await pay('tok_flaky');
    await untilSaid(orderId, 'PaymentPending', 'PaymentSucceeded');
    expect(await books(orderId)).toHaveLength(1);
    const [payment] = (await app.inject(`/payments?orderId=${orderId}`)).json().items;
    expect(payment.operations).toMatchObject([{ key: payment.operations[0].id, attempts: 2 }]);
  });

  test('learns the outcome of a pending charge by webhook', async () => {
    const orderId = await pay('tok_pending');
    await until('PaymentPending', async () => (await types(orderId)).length === 1);
    const startedMs = Date.now();
    await untilSaid(orderId, 'PaymentPending', 'PaymentSucceeded');
    // Asking would come five seconds after the reply: the webhook was first.
    expect(Date.now() - startedMs).toBeLessThan(4_500);
  });

  test('gives back what a cancelled order paid, also when the charge was in flight', async () => {
    const paid = await pay('tok_approve');
    await untilSaid(paid, 'PaymentSucceeded');
    const inFlight = await pay('tok_timeout');
    await Promise.all([cancel(paid), cancel(inFlight)]);
    await untilSaid(paid, 'PaymentSucceeded', 'PaymentRefunded');
    await until('the refund', async () => (await types(inFlight)).at(-1) === 'PaymentRefunded');
    expect(await books(paid)).toMatchObject([{ captured: '19.90', refunded: '19.90' }]);
    expect(await books(inFlight)).toMatchObject([{ captured: '19.90', refunded: '19.90' }]);
  });

  test('refunds in parts and refuses more than was captured', async () => {
    const orderId = await pay('tok_approve');
    await untilSaid(orderId, 'PaymentSucceeded');
    const [first, second] = [uuidv7(), uuidv7()];
    await say(orderId, 2, 'OrderRefundRequested', { refundId: first, amount: '15.00', reason: 'r', by: 'o' });
    await say(orderId, 3, 'OrderRefundRequested', { refundId: second, amount: '5.00', reason: 'r', by: 'o' });
    await until('both refunds', async () => (await types(orderId)).length === 3);
    expect(
      (await events(orderId))
        .slice(1)
        .map(({ type, data }) => [type, (data as { refundId: string }).refundId])
        .sort(),
    ).toEqual([
      ['PaymentRefundFailed', second],
      ['PaymentRefunded', first],
    ]);
    expect(await books(orderId)).toMatchObject([{ refunded: '15.00' }]);
  });

  test('opens the breaker in an outage, tries with single calls, and settles everything afterwards', async () => {
    await outage(true);
    const orders: string[] = [];
    for (let i = 0; i < 30; i++) orders.push(await pay('tok_approve'));
    for (const orderId of orders) await until('pending', async () => (await types(orderId)).length === 1);
    const open = async (): Promise<number> => (await paymentsMetrics(metrics).breakerOpen.get()).values[0]!.value;
    await until('the open breaker', async () => (await open()) === 1);
    const later = await pay('tok_approve');
    await until('pending', async () => (await types(later)).length === 1);
    const reasons = new Set(
      (await Promise.all([...orders, later].map(events))).map(([event]) => (event!.data as { reason: string }).reason),
    );
    expect([...reasons].sort()).toEqual(['http_503', 'provider unavailable']);
    const callsMade = async (): Promise<number> =>
      (await paymentsMetrics(metrics).providerSeconds.get()).values
        .filter((value) => value.metricName?.endsWith('_count'))
        .reduce((sum, value) => sum + value.value, 0);
    const before = await callsMade();
    await sleep(2_000);
    // Some 600 ms apart, each trial is a single call.
    expect((await callsMade()) - before).toBeLessThanOrEqual(4);
    await outage(false);
    for (const orderId of [...orders, later]) {
      await untilSaid(orderId, 'PaymentPending', 'PaymentSucceeded');
    }
    expect(await open()).toBe(0);
    for (const orderId of orders) expect(await books(orderId)).toHaveLength(1);
  });

  test('gives up the charge of a cancelled order that the provider never got', async () => {
    await outage(true);
    const orderId = await pay('tok_approve');
    await until('pending', async () => (await types(orderId)).length === 1);
    await cancel(orderId);
    await until(
      'the cancellation',
      async () =>
        (await database.query('select 1 from payments.payments where order_id = $1 and cancel_requested', [orderId]))
          .length > 0,
    );
    await outage(false);
    await untilSaid(orderId, 'PaymentPending', 'PaymentFailed');
    expect(await books(orderId)).toEqual([]);
  });

  test('takes a burst in few statements', async () => {
    const count = 400;
    const statements = database.statements;
    const orders = Array.from({ length: count }, () => uuidv7());
    const batch = orders.map((subject): Envelope => ({
      id: uuidv7(),
      source: '/olms/orders',
      type: 'OrderPaymentRequested',
      subject,
      sequence: 1,
      time: isoTime(Date.now()),
      correlationid: 'c',
      causationid: 'x',
      data: { provider: 'sandbox', token: 'tok_approve', amount: '1.00', currency: 'EUR' },
    }));
    bus.remember(batch);
    await database.write([appendEvents(batch)]);
    await until(
      'all payments',
      async () =>
        (
          await database.query(
            "select 1 from payments.payments where order_id = any($1::uuid[]) and status = 'CAPTURED'",
            [orders],
          )
        ).length === count,
    );
    // How large the sets are depends on the machine; that there are sets does not.
    expect(database.statements - statements).toBeLessThan(count);
  });
});

describe('a provider that answers questions and takes no charges', () => {
  const ORDERS = 100;
  let half: Server;
  let down = true;
  const attempts: number[] = [];
  let [underWay, mostUnderWay] = [0, 0];

  /** In front of the sandbox: what asks passes, what charges fails while it is down. */
  async function answer(request: IncomingMessage): Promise<{ status: number; body: string }> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const charging = request.method === 'POST';
    if (charging) attempts.push(Date.now());
    if (charging && down) return { status: 503, body: '{}' };
    const { accept = '*/*', 'idempotency-key': key } = request.headers;
    const headers = { accept, 'content-type': 'application/json', ...(key && { 'idempotency-key': String(key) }) };
    const body = charging ? Buffer.concat(chunks) : null;
    const reply = await fetch(`${sandboxUrl(env)}${request.url}`, { method: request.method!, headers, body });
    return { status: reply.status, body: await reply.text() };
  }

  beforeAll(async () => {
    half = createHttpServer((request, response) => {
      mostUnderWay = Math.max(mostUnderWay, ++underWay);
      void answer(request).then(({ status, body }) => {
        underWay--;
        response.writeHead(status, { 'content-type': 'application/json' }).end(body);
      });
    });
    await new Promise<void>((resolve) => half.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => half.close());
  afterEach(stopPayments);

  test('keeps no order waiting after it is back: what its breaker held back goes out in sets', async () => {
    const { port } = half.address() as AddressInfo;
    await startPayments({
      SANDBOX_PROVIDER_URL: `http://127.0.0.1:${port}`,
      PAYMENTS_CONCURRENCY: '4',
      PAYMENTS_BREAKER_OPEN_MS: '300',
    });
    const orders: string[] = [];
    for (let i = 0; i < ORDERS; i++) orders.push(await pay('tok_approve'));
    const settled = async (): Promise<number> => {
      const [row] = await database.query<{ settled: number }>(
        "select count(*)::int as settled from payments.payments where order_id = any($1::uuid[]) and status = 'CAPTURED'",
        [orders],
      );
      return row!.settled;
    };
    const waiting = async (): Promise<{ longest_ms: number; attempts: number }> => {
      const [row] = await database.query<{ longest_ms: number; attempts: number }>(
        `select max(extract(epoch from next_attempt_at - now()))::float8 * 1000 as longest_ms, sum((operations->0->>'attempts')::int)::int as attempts
         from payments.payments where order_id = any($1::uuid[])`,
        [orders],
      );
      return row!;
    };
    // Questions are answered, so every trial closes the breaker, and ten charges open it again.
    await until('an outage of many trials', async () => attempts.length > ORDERS, 60_000);
    expect(await settled()).toBe(0);
    const before = await waiting();
    // Only calls that were made stretch the waiting; the breaker held back many more.
    expect(before.attempts).toBeLessThanOrEqual(attempts.length * 2);
    expect(before.longest_ms).toBeLessThan(8_000);
    down = false;
    const backMs = Date.now();
    await until('every order is paid', async () => (await settled()) === orders.length, 30_000);
    console.log(
      `${ORDERS} orders paid ${Date.now() - backMs} ms after the provider was back, ${attempts.length} charges sent, longest wait before ${Math.round(before.longest_ms)} ms`,
    );
    expect(mostUnderWay).toBeLessThanOrEqual(4);
    for (const orderId of orders.slice(0, 20)) expect(await books(orderId)).toHaveLength(1);
  }, 120_000);
});

test('a key that the provider knows from another request is no refusal of this one', async () => {
  const [key, orderId] = [uuidv7(), uuidv7()];
  const charge = { currency: 'EUR', token: 'tok_approve', capture: true, reference: orderId };
  await sandboxCall('POST', '/v1/charges', { ...charge, amount: '20.00' }, key);
  const adapter = createSandboxProvider({
    url: sandboxUrl(env),
    timeoutMs: 2_000,
    connections: 1,
    webhookSecret: undefined,
  });
  const call = { orderId, amount: '19.90', currency: 'EUR', token: 'tok_approve', key, chargeReference: undefined };
  // Taken for one, the payment would fail while the provider holds the money.
  expect(await adapter.charge(call)).toEqual({ type: 'unknown', reason: 'idempotency_key_reused' });
  expect(await adapter.find(key)).toMatchObject({ type: 'approved' });
  await adapter.close();
});

describe('a crash between saving and calling', () => {
  afterEach(stopPayments);

  async function saved(orderId: string, token: string, key: string): Promise<void> {
    const operation = {
      id: key,
      kind: 'charge',
      amount: '19.90',
      key,
      state: 'pending',
      calls: 1,
      sentAt: Date.now(),
      attempts: 0,
      refusals: 0,
      nextAttemptAt: Date.now(),
      correlationid: 'c',
    };
    await database.query(
      `insert into payments.payments (order_id, version, sequence, seen, provider, token, currency, status, amount, authorized, captured, voided, refunded, cancel_requested, pending_told, operations, next_attempt_at)
       values ($1, 1, 0, '{"/olms/orders":1}', 'sandbox', $2, 'EUR', 'PENDING', 19.90, 0, 0, 0, 0, false, false, $3, now())`,
      [orderId, token, JSON.stringify([operation])],
    );
  }

  test('before the call left: the provider is asked, then charged under the saved key', async () => {
    const [orderId, key] = [uuidv7(), uuidv7()];
    await saved(orderId, 'tok_approve', key);
    await startPayments();
    await untilSaid(orderId, 'PaymentPending', 'PaymentSucceeded');
    expect(await books(orderId)).toMatchObject([{ key }]);
  });

  test('after the call left: the charge is found, not repeated', async () => {
    const [orderId, key] = [uuidv7(), uuidv7()];
    await sandboxCall(
      'POST',
      '/v1/charges',
      { amount: '19.90', currency: 'EUR', token: 'tok_approve', capture: true, reference: orderId },
      key,
    );
    await saved(orderId, 'tok_approve', key);
    await startPayments();
    await untilSaid(orderId, 'PaymentPending', 'PaymentSucceeded');
    expect(await books(orderId)).toHaveLength(1);
  });
});

test('a payment that another process left in doubt is settled by one that knew it before', async () => {
  const stale = await startPayments();
  const orderId = await pay('tok_approve');
  await untilSaid(orderId, 'PaymentSucceeded');
  const [row] = await database.query<{ operations: object[] }>(
    'select operations from payments.payments where order_id = $1',
    [orderId],
  );
  const refund = { ...row!.operations[0], id: uuidv7(), kind: 'refund', key: uuidv7(), state: 'pending', calls: 1 };
  await database.query(
    'update payments.payments set version = version + 1, operations = $2, next_attempt_at = now() where order_id = $1',
    [orderId, JSON.stringify([row!.operations[0], { ...refund, sentAt: Date.now(), nextAttemptAt: Date.now() }])],
  );
  await untilSaid(orderId, 'PaymentSucceeded', 'PaymentRefunded');
  await stale.settled!();
  expect(await books(orderId)).toMatchObject([{ refunded: '19.90' }]);
  await stopPayments();
});

test('payments that wait for a provider nobody configured any more are told at every start', async () => {
  const orderId = uuidv7();
  await database.query(
    `insert into payments.payments (order_id, version, sequence, seen, provider, token, currency, status, amount, authorized, captured, voided, refunded, cancel_requested, pending_told, operations, next_attempt_at)
     values ($1, 1, 0, '{}', 'gone', 't', 'EUR', 'PENDING', 1, 0, 0, 0, 0, false, false, '[]', now())`,
    [orderId],
  );
  const told: unknown[] = [];
  const loud = createLogger('silent');
  loud.error = ((fields: unknown) => void told.push(fields)) as typeof loud.error;
  running = payments.create({ ...dependencies(), logger: loud });
  await running.start();
  await stopPayments();
  expect(told).toEqual([{ provider: 'gone', payments: 1 }]);
  await database.query('delete from payments.payments where order_id = $1', [orderId]);
});

describe('capture on dispatch', () => {
  beforeEach(async () => {
    await startPayments({ PAYMENTS_CAPTURE: 'on_dispatch' });
  });
  afterEach(stopPayments);

  test('authorizes, captures when shipped, and voids when cancelled', async () => {
    const shipped = await pay('tok_approve');
    const cancelled = await pay('tok_approve');
    await untilSaid(shipped, 'PaymentSucceeded');
    await untilSaid(cancelled, 'PaymentSucceeded');
    expect(await books(shipped)).toMatchObject([{ authorized: '19.90', captured: '0.00' }]);
    await say(shipped, 2, 'OrderShipped', {
      shipmentId: uuidv7(),
      carrier: 'c',
      trackingNumber: 't',
      items: [],
      deadlineAt: isoTime(Date.now()),
    });
    await cancel(cancelled);
    await untilSaid(shipped, 'PaymentSucceeded', 'PaymentCaptured');
    await untilSaid(cancelled, 'PaymentSucceeded', 'PaymentVoided');
    expect(await books(shipped)).toMatchObject([{ captured: '19.90' }]);
    expect(await books(cancelled)).toMatchObject([{ captured: '0.00', voided: '19.90' }]);
    expect((await app.inject(`/payments?orderId=${cancelled}`)).json().items).toMatchObject([
      { status: 'VOIDED', voided: '19.90' },
    ]);
  });

  test('still captures what was authorized before the mode was changed', async () => {
    const orderId = await pay('tok_approve');
    await untilSaid(orderId, 'PaymentSucceeded');
    await stopPayments();
    await startPayments({ PAYMENTS_CAPTURE: 'automatic' });
    await say(orderId, 2, 'OrderShipped', {
      shipmentId: uuidv7(),
      carrier: 'c',
      trackingNumber: 't',
      items: [],
      deadlineAt: isoTime(Date.now()),
    });
    await untilSaid(orderId, 'PaymentSucceeded', 'PaymentCaptured');
  });
});

describe('webhooks', () => {
  function signed(body: string, changes: { secret?: Buffer; timestampS?: number } = {}) {
    const timestamp = String(changes.timestampS ?? Math.floor(Date.now() / 1000));
    const signature = createHmac('sha256', changes.secret ?? Buffer.from('a secret of this test'))
      .update(`msg_1.${timestamp}.${body}`)
      .digest('base64');
    return {
      method: 'POST',
      url: '/payments/webhooks/sandbox',
      headers: {
        'content-type': 'application/json',
        'webhook-id': 'msg_1',
        'webhook-timestamp': timestamp,
        'webhook-signature': `v1,bm9uZQ== v1,${signature}`,
      },
      body,
    } as const;
  }
  const notice = JSON.stringify({
    type: 'charge.approved',
    data: { reference: uuidv7(), key: 'k', id: 'i', status: 'approved' },
  });

  test('are verified, and ignored where they are about nothing known', async () => {
    expect((await app.inject(signed(notice))).statusCode).toBe(202);
    expect((await app.inject(signed('{}'))).json()).toEqual({ accepted: false });
    expect((await app.inject(signed('{'))).statusCode).toBe(400);
    expect((await app.inject({ ...signed(notice), url: '/payments/webhooks/nobody' })).statusCode).toBe(404);
  });

  test.each([
    ['of another secret', signed(notice, { secret: Buffer.from('x') })],
    ['that is too old', signed(notice, { timestampS: Math.floor(Date.now() / 1000) - 400 })],
    ['from the future', signed(notice, { timestampS: Math.floor(Date.now() / 1000) + 4_000 })],
    ['without a signature', { method: 'POST', url: '/payments/webhooks/sandbox', body: notice } as const],
    ['with a changed body', { ...signed(notice), body: notice.replace('approved', 'declined') }],
  ])('%s are refused', async (_, request) => {
    const answer = await app.inject(request);
    expect([answer.statusCode, answer.json().code]).toEqual([401, 'WEBHOOK_SIGNATURE_INVALID']);
  });
});
