import { createServer as createHttpServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { uuidv7 } from 'uuidv7';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { until, usePayments } from '#tests/support/payments.ts';
import { createSandboxProvider } from './providers/sandbox.ts';

/** Payments whose outcome is not known: an outage of the provider, a crash, another process. On a real PostgreSQL. */

const on = usePayments();
const { startPayments, stopPayments, pay, untilEmitted, sandboxCall, books } = on;

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
    const reply = await fetch(`${on.sandboxUrl()}${request.url}`, { method: request.method!, headers, body });
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

  test('keeps no order waiting after it is back: what its breaker held back goes out in batches', async () => {
    const { port } = half.address() as AddressInfo;
    await startPayments({
      SANDBOX_PROVIDER_URL: `http://127.0.0.1:${port}`,
      PAYMENTS_CONCURRENCY: '4',
      PAYMENTS_BREAKER_OPEN_MS: '300',
    });
    const orders: string[] = [];
    for (let i = 0; i < ORDERS; i++) orders.push(await pay('tok_approve'));
    const settled = async (): Promise<number> => {
      const [row] = await on.database.query<{ settled: number }>(
        "select count(*)::int as settled from payments.payments where order_id = any($1::uuid[]) and status = 'CAPTURED'",
        [orders],
      );
      return row!.settled;
    };
    const waiting = async (): Promise<{ longest_ms: number; attempts: number }> => {
      const [row] = await on.database.query<{ longest_ms: number; attempts: number }>(
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
    url: on.sandboxUrl(),
    timeoutMs: 2_000,
    connections: 1,
    webhookSecret: undefined,
  });
  const call = { orderId, amount: '19.90', currency: 'EUR', token: 'tok_approve', key, chargeReference: undefined };
  // Taken for one, the payment would fail while the provider holds the money.
  expect(await adapter.charge(call)).toEqual({ type: 'unknown', reason: 'idempotency_key_reused' });
  expect(await adapter.find({ ...call, kind: 'charge' })).toMatchObject({ type: 'approved' });
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
    await on.database.query(
      `insert into payments.payments (order_id, version, sequence, seen, provider, token, currency, status, amount, authorized, captured, voided, refunded, cancel_requested, pending_told, operations, next_attempt_at)
       values ($1, 1, 0, '{"/olms/orders":1}', 'sandbox', $2, 'EUR', 'PENDING', 19.90, 0, 0, 0, 0, false, false, $3, now())`,
      [orderId, token, JSON.stringify([operation])],
    );
  }

  test('before the call left: the provider is asked, then charged under the saved key', async () => {
    const [orderId, key] = [uuidv7(), uuidv7()];
    await saved(orderId, 'tok_approve', key);
    await startPayments();
    await untilEmitted(orderId, 'PaymentPending', 'PaymentSucceeded');
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
    await untilEmitted(orderId, 'PaymentPending', 'PaymentSucceeded');
    expect(await books(orderId)).toHaveLength(1);
  });
});

test('a payment that another process left in doubt is settled by one that knew it before', async () => {
  const stale = await startPayments();
  const orderId = await pay('tok_approve');
  await untilEmitted(orderId, 'PaymentSucceeded');
  const [row] = await on.database.query<{ operations: object[] }>(
    'select operations from payments.payments where order_id = $1',
    [orderId],
  );
  const refund = { ...row!.operations[0], id: uuidv7(), kind: 'refund', key: uuidv7(), state: 'pending', calls: 1 };
  await on.database.query(
    'update payments.payments set version = version + 1, operations = $2, next_attempt_at = now() where order_id = $1',
    [orderId, JSON.stringify([row!.operations[0], { ...refund, sentAt: Date.now(), nextAttemptAt: Date.now() }])],
  );
  await untilEmitted(orderId, 'PaymentSucceeded', 'PaymentRefunded');
  await stale.settled!();
  expect(await books(orderId)).toMatchObject([{ refunded: '19.90' }]);
  await stopPayments();
});
