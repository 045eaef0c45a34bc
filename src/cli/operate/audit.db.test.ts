import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { System } from '#system/system.ts';
import { type AuditReport, type Check, CHECKS, runAudit } from './audit.ts';
import { ApiClient } from '#cli/client.ts';
import { until } from '#tests/support/until.ts';
import { FolderSystem } from '#tests/support/folder-system.ts';

const TABLES = [
  'orders.orders',
  'orders.order_states',
  'orders.follow_ups',
  'inventory.stock',
  'inventory.waiting',
  'inventory.reservations',
  'inventory.ledger',
  'payments.payments',
  'sandbox.charges',
  'billing.invoices',
  'billing.counters',
  'billing.documents',
  'notifications.notifications',
  'shipping.orders',
  'reviews.reviews',
  'log.order_outbox',
  'log.consumer_offsets',
  'log.parked_events',
  'log.park_audit',
  'log.audit_entries',
  'log.audit_chain',
];

describe('the audit', () => {
  let running: FolderSystem;
  let folder: string;
  let env: Record<string, string>;
  let system: System;
  let api: ApiClient;
  /** One order of every kind that a check is about. */
  const ids = {
    completed: '',
    refunded: '',
    returned: '',
    cancelled: '',
    declined: '',
    rejected: '',
    open: '',
    lost: '',
    imported: '',
  };
  const stranger = '01a20000-0000-7000-8000-000000000000';

  beforeAll(async () => {
    running = await FolderSystem.start('audit-test', { SANDBOX_CARRIER_DELAY_MS: 'off' });
    ({ system, env, folder } = running);
    api = new ApiClient(system.url, 'audit-test');
    await prepare();
    // Nothing is consumed from here on: what is planted would be read, and put back beneath the reader.
    await api.close();
    system = await running.restart({ OLMS_CONSUME: 'false' });
    api = new ApiClient(system.url, 'audit-test');
    // Some faults below are what constraints prevent; the audit must not depend on them.
    await system.database.queryOnce(`do $$ declare r record; begin
      for r in select conrelid::regclass as t, conname from pg_constraint
        where coninhcount = 0 and (conrelid::regclass::text = any('{${TABLES.join(',')}}')) and (contype = 'c' or conname like 'notifications%_key') loop
        execute format('alter table %s drop constraint %I', r.t, r.conname);
      end loop; end $$`);
    await system.database.queryOnce('alter table log.audit_entries disable trigger all');
    await system.database.queryOnce('alter table billing.documents disable trigger all');
    await system.database.queryOnce('create schema untouched');
    for (const table of TABLES)
      await system.database.queryOnce(`create table untouched.${table.replace('.', '_')} as select * from ${table}`);
  });

  afterAll(async () => {
    await api?.close();
    await running?.remove();
  });

  async function prepare(): Promise<void> {
    for (const sku of ['A', 'B']) {
      await api.putProduct({ sku }, { name: sku });
      await api.adjustStock({ sku, delta: 100, reason: 'test' });
    }
    const place = async (token: string, quantity = 2): Promise<string> => {
      const items = [
        { sku: 'A', quantity, unitPrice: '9.95' },
        { sku: 'B', quantity: 1, unitPrice: '0.0375' },
      ];
      const contact = { email: 'ann@example.org', phone: '+49 30 1234' };
      return (await api.placeOrder({ customerId: stranger, currency: 'EUR', items, contact, payment: { token } })).id;
    };
    ids.completed = await place('tok_approve');
    ids.refunded = await place('tok_approve');
    ids.returned = await place('tok_approve');
    ids.cancelled = await place('tok_approve');
    ids.open = await place('tok_approve');
    ids.lost = await place('tok_approve');
    ids.declined = await place('tok_decline');
    ids.rejected = await place('tok_approve', 1000);
    await system.settle();
    for (const id of [ids.completed, ids.refunded, ids.returned, ids.lost]) {
      const { items } = await api.listShipments({ orderId: id });
      for (const shipment of items) {
        await api.dispatchShipment({ id: shipment.id }, { carrier: 'dhl', trackingNumber: 'T1' });
        if (id !== ids.lost) await api.deliverShipment({ id: shipment.id }, {});
        else await api.loseShipment({ id: shipment.id }, {});
      }
    }
    await system.settle();
    const parcel = await until('the parcel to be known to be lost', async () => {
      const { shipments } = await api.readOrder({ id: ids.lost });
      return shipments.find(({ problem }) => problem === 'lost');
    });
    const claim = { shipmentId: parcel.shipmentId, kind: 'lost', resolution: 'reship', reason: 'test' } as const;
    const { claims } = await api.openClaim({ id: ids.lost }, claim);
    await until('the goods to be sent again', async () => {
      const { items } = await api.listShipments({ orderId: claims![0]!.followUpId! });
      return items.length > 0;
    });
    ids.imported = await importedAndReturned();
    await api.requestRefund({ id: ids.refunded }, { amount: '5.00', reason: 'test' });
    await api.cancelOrder({ id: ids.cancelled }, { reason: 'test' });
    const { returns } = await api.requestReturn({ id: ids.returned }, { reason: 'test' });
    await api.receiveReturn({ id: ids.returned, returnId: returns[0]!.returnId }, {});
    await system.settle();
    const expected = {
      completed: 'COMPLETED',
      refunded: 'COMPLETED',
      returned: 'COMPLETED',
      cancelled: 'CANCELLED',
      open: 'READY_FOR_SHIPMENT',
      lost: 'COMPLETED',
      imported: 'COMPLETED',
      declined: 'PAYMENT_FAILED',
      rejected: 'REJECTED',
    };
    for (const [name, status] of Object.entries(expected)) {
      const order = await api.readOrder({ id: ids[name as keyof typeof ids] });
      expect(order.status, name).toBe(status);
    }
  }

  /** An order that ended elsewhere, and goods of it that came back here. */
  async function importedAndReturned(): Promise<string> {
    const items = [{ sku: 'A', quantity: 2, unitPrice: '9.95' }];
    const past = {
      number: '1',
      currency: 'EUR',
      createdAt: '2020-02-29T12:00:00Z',
      status: 'COMPLETED',
      items,
    } as const;
    const { orders } = await api.importOrders({ source: 'old-shop', as: 'history', orders: [past] });
    const { id } = orders[0] as { readonly id: string };
    await system.settle();
    const { returns } = await api.requestReturn({ id }, { reason: 'test' });
    await api.receiveReturn({ id, returnId: returns[0]!.returnId }, { refund: false });
    return id;
  }

  const audited = (options = {}): Promise<AuditReport> =>
    runAudit({ patience: 0, ...options }, { ...env, DATABASE_URL: system.databaseUrl });
  const violated = (report: AuditReport): Check[] =>
    report.checks.filter((check) => check.violations > 0).map((check) => check.check);

  test('finds nothing wrong with a system that nobody touched, and looks at everything', async () => {
    const report = await audited();
    expect(violated(report)).toEqual([]);
    expect(report).toMatchObject({ ok: true, outcome: 'agrees', orders: 10, leftOut: [] });
    for (const { check, examined, skipped } of report.checks) {
      expect(skipped, check).toBeUndefined();
      expect(examined, check).toBeGreaterThan(0);
    }
  });

  /** SQL that plants a fault, and the check that must find it. */
  const faults: [name: string, check: Check, plant: string][] = [
    ['a status changed by hand', 'fold', "update orders.order_states set status = 'PAID' where order_id = $open"],
    ['a total changed by hand', 'fold', 'update orders.orders set total_amount = total_amount + 0.01 where id = $open'],
    [
      'a line changed by hand',
      'fold',
      `update orders.orders set body = replace(body::text, '"quantity":1,', '"quantity":3,')::json where id = $open`,
    ],
    [
      'a payment status changed by hand',
      'fold',
      "update orders.order_states set payment_status = 'FAILED' where order_id = $completed",
    ],
    [
      'another time of the last change',
      'fold',
      "update orders.order_states set updated_at = updated_at + interval '1 second' where order_id = $open",
    ],
    [
      'a row that cannot be read',
      'fold',
      `update orders.order_states set detail = (detail::jsonb - 'refundedAmount')::json where order_id = $declined`,
    ],
    [
      'an order without a state',
      'fold',
      'update orders.order_states set order_id = $stranger where order_id = $rejected',
    ],
    [
      'a lost event',
      'sequences',
      `update log.order_outbox set subject = $stranger where subject = $open and type = 'StockReserved'`,
    ],
    [
      'an event with another number',
      'sequences',
      `update log.order_outbox set sequence = 9 where subject = $open and type = 'ShipmentScheduled'`,
    ],
    [
      'an effect before its cause',
      'sequences',
      `update log.order_outbox set txid = (select txid from log.order_outbox where subject = $rejected and type = 'OrderRejected') where subject = $open and type = 'PaymentSucceeded'; update log.order_outbox set txid = '9' where subject = $open and type = 'OrderPaid'`,
    ],
    [
      'an order that left only its events',
      'orphans',
      `insert into log.order_outbox (id, source, type, subject, sequence, time, correlationid, causationid, data) values ($stranger, '/olms/orders', 'OrderCreated', $stranger, 1, now(), '', '', '{}')`,
    ],
    [
      'a payment of no order',
      'orphans',
      'insert into payments.payments select ($stranger)::uuid, version, sequence, seen, provider, token, currency, status, amount, authorized, captured, voided, refunded, null, cancel_requested, pending_told, operations, next_attempt_at from payments.payments where order_id = $declined',
    ],
    [
      'an order whose event could not be digested',
      'parked',
      `insert into log.parked_events (consumer, order_id, event, reason) values ('billing', $open, '{"type":"OrderCompleted","id":"x"}', 'no such line')`,
    ],
    [
      'an audit entry that was changed',
      'audit-entries',
      `update log.audit_entries set actor = 'nobody' where number = 2`,
    ],
    ['an audit entry that is gone', 'audit-entries', 'delete from log.audit_entries where number = 2'],
    [
      'the last audit entry gone',
      'audit-entries',
      'delete from log.audit_entries where number = (select max(number) from log.audit_entries)',
    ],
    [
      'two audit entries that changed places',
      'audit-entries',
      'update log.audit_entries set number = 5 - number where number in (2, 3)',
    ],
    [
      'an audit entry put in later',
      'audit-entries',
      `insert into log.audit_entries (number, actor, action, subject, correlationid, hash) select max(number) + 1, 'a', 'product.put', 'A', 'c', 'x' from log.audit_entries`,
    ],
    [
      'an order held for a review that was decided',
      'reviews',
      `update orders.order_states set detail = (detail::jsonb || '{"holds":[{"type":"review","reason":"","by":"orders","steps":[]}]}')::json where order_id = $open; insert into reviews.reviews (order_id, review_id, version, sequence, seen, status, reasons, opened_at, deadline_at, decision) values ($open, $stranger, 1, 0, '{}', 'approved', '[]', now(), now(), '{}')`,
    ],
    [
      'other goods set aside than were promised',
      'set-aside',
      `update inventory.reservations set detail = replace(detail::text, '"sku":"A","location":"main","quantity":2', '"sku":"A","location":"main","quantity":1')::json where order_id = $open`,
    ],
    [
      'a parcel that the order does not list',
      'parcels',
      `update orders.order_states set detail = (detail::jsonb || '{"shipments":[]}')::json where order_id = $completed`,
    ],
    [
      'a parcel with less in it than was promised',
      'parcels',
      `update shipping.orders set body = replace(body::text, '"quantity":2', '"quantity":1')::json where order_id = $open`,
    ],
    [
      'a parcel that took nothing off the shelf',
      'shipped-stock',
      `update log.order_outbox set data = '{"shipmentId":"x","allocations":[]}' where subject = $completed and type = 'StockShipped'`,
    ],
    [
      'goods that came back and are on no shelf',
      'returned-stock',
      `update log.order_outbox set data = replace(data::text, '"quantity":2', '"quantity":1')::json where subject = $returned and type = 'StockReturned'`,
    ],
    [
      'a parcel of an order that was cancelled',
      'ended-goods',
      `update shipping.orders set body = replace(body::text, 'CANCELLED', 'DISPATCHED')::json where order_id = $cancelled`,
    ],
    [
      'goods that left unpaid',
      'shipped-paid',
      'update payments.payments set authorized = 0, captured = 0 where order_id = $completed',
    ],
    [
      'a payment that the order takes to be open',
      'payment-status',
      `update orders.order_states set payment_status = 'PENDING' where order_id = $open`,
    ],
    [
      'goods that came back and were never paid for',
      'owed',
      `update orders.order_states set detail = (detail::jsonb || '{"refunds":[],"refundedAmount":"0.00"}')::json where order_id = $returned`,
    ],
    [
      'a refund that payments never heard of',
      'refunds',
      `update payments.payments set operations = replace(operations::text, 'refundId', 'forgotten')::json where order_id = $refunded; update orders.order_states set detail = replace(detail::text, '"status":"DONE"', '"status":"REQUESTED"')::json where order_id = $refunded`,
    ],
    [
      'goods that nobody is to send again',
      'replacements',
      'update orders.follow_ups set order_id = $stranger; update orders.orders set id = gen_random_uuid() where id = (select order_id from untouched.orders_follow_ups); update orders.order_states set order_id = gen_random_uuid() where order_id = (select order_id from untouched.orders_follow_ups)',
    ],
    [
      'goods to be sent again by an order that cannot be placed',
      'replacements',
      `update orders.follow_ups set refusal = '/items/0/sku names no product'; update orders.order_states set order_id = gen_random_uuid() where order_id = (select order_id from orders.follow_ups)`,
    ],
    [
      'stock reserved for nobody',
      'reserved',
      "update inventory.stock set reserved = reserved + 1 where sku = 'A'; insert into inventory.ledger (at, sku, location, kind, on_hand_delta, reserved_delta) values (now(), 'A', 'main', 'reserve', 0, 1)",
    ],
    [
      'a reservation without its stock',
      'reserved',
      `update inventory.reservations set detail = replace(detail::text, '"sku":"B","location":"main","quantity":1', '"sku":"B","location":"moon","quantity":1')::json where order_id = $open`,
    ],
    ['stock that no movement explains', 'ledger', "update inventory.stock set on_hand = on_hand + 5 where sku = 'B'"],
    [
      'a lost movement',
      'ledger',
      "update inventory.ledger set sku = 'A' where sku = 'B' and kind = 'ship' and order_id = $completed",
    ],
    [
      'a place in a line that nobody takes',
      'line',
      "insert into inventory.waiting (sku, order_id, quantity) values ('B', gen_random_uuid(), 1)",
    ],
    ['more sold than there was', 'available', "update inventory.stock set on_hand = reserved - 1 where sku = 'B'"],
    [
      'more captured than authorized',
      'money',
      'update payments.payments set captured = captured + 1 where order_id = $open',
    ],
    [
      'more refunded than captured',
      'money',
      'update payments.payments set refunded = captured + 1 where order_id = $refunded',
    ],
    [
      'a second charge in our rows',
      'one-charge',
      `update payments.payments set operations = (operations::jsonb || (operations->0)::jsonb)::json where order_id = $completed`,
    ],
    [
      'a cancelled order that keeps the money',
      'ended-money',
      'update payments.payments set refunded = 0 where order_id = $cancelled',
    ],
    [
      'a cancelled order with an open authorization',
      'ended-money',
      'update payments.payments set refunded = 0, captured = 0 where order_id = $cancelled',
    ],
    [
      'a declined order that holds money',
      'ended-money',
      'update payments.payments set authorized = amount, captured = amount where order_id = $declined',
    ],
    [
      'a cancelled order that holds stock',
      'ended-stock',
      `update inventory.reservations set status = 'RESERVED', detail = '{"demand":[],"allocations":[{"sku":"A","location":"main","quantity":2}]}' where order_id = $cancelled`,
    ],
    [
      'a completed order that was not paid',
      'completed-paid',
      'update payments.payments set captured = 0 where order_id = $completed',
    ],
    [
      'a completed order without a payment',
      'completed-paid',
      'update payments.payments set order_id = $stranger where order_id = $completed',
    ],
    [
      'a refund that the order does not know',
      'refunds',
      'update payments.payments set refunded = 6 where order_id = $refunded',
    ],
    [
      'other amounts in the books of the provider',
      'provider',
      'update sandbox.charges set captured = captured - 1 where reference = ($completed)::text',
    ],
    [
      'a second charge in the books of the provider',
      'provider',
      "insert into sandbox.charges select ($stranger)::uuid, version, 'second', reference, token, currency, amount, capture, status, reason, authorized, captured, voided, refunded from sandbox.charges where reference = ($completed)::text",
    ],
    [
      'a charge that the provider does not know',
      'provider',
      "update sandbox.charges set status = 'declined' where reference = ($completed)::text",
    ],
    [
      'a charge of an order without a payment',
      'provider',
      'update sandbox.charges set reference = ($stranger)::text where reference = ($completed)::text',
    ],
    [
      'somebody notified twice',
      'notifications',
      `insert into notifications.notifications select ($stranger)::uuid, order_id, event_id, event_type, channel, recipient, subject, body, status, detail, attempts, next_attempt_at, created_at, sent_at from notifications.notifications where order_id = $open and event_type = 'OrderCreated' and channel = 'email'`,
    ],
    [
      'somebody notified of another order',
      'notifications',
      "update notifications.notifications set order_id = $declined where order_id = $rejected and channel = 'sms'",
    ],
    [
      'an order without its invoice',
      'invoices',
      'update billing.invoices set order_id = $stranger where order_id = $completed',
    ],
    [
      'an invoice of an order that never completed',
      'invoices',
      'update billing.invoices set order_id = $open where order_id = $completed',
    ],
    [
      'an invoice over another total',
      'invoices',
      'update billing.invoices set total = total + 1 where order_id = $completed',
    ],
    [
      'a gap in the invoice numbers',
      'invoice-numbers',
      "update billing.invoices set number = 'INV-00000009' where number = 'INV-00000001'",
    ],
    [
      'an invoice number that was used up',
      'invoice-numbers',
      "update billing.counters set value = value + 1 where key = 'invoice'",
    ],
    [
      'a refund without a credit note',
      'credit-notes',
      "update billing.invoices set body = (body::jsonb || '{\"creditNotes\": []}')::json where order_id = $refunded; update billing.counters set value = 0 where key = 'credit-note'",
    ],
    [
      'a credit note over another amount',
      'credit-notes',
      `update billing.invoices set body = replace(body::text, '"amount":"5.00"', '"amount":"5.01"')::json where order_id = $refunded`,
    ],
    [
      'a document that was changed after it was issued',
      'documents',
      "update billing.documents set content = replace(content, 'INV-00000001', 'INV-00000007') where number = 'INV-00000001'",
    ],
    [
      'a lost credit note',
      'invoice-numbers',
      "update billing.counters set value = value + 1 where key = 'credit-note'",
    ],
  ];

  async function run(sql: string): Promise<void> {
    const filled = sql.replaceAll(
      /\$(\w+)/g,
      (_, name: string) => `'${name === 'stranger' ? stranger : ids[name as keyof typeof ids]}'::uuid`,
    );
    for (const statement of filled.split(';')) await system.database.queryOnce(statement);
  }

  async function restore(): Promise<void> {
    for (const table of TABLES) {
      // One transaction that nobody writes beside: a consumer of the running system would put its offset back in between.
      await system.database.queryOnce(
        `lock table ${table} in exclusive mode; delete from ${table};
         insert into ${table} overriding system value select * from untouched.${table.replace('.', '_')}`,
      );
    }
  }

  test.each(faults)('finds %s', async (_, check, plant) => {
    await run(plant);
    try {
      const report = await audited();
      expect(violated(report)).toContain(check);
      expect(report).toMatchObject({ ok: false, outcome: 'differs' });
      const { examples, violations } = report.checks.find((one) => one.check === check)!;
      expect(examples.length).toBe(Math.min(violations, 5));
    } finally {
      await restore();
    }
    expect(violated(await audited())).toEqual([]);
  });

  test.each([
    [
      'an amount that was captured',
      ['money'],
      'update payments.payments set captured = captured - 1, refunded = 0 where order_id = $completed',
    ],
    ['a piece of stock', ['stock'], "update inventory.stock set on_hand = on_hand + 1 where sku = 'A'"],
    ['what is reserved', ['stock'], "update inventory.reservations set status = 'RELEASED' where order_id = $open"],
    ['a status', ['orders'], "update orders.order_states set status = 'PAID' where order_id = $open"],
    ['an order', ['orders'], 'delete from orders.orders where id = $open'],
    [
      'nothing but when rows were written and what they have read',
      [],
      "update orders.order_states set updated_at = now(), version = version + 1, seen = '{}'; update payments.payments set version = version + 1",
    ],
  ])('digests what is stored: %s changes them', async (_, changed, change) => {
    const { digests } = await audited();
    expect(Object.keys(digests).sort()).toEqual(['money', 'orders', 'stock']);
    await run(change);
    try {
      const after = (await audited()).digests;
      expect(Object.keys(digests).filter((of) => after[of] !== digests[of])).toEqual(changed);
    } finally {
      await restore();
    }
    expect((await audited()).digests).toEqual(digests);
  });

  test('has a fault for every check', () => {
    expect(new Set(faults.map(([, check]) => check))).toEqual(new Set(Object.keys(CHECKS)));
  });

  test('does not take an event that its service has not read yet for a fault', async () => {
    await run('update billing.invoices set order_id = $stranger where order_id = $completed');
    await run("update log.consumer_offsets set position = 0, txid = 1 where consumer = 'billing'");
    try {
      const report = await audited();
      const invoices = report.checks.find((one) => one.check === 'invoices')!;
      expect(invoices).toMatchObject({ violations: 0, moving: 1, unsettled: [{ subject: ids.completed }] });
      expect(report).toMatchObject({ ok: false });
    } finally {
      await restore();
    }
  });

  test('does not take a refund that the provider has not confirmed for money kept', async () => {
    await run(
      `update payments.payments set refunded = 0, operations = replace(operations::text, '"kind":"refund"', '"was":"succeeded","kind":"refund"')::json where order_id = $cancelled`,
    );
    await run(
      `update payments.payments set operations = regexp_replace(operations::text, '("was":"succeeded".*?"state":)"succeeded"', '\\1"in_doubt"')::json where order_id = $cancelled`,
    );
    const money = (await audited()).checks.find((one) => one.check === 'ended-money')!;
    expect(money).toMatchObject({ violations: 0, moving: 1 });
  });

  test('names goods that are being sent again, and is not done', async () => {
    await run(
      'update orders.order_states set order_id = $stranger where order_id = (select order_id from orders.follow_ups)',
    );
    try {
      const { checks, outcome } = await audited();
      const replacements = checks.find((one) => one.check === 'replacements')!;
      expect(replacements).toMatchObject({ violations: 0, moving: 1, unsettled: [{ subject: ids.lost }] });
      expect(replacements.unsettled[0]!.detail).toContain('is being placed');
      expect(outcome).toBe('differs');
    } finally {
      await restore();
    }
  });

  test('says what it could not look at', async () => {
    const report = await audited({ providerUrl: 'http://127.0.0.1:1' });
    expect(report.checks.find((one) => one.check === 'provider')!.skipped).toContain('no books at http://127.0.0.1:1');
    await expect(runAudit({}, { ...env, OLMS_DATA: join(folder, 'nothing') })).rejects.toThrow('There is no data');
  });
});
