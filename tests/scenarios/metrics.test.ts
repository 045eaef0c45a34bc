import { expect, test } from 'vitest';
import { metricsBySection } from '#dev/docs/metrics.ts';
import { promtool } from '#dev/observability/promtool.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';

/** What people watch the system by: after orders that went well and orders that did not. */

const system = useSystem();

/** The values of a metric by its labels as they are written, from one process or all of them together. */
function valuesOf(text: string, name: string): Map<string, number> {
  const lines = [...text.matchAll(new RegExp(`^${name}(?:\\{([^}]*)\\})? (\\S+)`, 'gm'))];
  return new Map(lines.map(([, labels = '', value]) => [labels, Number(value)]));
}

const read = async (accept?: string): Promise<string> => {
  const { text, headers } = await system.api.call<string>('GET', '/metrics', { headers: { accept } });
  expect(headers['content-type']).toContain(accept ?? 'text/plain');
  return text;
};

test('every order, its money and what failed is counted, in words that Prometheus has nothing against', async () => {
  const { api } = system;
  const sku = await api.product(3);
  const [good, declined, short] = await Promise.all([
    api.placeOrder({ sku, quantity: 2, unitPrice: '7.25' }),
    api.placeOrder({ sku: await api.product(1), token: 'tok_decline' }),
    api.placeOrder({ sku: await api.product(0) }),
  ]);
  await api.untilStatus(good.id, 'COMPLETED');
  await api.untilStatus(declined.id, 'PAYMENT_FAILED');
  await api.untilStatus(short.id, 'REJECTED');
  // An order that waits, for as long as nobody has goods for it.
  const waiting = await api.placeOrder({ sku, quantity: 5, allowBackorder: true });
  await api.untilStatus(waiting.id, 'BACKORDERED');
  const text = await until(
    'the order that waits to be counted',
    async () => {
      const found = await read();
      return valuesOf(found, 'olms_open_orders').get('status="BACKORDERED"') === 1 && found;
    },
    { timeoutMs: 40_000, everyMs: 500 },
  );
  expect(valuesOf(text, 'olms_orders_created_total').get('')).toBe(4);
  expect(Object.fromEntries(valuesOf(text, 'olms_orders_ended_total'))).toEqual({
    'status="COMPLETED",reason="delivered"': 1,
    'status="PAYMENT_FAILED",reason="card_declined"': 1,
    'status="REJECTED",reason="out_of_stock"': 1,
  });
  expect(Object.fromEntries(valuesOf(text, 'olms_captured_money_total'))).toEqual({ 'currency="EUR"': 14.5 });
  expect(valuesOf(text, 'olms_order_decision_seconds_count').get('decision="RESERVED"')).toBe(2);
  expect(valuesOf(text, 'olms_order_decision_seconds_count').get('decision="BACKORDERED"')).toBe(1);
  expect(valuesOf(text, 'olms_order_status_seconds_count').get('status="SHIPPED"')).toBe(1);
  expect(valuesOf(text, 'olms_stock_outs_total').get('outcome="rejected"')).toBe(1);
  expect(valuesOf(text, 'olms_open_order_age_seconds').get('status="BACKORDERED"')).toBeGreaterThan(0);
  expect(valuesOf(text, 'olms_events_by_type_total').get('service="orders",type="OrderCompleted"')).toBe(1);
  expect(valuesOf(text, 'olms_notifications_total').size).toBeGreaterThan(0);

  const linted = await promtool(['check', 'metrics'], { input: text });
  expect(linted).toEqual({ ok: true, output: '' });

  const open = await read('application/openmetrics-text');
  expect(open).toMatch(
    /olms_http_request_seconds_bucket\{.*route="\/orders",status="201".*\} \d+ # \{trace_id="[0-9a-f]{32}"\}/,
  );

  // What is there is documented, and nothing else is called so.
  const documented = new Set([...metricsBySection().values()].flat().map(({ name }) => name));
  const there = [...text.matchAll(/^# TYPE (olms_\S+)/gm)].map(([, name]) => name!);
  expect(there.filter((name) => !documented.has(name))).toEqual([]);
  expect(there.length).toBeGreaterThan(40);
});
