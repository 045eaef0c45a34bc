import { expect, test } from 'vitest';
import { typesOf } from '#tests/support/events.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';

/** A review that nobody decides ends the order, so that none waits for ever. */

const system = useSystem({ env: { REVIEW_DEADLINE_MS: '700' } });

test('a review nobody decides in time rejects the order and gives the stock back', async () => {
  const { api, provider } = system;
  const sku = await api.product(3);
  const { id } = await api.placeOrder({ sku, quantity: 3, requiresReview: true });
  await api.untilStatus(id, 'RESERVED');
  const ended = await api.untilStatus(id, 'CANCELLED');
  expect(ended.endReason).toContain('not reviewed in time');
  expect(await api.reviewOf(id)).toMatchObject({ status: 'rejected', decidedBy: 'timer' });
  await until('the stock to be released', async () => (await api.stock(sku)).available === 3);
  expect(await provider.of(id)).toEqual([]);
  expect(typesOf(await api.events(id), 'reviews')).toEqual(['OrderOnHold', 'ReviewRejected']);
});

test('a review approved in time is not overtaken by its deadline', async () => {
  const { api } = system;
  const { id } = await api.placeOrder({ requiresReview: true });
  const review = await api.reviewOf(id);
  expect((await api.decideReview(review.id, 'approve')).status).toBe(200);
  await api.untilStatus(id, 'COMPLETED');
  await until('the deadline to pass', () => Date.now() > Date.parse(review.deadlineAt) + 300);
  expect((await api.order(id)).status).toBe('COMPLETED');
  expect((await api.reviewOf(id)).status).toBe('approved');
});
