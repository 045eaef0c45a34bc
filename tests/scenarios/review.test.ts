import { describe, expect, test } from 'vitest';
import { expectSoundLog, typesOf } from '#tests/support/events.ts';
import { expectChargedOnce } from '#tests/support/money.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';

/** A flagged order is not charged before a person has approved it. */

const system = useSystem({ env: { ORDERS_REVIEW_TOTALS: 'EUR:500,JPY:80000' } });

describe('an order that asks for a review', () => {
  test('is held, reserved and not charged, and goes on when it is approved', async () => {
    const { api, provider } = system;
    const sku = await api.product(5);
    const { id } = await api.placeOrder({ sku, quantity: 2, requiresReview: true });
    const held = await api.untilStatus(id, 'RESERVED');
    expect(held).toMatchObject({ requiresReview: true, reviewReasons: ['requested'], paymentStatus: 'NONE' });
    expect(held.holds).toMatchObject([{ type: 'review', steps: expect.arrayContaining(['payment']) }]);
    const review = await api.reviewOf(id);
    expect(review).toMatchObject({ orderId: id, status: 'pending', reasons: ['requested'] });
    expect(Date.parse(review.deadlineAt)).toBeGreaterThan(Date.parse(review.openedAt));
    const pending = await api.get<{ items: { id: string }[] }>('/reviews?status=pending&limit=200');
    expect(pending.items.map((item) => item.id)).toContain(review.id);
    expect(await provider.of(id)).toEqual([]);

    // The hold cannot be released around the review.
    const around = await api.command(id, 'release', { type: 'review' });
    expect(around.status).toBe(409);
    expect(around.body.code).toBe('ACTION_NOT_ALLOWED');

    const decided = await api.decideReview(review.id, 'approve', 'known customer');
    expect(decided.status).toBe(200);
    expect(decided.body).toMatchObject({ status: 'approved', reason: 'known customer' });
    await api.untilStatus(id, 'COMPLETED');
    await expectChargedOnce(system, id);
    const events = await api.events(id);
    expectSoundLog(id, events);
    const types = typesOf(events);
    expect(types.indexOf('OrderPaymentRequested')).toBeGreaterThan(types.indexOf('ReviewApproved'));
    expect(types.filter((type) => type === 'OrderOnHold')).toHaveLength(1);

    const again = await api.decideReview(review.id, 'reject', 'too late');
    expect(again.status).toBe(409);
    expect(again.body.code).toBe('REVIEW_DECIDED');
  });

  test('ends CANCELLED when it is rejected, and the stock comes back', async () => {
    const { api, provider } = system;
    const sku = await api.product(5);
    const { id } = await api.placeOrder({ sku, quantity: 2, requiresReview: true });
    await api.untilStatus(id, 'RESERVED');
    const review = await api.reviewOf(id);
    expect((await api.decideReview(review.id, 'reject', 'fraud')).status).toBe(200);
    const ended = await api.untilStatus(id, 'CANCELLED');
    expect(ended).toMatchObject({ paymentStatus: 'NONE', fulfillmentStatus: 'CANCELLED', holds: [] });
    expect(ended.endReason).toContain('fraud');
    await until('the stock to be released', async () => (await api.stock(sku)).reserved === 0);
    expect(await provider.of(id)).toEqual([]);
    expectSoundLog(id, await api.events(id));
    await api.untilNotified(id, 'OrderCancelled');
  });

  test('may be approved before its stock is even known, and may lack stock', async () => {
    const { api } = system;
    const sku = await api.product(0);
    const { id } = await api.placeOrder({ sku, requiresReview: true });
    await api.untilStatus(id, 'REJECTED');
    const review = await until('the review to be closed', async () => {
      const present = await api.reviewOf(id);
      return present.status === 'closed' && present;
    });
    const late = await api.decideReview(review.id, 'approve');
    expect(late.status).toBe(409);
    expect(late.body.code).toBe('REVIEW_DECIDED');
    expect((await api.order(id)).status).toBe('REJECTED');
  });

  test('closes its review when it is cancelled meanwhile', async () => {
    const { api } = system;
    const { id } = await api.placeOrder({ requiresReview: true });
    await api.untilStatus(id, 'RESERVED');
    expect((await api.cancel(id)).status).toBe(200);
    await until('the review to be closed', async () => (await api.reviewOf(id)).status === 'closed');
  });

  test('is decided once when ten decide at the same time', async () => {
    const { api } = system;
    const { id } = await api.placeOrder({ requiresReview: true });
    await api.untilStatus(id, 'RESERVED');
    const review = await api.reviewOf(id);
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => api.decideReview(review.id, index % 2 === 0 ? 'approve' : 'reject')),
    );
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1);
    expect(answers.filter((answer) => answer.status === 409)).toHaveLength(9);
    await api.untilFinal(id);
  });
});

describe('an order above the limit of its currency', () => {
  test.each([
    ['EUR', '500.01', true],
    ['EUR', '500.00', false],
    ['JPY', '80001', true],
    ['USD', '99999', false],
  ])('(%s %s) is reviewed: %s', async (currency, unitPrice, reviewed) => {
    const { api } = system;
    const { id } = await api.placeOrder({ currency, unitPrice });
    if (!reviewed) {
      await api.untilStatus(id, 'COMPLETED');
      return;
    }
    const held = await api.untilStatus(id, 'RESERVED');
    expect(held.reviewReasons).toHaveLength(1);
    expect(held.reviewReasons[0]).toContain(currency);
    const review = await api.reviewOf(id);
    await api.decideReview(review.id, 'approve');
    await api.untilStatus(id, 'COMPLETED');
  });
});
