import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { AuditEntry } from '#client/client.ts';
import type { Api } from '#tests/support/api.ts';
import { Graph } from '#tests/support/graph.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { Order, Page, Problem } from '#tests/support/views.ts';

/** `GET /audit`: who changed what, when and why, from what to what, found by order, person, action and time. */

// Parcels leave when somebody says so.
const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off', PAYMENTS_PROVIDERS: 'sandbox,manual' } });

async function keyOf(role: string): Promise<{ readonly name: string; readonly api: Api }> {
  const name = `${role}-${randomUUID().slice(0, 8)}`;
  const { key } = await system.api.ok<{ key: string }>('POST', '/api-keys', { body: { name, role } });
  return { name, api: system.api.as(key) };
}

async function audit(query: string): Promise<readonly AuditEntry[]> {
  return (await system.api.get<Page<AuditEntry>>(`/audit?${query}`)).items;
}

test('what was done to an order: who, when, why, before and after; found by each of these', async () => {
  const { api } = system;
  const support = await keyOf('support');
  const warehouse = await keyOf('warehouse');
  const beganAt = new Date().toISOString();
  const { id } = await api.placeOrder({ sku: await api.product(), reference: 'PO-1', requiresReview: true });
  await api.untilStatus(id, 'RESERVED');
  await support.api.ok('POST', `/orders/${id}/hold`, {
    body: { reason: 'address is odd' },
    headers: { 'x-correlation-id': 'call-7' },
  });
  const repeated = { body: { reference: 'PO-2' }, key: randomUUID() };
  for (let n = 0; n < 2; n++) await support.api.ok('PATCH', `/orders/${id}`, repeated);
  // What is refused changed nothing, and leaves no entry.
  expect((await support.api.call('POST', `/orders/${id}/hold`, { body: { reason: 'again' } })).status).toBe(409);
  await support.api.ok('POST', `/orders/${id}/release`, { body: {} });
  await api.decideReview((await api.reviewOf(id)).id, 'approve');
  await api.untilStatus(id, 'READY_FOR_SHIPMENT');
  const shipment = await api.firstShipment(id);
  await warehouse.api.ok('POST', `/shipments/${shipment.id}/dispatch`, {
    body: { carrier: 'DHL', trackingNumber: 'T-1' },
  });
  await api.untilStatus(id, 'SHIPPED');
  const endedAt = new Date().toISOString();

  const entries = await audit(`orderId=${id}`);
  expect(entries.map(({ actor, actorKind, action, reason }) => [action, actor, actorKind, reason])).toEqual([
    ['ShipmentDispatched', warehouse.name, 'key', undefined],
    ['ReviewApproved', 'bootstrap', 'key', 'looked at it'],
    ['OrderReleased', support.name, 'key', 'released'],
    ['OrderAmended', support.name, 'key', undefined],
    ['OrderHeld', support.name, 'key', 'address is odd'],
  ]);
  const [, , , amended, held] = entries;
  expect(amended).toMatchObject({
    orderId: id,
    subject: id,
    before: { reference: 'PO-1' },
    after: { reference: 'PO-2' },
  });
  expect(held!.correlationId).toBe('call-7');
  expect((held!.before as Order).holds).toHaveLength(1);
  expect((held!.after as Order).holds).toHaveLength(2);
  for (const { at } of entries) expect(at > beganAt && at < endedAt, at).toBe(true);

  const ids = (found: readonly AuditEntry[]): string[] => found.map((entry) => entry.id);
  expect(ids(await audit(`actor=${support.name}`))).toEqual(ids(entries.slice(2)));
  expect(ids(await audit(`actor=${support.name}&action=OrderHeld`))).toEqual([held!.id]);
  expect(ids(await audit(`orderId=${id}&from=${amended!.at}`))).not.toContain(held!.id);
  expect(ids(await audit(`orderId=${id}&to=${beganAt}`))).toEqual([]);
  expect(ids(await audit(`orderId=${id}&from=${beganAt.slice(0, 10)}&to=${endedAt.slice(0, 10)}`))).toEqual(
    ids(entries),
  );
  const pages: string[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: Page<AuditEntry> = await api.get(`/audit?orderId=${id}&limit=2${cursor && `&cursor=${cursor}`}`);
    pages.push(...ids(page.items));
    cursor = page.nextCursor;
  }
  expect(pages).toEqual(ids(entries));

  const { data } = await new Graph(api).done(
    'query ($id: ID!) { audit(filter: { orderId: $id }, first: 2) { nodes { id action actor order { id } } pageInfo { hasNextPage } } }',
    { id },
  );
  expect(data['audit']).toEqual({
    nodes: entries.slice(0, 2).map(({ id: entry, action, actor }) => ({ id: entry, action, actor, order: { id } })),
    pageInfo: { hasNextPage: true },
  });
});

test('is for who may read it, and says what is wrong with a question', async () => {
  const operator = await keyOf('operator');
  expect((await operator.api.call('GET', '/audit')).status).toBe(200);
  for (const role of ['client', 'support', 'reader']) {
    const refused = await (await keyOf(role)).api.call<Problem>('GET', '/audit');
    expect([role, refused.status, refused.body.code]).toEqual([role, 403, 'FORBIDDEN']);
  }
  for (const query of ['action=painted', 'from=yesterday', 'orderId=7', 'cursor=AAAA', 'person=ada']) {
    const refused = await operator.api.call<Problem>('GET', `/audit?${query}`);
    expect([query, refused.status, refused.body.code]).toEqual([query, 400, 'VALIDATION_FAILED']);
  }
});

test('a location, a run and what people decide about them', async () => {
  const { api } = system;
  const operator = await keyOf('operator');
  const place = `place-${randomUUID().slice(0, 8)}`;
  for (let n = 0; n < 2; n++) await operator.api.ok('PUT', `/locations/${place}`, { body: {} });
  expect((await audit(`subject=${place}`)).map(({ action, actor, after }) => [action, actor, after])).toEqual([
    ['location.put', operator.name, { name: place }],
  ]);
  const order = await api.placeOrder({ sku: await api.product(), requiresReview: true });
  await api.untilStatus(order.id, 'RESERVED');
  const run = await operator.api.ok<{ id: string }>('POST', '/bulk', {
    body: { command: 'hold', arguments: { reason: 'recall' }, ids: [order.id] },
  });
  await until('the run to hold it', async () => (await audit(`orderId=${order.id}&action=OrderHeld`)).length > 0);
  const [started] = await audit(`subject=${run.id}`);
  expect(started).toMatchObject({ action: 'bulk.started', actor: operator.name, after: { command: 'hold', total: 1 } });
  const [held] = await audit(`orderId=${order.id}`);
  expect(held).toMatchObject({ action: 'OrderHeld', actor: operator.name, reason: 'recall' });
});

test('money that a person records is written in the currency of the order', async () => {
  const { api } = system;
  const finance = await keyOf('finance');
  const order = await api.placeOrder({
    sku: await api.product(),
    payment: { provider: 'manual', token: 'bank_transfer' },
  });
  await api.untilStatus(order.id, 'PAYMENT_PENDING');
  await finance.api.ok('POST', `/payments/${order.id}/record`, {
    body: { amount: order.totalAmount, date: '2026-01-02', reference: 'statement 7' },
    key: randomUUID(),
  });
  await api.untilStatus(order.id, 'READY_FOR_SHIPMENT');
  const [entry] = await audit(`orderId=${order.id}&actor=${finance.name}`);
  expect(entry).toMatchObject({ action: 'PaymentSucceeded', after: { captured: order.totalAmount } });
});
