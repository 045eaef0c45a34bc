import { setTimeout as sleep } from 'node:timers/promises';
import { uuidv7 } from 'uuidv7';
import { afterAll, beforeAll, expect } from 'vitest';
import type { Envelope } from '#contracts/envelope.ts';
import type { EventData, EventType } from '#contracts/order-events.ts';
import { isoTime } from '#contracts/time.ts';
import { payments } from '#payments/service.ts';
import type { Database } from '#platform/database/database.ts';
import { createHttp } from '#platform/http/server.ts';
import { appendEvents, fromRow, OUTBOX_COLUMNS, type OutboxRow } from '#platform/log/outbox.ts';
import type { PostgresBus } from '#platform/log/postgres-bus.ts';
import { systemClock } from '#platform/runtime/clock.ts';
import type { Service, ServiceDependencies } from '#platform/service.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { createMetrics, type Metrics } from '#platform/telemetry/metrics.ts';
import { sandbox } from '#sandbox/service.ts';
import { sandboxUrl } from '#sandbox/settings.ts';
import { NO_PEERS } from './peers.ts';
import { useServiceDatabase } from './one-service.ts';
import { freePort } from './ports.ts';

/** Payments and the sandbox provider over real HTTP, on a real PostgreSQL. */

export const WEBHOOK_SECRET = 'a secret of this test';

/** What the provider's books say about an order. */
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

/** Waits for a state, not for a time; throws after `limitMs`. */
export async function until<Value>(
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

/** From before the first test of the file until after the last. */
export function usePayments() {
  const on = useServiceDatabase([payments, sandbox], 6);
  const logger = createLogger('silent');
  let provider: Service;
  let app: ReturnType<typeof createHttp>;
  let env: Record<string, string>;
  let metrics: Metrics;
  let running: Service | undefined;

  function dependencies(changes: Record<string, string> = {}): ServiceDependencies {
    return {
      env: { ...env, ...changes },
      database: on.database,
      bus: on.bus,
      clock: systemClock,
      logger,
      metrics,
      soleWriter: false,
      peers: NO_PEERS,
    };
  }

  async function startPayments(
    changes: Record<string, string> = {},
    others: Partial<ServiceDependencies> = {},
  ): Promise<Service> {
    running = payments.create({ ...dependencies(changes), ...others });
    await running.start();
    return running;
  }

  async function stopPayments(): Promise<void> {
    await running?.stop();
    running = undefined;
  }

  /** The orders service emits an event. */
  async function emit<T extends EventType>(
    orderId: string,
    sequence: number,
    type: T,
    data: EventData<T>,
  ): Promise<void> {
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
    on.bus.remember([event]);
    await on.database.write([appendEvents([event])]);
  }

  async function pay(token: string, amount = '19.90'): Promise<string> {
    const orderId = uuidv7();
    await emit(orderId, 1, 'OrderPaymentRequested', { provider: 'sandbox', token, amount, currency: 'EUR' });
    return orderId;
  }

  const cancel = (orderId: string): Promise<void> =>
    emit(orderId, 2, 'OrderCancelled', { reason: 'no', by: 'customer' });

  async function events(orderId: string): Promise<Envelope[]> {
    const rows = await on.database.query<OutboxRow>(
      `select ${OUTBOX_COLUMNS} from log.order_outbox where subject = $1 and source = '/olms/payments' order by sequence`,
      [orderId],
    );
    return rows.map(fromRow);
  }

  async function types(orderId: string): Promise<string[]> {
    return (await events(orderId)).map((event) => event.type);
  }

  async function untilEmitted(orderId: string, ...wanted: EventType[]): Promise<void> {
    let emitted: string[] = [];
    await until(`${wanted.join()}`, async () => (emitted = await types(orderId)).length >= wanted.length).catch(
      () => {},
    );
    expect(emitted).toEqual(wanted);
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
    const [sandboxPort, httpPort] = [await freePort(), await freePort()];
    env = {
      SANDBOX_PROVIDER_PORT: String(sandboxPort),
      SANDBOX_WEBHOOK_URL: `http://127.0.0.1:${httpPort}/payments/webhooks/sandbox`,
      SANDBOX_WEBHOOK_SECRET: `whsec_${Buffer.from(WEBHOOK_SECRET).toString('base64')}`,
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

  return {
    startPayments,
    stopPayments,
    emit,
    pay,
    cancel,
    events,
    types,
    untilEmitted,
    sandboxCall,
    books,
    outage,
    sandboxUrl: (): string => sandboxUrl(env),
    /** The routes of payments. */
    get app(): ReturnType<typeof createHttp> {
      return app;
    },
    get database(): Database {
      return on.database;
    },
    get bus(): PostgresBus {
      return on.bus;
    },
    get metrics(): Metrics {
      return metrics;
    },
  };
}
