import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { OtlpCollector } from '#tests/support/otlp-collector.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';

/** However many orders a document asks for, each service is called once for each level: counted in the trace of the request. */

const collector = await OtlpCollector.start();
const system = useSystem({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: '100' } });
afterAll(() => collector.close());

const FEW = 2;
const MANY = 20;
const DOCUMENT = `query ($first: Int!) {
  orders(first: $first) {
    nodes { id items { sku } payments { status order { status } } shipments { status } reviews { id } notifications { id } invoice { invoiceNumber } }
  }
}`;

beforeAll(async () => {
  const sku = await system.api.product(1_000);
  const placed = await Promise.all(Array.from({ length: MANY }, () => system.api.placeOrder({ sku })));
  for (const { id } of placed) await system.api.untilStatus(id, 'COMPLETED');
});

/** The routes that a document calls, with how often it does. */
async function callsFor(first: number): Promise<Record<string, number>> {
  const traceId = randomBytes(16).toString('hex');
  const { body } = await system.api.call<{ data: { orders: { nodes: { payments: object[] }[] } }; errors?: unknown }>(
    'POST',
    '/graphql',
    {
      body: { query: DOCUMENT, variables: { first } },
      headers: { traceparent: `00-${traceId}-${randomBytes(8).toString('hex')}-01` },
    },
  );
  expect(body.errors).toBeUndefined();
  expect(body.data.orders.nodes.map(({ payments }) => payments.length)).toEqual(Array.from({ length: first }, () => 1));
  // It ends last, so all that it called has been sent with it or before. What services in other processes do is theirs.
  const gateway = await until('the trace', () =>
    collector.ofTrace(traceId).find(({ name }) => name === 'POST /graphql'),
  );
  const calls: Record<string, number> = {};
  for (const { name: route, process: where } of collector.ofTrace(traceId)) {
    if (where !== gateway.process || !/^(GET|POST) /.test(route)) continue;
    // Handed on to another process, it is known by what all of that service's paths begin with.
    const name = route.replace('/orders/*', '/orders/details');
    calls[name] = (calls[name] ?? 0) + 1;
  }
  return calls;
}

test('as many calls for many orders as for few', async () => {
  const few = await callsFor(FEW);
  expect(few).toEqual({
    'POST /graphql': 1,
    'GET /orders/details': 2,
    'GET /payments': 1,
    'GET /shipments': 1,
    'GET /reviews': 1,
    'GET /notifications': 1,
    'GET /invoices': 1,
  });
  expect(await callsFor(MANY)).toEqual(few);
});
