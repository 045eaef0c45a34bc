import { describe, expect, test } from 'vitest';
import { expectSoundLog, typesOf } from '#tests/support/events.ts';
import { burden, units } from '#tests/support/amounts.ts';
import { expectBooksAgree } from '#tests/support/money.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import type { Order } from '#tests/support/views.ts';

/** Goods and money that go back, never more than went out. */

const system = useSystem();

async function completed(wishes: Record<string, unknown> = {}): Promise<Order> {
  const { id } = await system.api.placeOrder(wishes);
  return system.api.untilStatus(id, 'COMPLETED');
}

describe('a return', () => {
  test('brings the goods back into stock, the money back to the customer, and a credit note', async () => {
    const { api, provider } = system;
    const sku = await api.product(10);
    const { id } = await completed({ sku, quantity: 4, unitPrice: '12.50' });
    await api.invoice(id);
    const asked = await api.command(id, 'returns', { items: [{ sku, quantity: 3 }], reason: 'too small' });
    expect(asked.status).toBe(200);
    expect(asked.body).toMatchObject({
      status: 'COMPLETED',
      returnStatus: 'REQUESTED',
      returns: [{ items: [{ sku, quantity: 3 }], received: false }],
    });
    const returnId = asked.body.returns[0]!.returnId;
    expect((await provider.of(id))[0]!.refunded).toBe('0.00');
    await api.location('returns');
    const received = await api.call<Order>('POST', `/orders/${id}/returns/${returnId}/receive`, {
      body: { location: 'returns' },
      key: `receive-${returnId}`,
    });
    expect(received.status).toBe(200);
    expect(received.body.returnStatus).toBe('RECEIVED');
    const refunded = await api.untilOrder(
      id,
      'refunded',
      ({ paymentStatus }) => paymentStatus === 'PARTIALLY_REFUNDED',
    );
    expect(refunded).toMatchObject({
      status: 'COMPLETED',
      refundedAmount: '37.50',
      refunds: [{ amount: '37.50', status: 'DONE' }],
    });
    const [charge] = await expectBooksAgree(system, id);
    expect(charge).toMatchObject({ captured: '50.00', refunded: '37.50' });
    await until('the goods to be in stock', async () => (await api.stock(sku)).onHand === 9);
    expect((await api.stock(sku)).locations.find(({ location }) => location === 'returns')).toMatchObject({
      onHand: 3,
      reserved: 0,
    });
    const invoice = await until('the credit note', async () => {
      const present = await api.invoice(id);
      return present.creditNotes.length > 0 && present;
    });
    expect(invoice.creditNotes).toMatchObject([{ amount: '37.50', currency: 'EUR' }]);
    await api.untilNotified(id, 'OrderRefunded');
    expectSoundLog(id, await api.events(id));

    // Once only, and never more than was shipped.
    const again = await api.call<{ code: string }>('POST', `/orders/${id}/returns/${returnId}/receive`, {
      body: {},
      key: `again-${returnId}`,
    });
    expect(again.status).toBe(409);
    const tooMuch = await api.command(id, 'returns', { items: [{ sku, quantity: 2 }], reason: 'more' });
    expect([tooMuch.status, tooMuch.body.code]).toEqual([409, 'RETURN_EXCEEDS_SHIPPED']);
    const rest = await api.command(id, 'returns', { reason: 'the rest' });
    expect(rest.status).toBe(200);
    expect(rest.body.returns[1]!.items).toEqual([{ sku, quantity: 1 }]);
    await api.call('POST', `/orders/${id}/returns/${rest.body.returns[1]!.returnId}/receive`, {
      body: {},
      key: `rest-${returnId}`,
    });
    const whole = await api.untilOrder(id, 'refunded whole', ({ paymentStatus }) => paymentStatus === 'REFUNDED');
    expect(whole.refundedAmount).toBe('50.00');
  });

  test('may be received without a refund', async () => {
    const { api } = system;
    const { id } = await completed();
    const { body } = await api.command(id, 'returns', { reason: 'gift' });
    const received = await api.call<Order>('POST', `/orders/${id}/returns/${body.returns[0]!.returnId}/receive`, {
      body: { refund: false },
      key: `no-refund-${id}`,
    });
    expect(received.status).toBe(200);
    expect(received.body).toMatchObject({ returnStatus: 'RECEIVED', paymentStatus: 'CAPTURED', refunds: [] });
  });

  test('of what was never shipped, of another product, or of an order on its way to the warehouse is refused', async () => {
    const { api } = system;
    const sku = await api.product(3);
    const { id } = await completed({ sku });
    for (const items of [
      [{ sku, quantity: 2 }],
      [{ sku: 'another', quantity: 1 }],
      [
        { sku, quantity: 1 },
        { sku, quantity: 1 },
      ],
    ]) {
      const refused = await api.command(id, 'returns', { items, reason: 'no' });
      expect([refused.status, refused.body.code]).toEqual([409, 'RETURN_EXCEEDS_SHIPPED']);
    }
    const held = await api.placeOrder({ sku, requiresReview: true });
    await api.untilStatus(held.id, 'RESERVED');
    const early = await api.command(held.id, 'returns', { reason: 'no' });
    expect([early.status, early.body.code]).toEqual([409, 'ACTION_NOT_ALLOWED']);
    const unknown = await api.call<{ code: string }>(
      'POST',
      `/orders/${id}/returns/0192f0c1-2a3b-7c4d-8e5f-0123456789ab/receive`,
      { body: {} },
    );
    expect([unknown.status, unknown.body.code]).toEqual([404, 'RETURN_NOT_FOUND']);
  });

  test('splits the price of a line as it was rounded, and never refunds more than was paid', async () => {
    const { api } = system;
    const sku = await api.product(100);
    // 7 × 0.0375 = 0.2625 → 0.26; seven returns of one at 0.04 each would be 0.28.
    const { id } = await completed({ sku, quantity: 7, unitPrice: '0.0375' });
    for (let index = 0; index < 7; index++) {
      const { body } = await api.command(id, 'returns', { items: [{ sku, quantity: 1 }], reason: 'one by one' });
      const entry = body.returns.at(-1)!;
      const received = await api.call('POST', `/orders/${id}/returns/${entry.returnId}/receive`, {
        body: {},
        key: `one-${entry.returnId}`,
      });
      expect(received.status).toBe(200);
    }
    const order = await api.untilOrder(id, 'without open refunds', ({ refunds }) =>
      refunds.every(({ status }) => status === 'DONE'),
    );
    expect(units(order.refundedAmount)).toBeLessThanOrEqual(units('0.26'));
    expect(order.paymentStatus).toBe('REFUNDED');
    expect(burden(await expectBooksAgree(system, id))).toBe(0n);
  });
});

