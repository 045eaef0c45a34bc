import { expect, test } from 'vitest';
import { useSystem } from '#tests/support/system.ts';
import type { Order } from '#client/types.ts';

/** Lists as files: everything that the list shows, once, whoever may read it. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: '0' } });
const COUNT = 1_203;
const SET = 100;

const linesOf = (text: string): string[] => text.split('\r\n').slice(0, -1);
const jsonOf = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Record<string, unknown>);

async function exported(path: string, key?: string): Promise<{ text: string; type: string; file: string }> {
  const api = key === undefined ? system.api : system.api.as(key);
  const { status, text, headers } = await api.call('GET', path);
  expect(status, text).toBe(200);
  return {
    text,
    type: String(headers['content-type']),
    file: /filename="(.+)"/.exec(String(headers['content-disposition']))![1]!,
  };
}

test('many orders come page by page, each once, the oldest first', { timeout: 60_000 }, async () => {
  const orders = Array.from({ length: COUNT }, (_, n) => ({
    number: `H-${n}`,
    reference: `H-${n}`,
    currency: 'EUR',
    createdAt: new Date(Date.UTC(2021, 0, 1) + n * 1_000).toISOString(),
    status: 'COMPLETED',
    items: [{ sku: 'OLD', quantity: 2, unitPrice: '1.00' }],
    shippingAddress: { name: 'Ada', line1: '1 Main St', city: 'Somewhere', postalCode: '1', country: 'IS' },
  }));
  for (let at = 0; at < COUNT; at += SET) {
    const body = { source: 'old-shop', as: 'history', orders: orders.slice(at, at + SET) };
    expect((await system.api.call('POST', '/orders/imports', { body })).status).toBe(200);
  }
  const { text, type, file } = await exported('/exports/orders?country=IS');
  expect([type, file]).toEqual(['text/csv; charset=utf-8', 'orders.csv']);
  const [head, ...rows] = linesOf(text);
  const at = head!.split(',').indexOf('reference');
  expect(rows.map((row) => row.split(',')[at])).toEqual(orders.map(({ reference }) => reference));

  const lines = await exported('/exports/lines?country=IS&format=jsonl');
  expect([lines.type, lines.file]).toEqual(['application/jsonl; charset=utf-8', 'lines.jsonl']);
  const parsed = jsonOf(lines.text);
  expect(parsed).toHaveLength(COUNT);
  expect(parsed[7]).toMatchObject({ reference: 'H-7', line: 1, sku: 'OLD', quantity: 2, unitPrice: '1.00' });
  const none = await exported('/exports/orders?country=AQ');
  expect(linesOf(none.text)).toEqual([head]);
});

test('what somebody typed is text and no formula; who may not read it is not given it', async () => {
  const { api } = system;
  await api.product(10, 'SKU');
  const { id } = await api.placeOrder({
    reference: '=HYPERLINK("http://x")',
    contact: { email: 'ann@example.org', phone: '+49 30 1' },
  });
  await api.untilStatus(id, 'COMPLETED');
  const [head, row] = linesOf((await exported(`/exports/orders?id=${id}`)).text);
  expect(head).toContain('email,phone');
  expect(row).toContain(`"'=HYPERLINK(""http://x"")"`);
  expect(row).toContain(`ann@example.org,'+49 30 1`);

  const { body } = await api.call<{ key: string }>('POST', '/api-keys', {
    body: { name: 'books', scopes: ['exports:read', 'orders:read'] },
  });
  const withheld = await exported(`/exports/orders?id=${id}`, body.key);
  expect(linesOf(withheld.text)[0]).not.toContain('email');
  expect(withheld.text).not.toContain('ann@example.org');
  expect((await api.as(body.key).call('GET', '/exports/payments')).status).toBe(403);
});

test('payments, refunds and invoices, with their amounts', async () => {
  const { api } = system;
  await api.product(10, 'SKU');
  const { id } = await api.placeOrder({ quantity: 2 });
  await api.untilStatus(id, 'COMPLETED');
  await api.invoice(id);
  expect((await api.command(id, 'refunds', { amount: '5.00', reason: 'kind' })).status).toBe(200);
  await api.untilOrder(id, 'refunded', (order: Order) => order.refunds.some(({ status }) => status === 'DONE'));
  const payments = jsonOf((await exported(`/exports/payments?orderId=${id}&format=jsonl`)).text);
  expect(payments).toMatchObject([
    { orderId: id, amount: '20.00', captured: '20.00', refunded: '5.00', currency: 'EUR' },
  ]);
  // One line of JSON is a file, too.
  expect(jsonOf(await api.client.exportRefunds({ id: [id], format: 'jsonl' }))).toHaveLength(1);
  const refunds = jsonOf((await exported(`/exports/refunds?id=${id}&format=jsonl`)).text);
  expect(refunds).toMatchObject([{ orderId: id, amount: '5.00', status: 'DONE', reason: 'kind' }]);
  await expect
    .poll(async () => {
      const invoices = jsonOf((await exported(`/exports/invoices?orderId=${id}&format=jsonl`)).text);
      return invoices.map(({ kind, amount }) => [kind, amount]);
    })
    .toEqual([
      ['invoice', '20.00'],
      ['credit-note', '5.00'],
    ]);
});

test('lists for work: shipments, returns, movements of stock and reviews', async () => {
  const { api } = system;
  const sku = await api.product(10);
  const { id, number } = await api.placeOrder({ sku, quantity: 2, requiresReview: true });
  await api.untilStatus(id, 'RESERVED');
  await api.decideReview((await api.reviewOf(id)).id, 'approve');
  await api.untilStatus(id, 'COMPLETED');
  expect((await api.command(id, 'returns', { items: [{ sku, quantity: 1 }], reason: 'too small' })).status).toBe(200);
  const rows = async (path: string): Promise<Record<string, unknown>[]> =>
    jsonOf((await exported(`/exports/${path}&format=jsonl`)).text);
  expect(await rows(`shipments?orderId=${id}`)).toMatchObject([
    { orderId: id, status: 'DELIVERED', items: `2 ${sku}`, location: 'main' },
  ]);
  expect(await rows(`shipments?orderId=${id}&status=SCHEDULED`)).toEqual([]);
  expect(await rows(`returns?orderId=${id}`)).toMatchObject([
    { orderId: id, number, status: 'REQUESTED', items: `1 ${sku}`, reason: 'too small' },
  ]);
  expect((await rows(`movements?sku=${sku}`)).map(({ kind, onHand }) => [kind, onHand])).toEqual([
    ['ship', -2],
    ['reserve', 0],
    ['adjust', 10],
  ]);
  expect(await rows(`reviews?orderId=${id}`)).toMatchObject([{ orderId: id, number, status: 'approved' }]);

  const { key } = await api.ok<{ key: string }>('POST', '/api-keys', {
    body: { name: 'takes-out', scopes: ['exports:read', 'stock:read'] },
  });
  const movements = await exported(`/exports/movements?sku=${sku}`, key);
  expect([movements.type, movements.file]).toEqual(['text/csv; charset=utf-8', 'movements.csv']);
  // Why somebody adjusted it is a note.
  expect(linesOf(movements.text)[0]).toBe('number,at,sku,location,kind,onHand,reserved,orderId');
  for (const what of ['shipments', 'returns', 'reviews'])
    expect([what, (await api.as(key).call('GET', `/exports/${what}`)).status]).toEqual([what, 403]);
});

test('a filter that makes no sense is refused before anything is sent', async () => {
  const { status, body } = await system.api.call<{ code: string }>('GET', '/exports/orders?number=K7M4-92QX-0');
  expect([status, body.code]).toEqual([422, 'ORDER_NUMBER_INVALID']);
  expect((await system.api.call('GET', '/exports/orders?format=xml')).status).toBe(400);
  const other = await system.api.call<{ code: string }>('GET', '/exports/orders?columns=number&columns=color');
  expect([other.status, other.body.code]).toEqual([400, 'VALIDATION_FAILED']);
});

test('only the columns that are asked for, as they are asked for, and the newest first', async () => {
  const { api } = system;
  await api.product(10, 'SKU');
  const orders = [await api.placeOrder({ channel: 'columns' }), await api.placeOrder({ channel: 'columns' })];
  const { text } = await exported(
    '/exports/orders?channel=columns&sort=-createdAt&columns=channel&columns=orderId&columns=channel',
  );
  expect(linesOf(text)).toEqual(['channel,orderId', ...orders.toReversed().map(({ id }) => `columns,${id}`)]);
});
