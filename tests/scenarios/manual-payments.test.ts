import { describe, expect, test } from 'vitest';
import { until } from '#tests/support/until.ts';
import { useSystem } from '#tests/support/system.ts';
import type { Order, Problem } from '#tests/support/views.ts';

/** Orders whose money people receive: bank transfers, cash on delivery, what another party was paid. */

const system = useSystem({
  env: {
    PAYMENTS_PROVIDERS: 'sandbox,manual',
    SANDBOX_CARRIER_DELAY_MS: 'off',
    ORDERS_MANUAL_PAYMENT_DEADLINE_MS: '6000',
  },
});
const DATE = '2026-11-28';

interface Recorded {
  status: string;
  captured: string;
  received: string;
  due: string;
  overpaid: string;
  givenBack?: string;
  receipts: { amount: string; reference?: string; by: string }[];
}
const record = (id: string, body: object, key?: string) =>
  system.api.call<Recorded & Problem>('POST', `/payments/${id}/record`, {
    body: { date: DATE, ...body },
    ...(key !== undefined && { key }),
  });

async function placed(token: string, sku: string): Promise<Order> {
  return system.api.placeOrder({ sku, payment: { provider: 'manual', token } });
}

describe('a bank transfer', () => {
  test('is waited for, comes in parts and too large, and then the order goes on', async () => {
    const { api } = system;
    const sku = await api.product(5);
    const { id, totalAmount } = await placed('bank_transfer', sku);
    expect(totalAmount).toBe('10.00');
    await api.untilStatus(id, 'PAYMENT_PENDING');
    const first = await record(id, { amount: '5.00', reference: 'TX-1' }, 'transfer-1');
    expect(first.body).toMatchObject({ status: 'PENDING', received: '5.00', due: '5.00', overpaid: '0.00' });
    // Recorded once, however often it is said under its key.
    expect((await record(id, { amount: '5.00', reference: 'TX-1' }, 'transfer-1')).body.received).toBe('5.00');
    expect((await api.order(id)).status).toBe('PAYMENT_PENDING');
    const second = await record(id, { amount: '6.00', reference: 'TX-2' });
    expect(second.body).toMatchObject({
      status: 'CAPTURED',
      captured: '10.00',
      received: '11.00',
      due: '0.00',
      overpaid: '1.00',
    });
    expect(second.body.receipts).toMatchObject([
      { amount: '5.00', reference: 'TX-1' },
      { amount: '6.00', reference: 'TX-2' },
    ]);
    expect((await api.untilStatus(id, 'READY_FOR_SHIPMENT')).paymentStatus).toBe('CAPTURED');
    // What was too much is given back once, and no more than that.
    const back = { amount: '1.00', date: DATE, reference: 'TX-3' };
    for (let time = 0; time < 2; time++) {
      const given = await api.call<Recorded>('POST', `/payments/${id}/give-back`, { body: back, key: 'back-1' });
      expect(given.body).toMatchObject({ captured: '10.00', received: '11.00', givenBack: '1.00', overpaid: '0.00' });
      expect(given.body.receipts[2]).toMatchObject({ amount: '-1.00', reference: 'TX-3' });
    }
    const more = await api.call<Problem>('POST', `/payments/${id}/give-back`, { body: back });
    expect([more.status, more.body.code]).toEqual([409, 'ACTION_NOT_ALLOWED']);
  });

  test('that does not come ends the order in time; what came is shown to be given back', async () => {
    const { api } = system;
    const sku = await api.product(5);
    const { id } = await placed('bank_transfer', sku);
    await api.untilStatus(id, 'PAYMENT_PENDING');
    await record(id, { amount: '5.00' });
    const order = await api.untilStatus(id, 'CANCELLED');
    expect(order.endReason).toBe('the payment did not come through in time');
    const payment = await until('the payment to have ended', async () => {
      const { body } = await api.call<{ items: Recorded[] }>('GET', `/payments?orderId=${id}`);
      return body.items[0]?.status === 'FAILED' && body.items[0];
    });
    expect(payment).toMatchObject({ captured: '0.00', received: '5.00', due: '0.00', overpaid: '5.00' });
    // Late is not lost: it is noted, and moves nothing.
    expect((await record(id, { amount: '5.00' })).body).toMatchObject({ status: 'FAILED', overpaid: '10.00' });
    await until('the stock to be back', async () => (await api.stock(sku)).available === 5);
  });

  test('is refused where it is no amount, and for an order that pays by itself', async () => {
    const { api } = system;
    const sku = await api.product(5);
    const { id } = await placed('bank_transfer', sku);
    await api.untilStatus(id, 'PAYMENT_PENDING');
    for (const amount of ['0.00', '1.001']) expect((await record(id, { amount })).body.code).toBe('AMOUNT_INVALID');
    expect((await record(id, { amount: '1.00', date: 'today' })).status).toBe(400);
    const other = await api.placeOrder({ sku });
    await api.untilStatus(other.id, 'READY_FOR_SHIPMENT');
    expect((await record(other.id, { amount: '1.00' })).body.code).toBe('ACTION_NOT_ALLOWED');
    const unknown = await api.postOrder({ sku, payment: { provider: 'manual', token: 'tok_approve' } });
    expect([unknown.status, unknown.body.code]).toEqual([422, 'PAYMENT_TOKEN_INVALID']);
  });
});

test('cash on delivery is sent before it is paid, and given back by hand', async () => {
  const { api } = system;
  const sku = await api.product(5);
  const { id } = await placed('cash_on_delivery', sku);
  expect((await api.untilStatus(id, 'READY_FOR_SHIPMENT')).paymentStatus).toBe('AUTHORIZED');
  const shipment = await api.firstShipment(id);
  await api.dispatch(shipment.id);
  await api.untilStatus(id, 'SHIPPED');
  await until('the cash to be asked for', async () => {
    const { body } = await api.call<{ items: Recorded[] }>('GET', `/payments?orderId=${id}`);
    return body.items[0]?.due === '10.00';
  });
  expect((await record(id, { amount: '10.00' })).body).toMatchObject({
    status: 'CAPTURED',
    captured: '10.00',
    due: '0.00',
  });
  await api.untilOrder(id, 'paid', ({ paymentStatus }) => paymentStatus === 'CAPTURED');
});

test('an order that was cancelled before anything left owes nothing', async () => {
  const { api } = system;
  const sku = await api.product(5);
  const { id } = await placed('cash_on_delivery', sku);
  await api.untilStatus(id, 'READY_FOR_SHIPMENT');
  await api.cancel(id);
  await api.untilOrder(
    id,
    'nothing held',
    ({ status, paymentStatus }) => status === 'CANCELLED' && paymentStatus === 'VOIDED',
  );
});