describe('a refund', () => {
  test('in parts adds up, and one that would exceed what was captured is refused', async () => {
    const { api } = system;
    const { id } = await completed({ unitPrice: '30.00' });
    const refund = (amount: string | undefined): ReturnType<typeof api.command> =>
      api.command(id, 'refunds', { ...(amount !== undefined && { amount }), reason: 'goodwill' });
    expect((await refund('10.00')).status).toBe(200);
    await api.untilOrder(id, 'partly refunded', ({ refundedAmount }) => refundedAmount === '10.00');
    expect((await refund('5.5')).status).toBe(200);
    const tooMuch = await refund('14.51');
    expect([tooMuch.status, tooMuch.body.code]).toEqual([409, 'REFUND_EXCEEDS_CAPTURED']);
    expect(tooMuch.body.allowedActions).toContain('requestRefund');
    expect((await refund(undefined)).status).toBe(200);
    const whole = await api.untilOrder(id, 'refunded', ({ paymentStatus }) => paymentStatus === 'REFUNDED');
    expect(whole).toMatchObject({ status: 'COMPLETED', refundedAmount: '30.00' });
    const nothingLeft = await refund('0.01');
    expect([nothingLeft.status, nothingLeft.body.code]).toEqual([409, 'REFUND_EXCEEDS_CAPTURED']);
    expect(burden(await expectBooksAgree(system, id))).toBe(0n);
    const invoice = await until('three credit notes', async () => {
      const present = await api.invoice(id);
      return present.creditNotes.length === 3 && present;
    });
    expect(invoice.creditNotes.map((note) => note.amount)).toEqual(['10.00', '5.50', '14.50']);
    expect(new Set(invoice.creditNotes.map((note) => note.creditNoteNumber)).size).toBe(3);
    const events = await api.events(id);
    expectSoundLog(id, events);
    expect(typesOf(events, 'orders').filter((type) => type === 'OrderRefunded')).toHaveLength(3);
  });

  test('asked for ten times at once never gives back more than was captured', async () => {
    const { api } = system;
    const { id } = await completed({ unitPrice: '10.00' });
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => api.command(id, 'refunds', { amount: '3.00', reason: 'race' })),
    );
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(3);
    expect(answers.filter((answer) => answer.body.code === 'REFUND_EXCEEDS_CAPTURED')).toHaveLength(7);
    await api.untilOrder(id, 'refunded thrice', ({ refundedAmount }) => refundedAmount === '9.00');
    const [charge] = await expectBooksAgree(system, id);
    expect(charge!.refunded).toBe('9.00');
  });

  test.each([
    ['0', 422, 'AMOUNT_INVALID'],
    ['-1.00', 422, 'AMOUNT_INVALID'],
    ['1.001', 422, 'AMOUNT_INVALID'],
    ['99999999999999999999', 400, 'VALIDATION_FAILED'],
    ['1e2', 400, 'VALIDATION_FAILED'],
    ['', 400, 'VALIDATION_FAILED'],
  ])('of "%s" is refused with %i %s', async (amount, status, code) => {
    const { api } = system;
    const { id } = await completed();
    const refused = await api.command(id, 'refunds', { amount, reason: 'no' });
    expect([refused.status, refused.body.code]).toEqual([status, code]);
    expect(refused.body.errors?.[0]?.pointer).toBe('/amount');
    expect((await api.order(id)).refunds).toEqual([]);
  });

  test('of an order that is not paid is refused', async () => {
    const { api } = system;
    const { id } = await api.placeOrder({ requiresReview: true });
    await api.untilStatus(id, 'RESERVED');
    const refused = await api.command(id, 'refunds', { reason: 'no' });
    expect([refused.status, refused.body.code]).toEqual([409, 'ACTION_NOT_ALLOWED']);
  });

  test('needs a key, and the same key gives the money back once', async () => {
    const { api } = system;
    const { id } = await completed({ unitPrice: '10.00' });
    const keyless = await api.call<{ code: string }>('POST', `/orders/${id}/refunds`, {
      body: { amount: '1.00', reason: 'x' },
    });
    expect([keyless.status, keyless.body.code]).toEqual([400, 'IDEMPOTENCY_KEY_REQUIRED']);
    const send = (amount = '4.00'): ReturnType<typeof api.call<Order & { code: string }>> =>
      api.call('POST', `/orders/${id}/refunds`, { body: { amount, reason: 'x' }, key: `refund-${id}` });
    const answers = await Promise.all(Array.from({ length: 10 }, () => send()));
    expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: 10 }, () => 200));
    expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
    await api.untilOrder(id, 'refunded', ({ refundedAmount }) => refundedAmount === '4.00');
    expect((await send()).text).toBe(answers[0]!.text);
    const other = await send('4.01');
    expect([other.status, other.body.code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
    const [charge] = await expectBooksAgree(system, id);
    expect(charge!.refunded).toBe('4.00');
  });
});
