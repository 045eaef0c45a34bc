import { randomBytes } from 'node:crypto';
import { afterAll, describe, expect, test } from 'vitest';
import { Mailbox } from '#tests/support/mailbox.ts';
import { type CollectedSpan, OtlpCollector } from '#tests/support/otlp-collector.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';

/** An order is one trace, from the request that places it to its last mail, whoever works on it and whenever. */

const collector = await OtlpCollector.start();
const mailbox = new Mailbox();
const system = useSystem({
  env: {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_BSP_SCHEDULE_DELAY: '100',
    SMTP_URL: await mailbox.listen(),
    REVIEW_DEADLINE_MS: '1500',
  },
});
afterAll(async () => {
  await Promise.all([collector.close(), mailbox.close()]);
});

function newTraceparent(flags: '00' | '01'): { readonly traceId: string; readonly traceparent: string } {
  const traceId = randomBytes(16).toString('hex');
  return { traceId, traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-${flags}` };
}

/** Spans whose parent nobody sent, other than the caller's own. */
function orphans(spans: readonly CollectedSpan[], callersSpan: string): CollectedSpan[] {
  const known = new Set([callersSpan, ...spans.map(({ spanId }) => spanId)]);
  return spans.filter(({ parentSpanId }) => !known.has(parentSpanId));
}

const namesOf = (spans: readonly CollectedSpan[]): string[] => spans.map(({ name }) => name);

/** Waits until these spans, at least, were sent, and nothing was for a moment. */
async function traceWith(traceId: string, names: readonly string[]): Promise<CollectedSpan[]> {
  let before = -1;
  const missing = (): string[] => {
    const sent = new Set(namesOf(collector.ofTrace(traceId)));
    return names.filter((name) => !sent.has(name));
  };
  return until(
    'the spans of an order',
    () => {
      const spans = collector.ofTrace(traceId);
      const still = spans.length === before;
      before = spans.length;
      return still && missing().length === 0 && spans;
    },
    { timeoutMs: 30_000, everyMs: 500, describe: () => `all but ${missing().join(', ')}` },
  );
}

describe('the trace of an order', () => {
  test('goes on with the one of its caller, through every service, the database, the provider and the mails', async () => {
    const { api } = system;
    const { traceId, traceparent } = newTraceparent('01');
    const placed = await api.placeOrder({ contact: { email: 'traced@example.com' } }, { headers: { traceparent } });
    const { id } = placed;
    expect(placed.traceId).toBe(traceId);
    expect((await api.untilStatus(id, 'COMPLETED')).traceId).toBe(traceId);
    const spans = await traceWith(traceId, [
      'POST /orders',
      'orders commit',
      'inventory OrderCreated',
      'inventory commit',
      'orders StockReserved',
      'payments OrderPaymentRequested',
      'payments charge',
      'orders PaymentSucceeded',
      'shipping OrderReadyForShipment',
      'orders ShipmentDelivered',
      'billing OrderCompleted',
      'notifications OrderCreated',
      'notifications mail',
    ]);
    expect(orphans(spans, traceparent.slice(36, 52))).toEqual([]);
    expect(spans.filter(({ failed }) => failed)).toEqual([]);
    expect(new Set((await api.events(id)).map((event) => event.traceparent?.slice(3, 35)))).toEqual(new Set([traceId]));
    const consumed = spans.find(({ name }) => name === 'inventory OrderCreated')!;
    expect(consumed.attributes['olms.order.id']).toBe(id);
    const request = spans.find(
      ({ name, parentSpanId }) => name === 'POST /orders' && parentSpanId === traceparent.slice(36, 52),
    );
    expect(request!.attributes).toMatchObject({ 'http.route': '/orders', 'http.response.status_code': 201 });
  });

  test('is gone on with by a timer, later', async () => {
    const { api } = system;
    const { traceId, traceparent } = newTraceparent('01');
    const { id } = await api.placeOrder({ requiresReview: true }, { headers: { traceparent } });
    await api.untilStatus(id, 'CANCELLED');
    const spans = await traceWith(traceId, ['orders ReviewRejected', 'inventory OrderCancelled']);
    expect(orphans(spans, traceparent.slice(36, 52))).toEqual([]);
  });

  test('is not recorded where its caller records none', async () => {
    const { api } = system;
    const quiet = newTraceparent('00');
    const { id } = await api.placeOrder({}, { headers: { traceparent: quiet.traceparent } });
    await api.untilStatus(id, 'COMPLETED');
    const { traceId, traceparent } = newTraceparent('01');
    const other = await api.placeOrder({}, { headers: { traceparent } });
    await api.untilStatus(other.id, 'COMPLETED');
    await traceWith(traceId, ['billing OrderCompleted']);
    expect(namesOf(collector.ofTrace(quiet.traceId))).toEqual([]);
    expect((await api.events(id)).every((event) => event.traceparent!.includes(quiet.traceId))).toBe(true);
  });

  test('holds what failed, with a code and without a word of what was sent', async () => {
    const { api } = system;
    const { traceId, traceparent } = newTraceparent('01');
    const { id } = await api.placeOrder(
      { token: 'tok_timeout', contact: { email: 'canary-7f3a@example.com' } },
      { headers: { traceparent } },
    );
    await until('the order to be decided', async () => (await api.order(id)).status !== 'PAYMENT_PENDING');
    const spans = await traceWith(traceId, ['payments charge']);
    expect(spans.some(({ name, failed }) => name === 'payments charge' && failed)).toBe(true);
    expect(JSON.stringify(collector.spans)).not.toMatch(/canary-7f3a|tok_timeout/);
  });

  test('is named by a refusal', async () => {
    const { api } = system;
    const { traceId, traceparent } = newTraceparent('01');
    const refused = await api.call('GET', `/orders/${crypto.randomUUID()}`, { headers: { traceparent } });
    expect(refused.status).toBe(404);
    expect(refused.body).toMatchObject({ code: 'ORDER_NOT_FOUND', traceId });
  });
});

test('commits that several orders share are linked', async () => {
  const { api } = system;
  await Promise.all(Array.from({ length: 20 }, () => api.placeOrder()));
  const spanIds = (): Set<string> => new Set(collector.spans.map(({ spanId }) => spanId));
  const linked = (): CollectedSpan[] =>
    collector.spans.filter(({ name, links }) => name.endsWith(' commit') && links.length > 0);
  await until('linked commits', () => linked().length > 0, { timeoutMs: 30_000 });
  await until(
    'what they are linked with',
    () => linked().every(({ links }) => links.every((link) => spanIds().has(link))),
    {
      timeoutMs: 30_000,
    },
  );
});
