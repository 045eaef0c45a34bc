import { afterAll, beforeAll, expect, test } from 'vitest';
import { ApiClient } from '#cli/client.ts';
import { type AuditReport, runAudit } from '#cli/operate/audit.ts';
import type { System } from '#system/system.ts';
import { FolderSystem } from '#tests/support/folder-system.ts';
import { until } from '#tests/support/until.ts';

/** What a skipped event leads to is found, whatever else agrees. */

const KEY = 'audit-of-what-was-left-out';
const RESERVED_MS = 1_500;
let running: FolderSystem;
let system: System;
let api: ApiClient;
let env: Record<string, string>;

beforeAll(async () => {
  running = await FolderSystem.start(KEY, { SANDBOX_CARRIER_DELAY_MS: 'off' });
  ({ system, env } = running);
  api = new ApiClient(system.url, KEY);
}, 60_000);

afterAll(async () => {
  await api?.close();
  await running?.remove();
});

const audited = (): Promise<AuditReport> => runAudit({ patience: 1 }, { ...env, DATABASE_URL: system.databaseUrl });
const violated = ({ checks }: AuditReport): string[] =>
  checks.filter(({ violations }) => violations > 0).map(({ check }) => check);
const of = (report: AuditReport, check: string): AuditReport['checks'][number] =>
  report.checks.find((one) => one.check === check)!;

test('an order that was cancelled by its timer and refunded after the dispatch of its parcel was left out', async () => {
  await api.putProduct({ sku: 'A' }, { name: 'A' });
  await api.adjustStock({ sku: 'A', delta: 10, reason: 'test' });
  const { id } = await api.placeOrder({
    customerId: '01a20000-0000-7000-8000-000000000000',
    currency: 'EUR',
    items: [{ sku: 'A', quantity: 2, unitPrice: '9.95' }],
    payment: { token: 'tok_approve' },
  });
  await system.settle();

  // The stored order is put back to where no parcel can leave, as a restore of its row does.
  const stateOf = async (): Promise<string> => (await api.readOrder({ id })).status;
  expect(await stateOf()).toBe('READY_FOR_SHIPMENT');
  await system.database.query(
    `update orders.order_states set status = 'RESERVED', version = version + 1, deadline_at = now() + interval '${RESERVED_MS} milliseconds' where order_id = $1`,
    [id],
  );
  const [shipment] = (await api.listShipments({ orderId: id })).items;
  await api.dispatchShipment({ id: shipment!.id }, { carrier: 'dhl', trackingNumber: 'T1' });
  await until('the dispatch to be parked', async () => (await api.listParkedOrders()).items.length === 1);

  const parked = await audited();
  expect(parked.outcome).toBe('differs');
  expect(of(parked, 'parked').examples).toMatchObject([
    { subject: id, detail: expect.stringContaining('orders could not digest ShipmentDispatched') as string },
  ]);

  await api.skipParkedOrder({ consumer: 'orders', orderId: id }, {});
  await until('the timer to cancel the order', async () => (await stateOf()) === 'CANCELLED', { timeoutMs: 20_000 });
  await system.settle();
  const report = await audited();
  expect(report.outcome).toBe('differs');
  expect(violated(report)).toEqual(expect.arrayContaining(['ended-goods']));
  expect(of(report, 'ended-goods').examples).toEqual([
    { subject: id, detail: 'is CANCELLED, and 2 × A of it have left' },
  ]);
  expect(report.leftOut).toMatchObject([{ consumer: 'orders', orderId: id, eventType: 'ShipmentDispatched' }]);
  // Everything else does agree.
  expect(of(report, 'fold').violations).toBe(0);
  expect(of(report, 'ended-money').violations).toBe(0);
}, 60_000);
