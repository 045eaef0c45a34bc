import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { orderBody } from '#tests/support/api.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { untilLike } from '#tests/support/until-like.ts';
import type { Order, Problem } from '#tests/support/views.ts';

/** More orders than can be taken: refused early with 503, and what is refused has left no trace. */

const ORDERS = 600;
const system = useSystem({ env: { ORDERS_INTAKE_QUEUE_MAX: '1' } });

test('orders beyond the queue are refused with 503 and Retry-After, nothing half done, and go through when repeated', async () => {
  const { api, provider } = system;
  const sku = await api.product(100_000);
  const customerId = randomUUID();
  const requests = Array.from({ length: ORDERS }, () => ({ key: randomUUID(), body: orderBody({ sku, customerId }) }));
  const answers = await Promise.all(
    requests.map(async (request) => ({ request, answer: await api.call<Order & Problem>('POST', '/orders', request) })),
  );
  const taken = answers.filter(({ answer }) => answer.status === 201);
  const refused = answers.filter(({ answer }) => answer.status !== 201);
  expect(refused.length, 'some were refused').toBeGreaterThan(0);
  expect(taken.length, 'some were taken').toBeGreaterThan(0);
  for (const { answer } of refused) {
    expect(answer.status).toBe(503);
    expect(answer.body.code).toBe('OVERLOADED');
    expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect(answer.headers['content-type']).toContain('application/problem+json');
  }
  const found = async (): Promise<string[]> => {
    const ids: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: { items: readonly { id: string }[]; nextCursor: string | null } = await api.orders(
        `customerId=${customerId}&limit=200${cursor === '' ? '' : `&cursor=${cursor}`}`,
      );
      ids.push(...page.items.map(({ id }) => id));
      cursor = page.nextCursor;
    }
    return ids;
  };
  // Exactly what was acknowledged exists.
  expect((await found()).sort()).toEqual(taken.map(({ answer }) => answer.body.id).sort());
  await Promise.all(taken.map(({ answer }) => api.untilStatus(answer.body.id, 'COMPLETED', 60_000)));
  await untilLike(() => api.stock(sku), { onHand: 100_000 - taken.length, reserved: 0 });

  // The same requests under the same keys, as Retry-After asks: each becomes one order.
  for (let left = refused.map(({ request }) => request); left.length > 0;) {
    const again = await Promise.all(
      left.slice(0, 5).map(async (request) => ({ request, answer: await api.call('POST', '/orders', request) })),
    );
    for (const { answer } of again) expect([201, 503]).toContain(answer.status);
    left = [...left.slice(5), ...again.filter(({ answer }) => answer.status === 503).map(({ request }) => request)];
  }
  const all = await found();
  expect(all).toHaveLength(ORDERS);
  await until('all to be completed', async () => (await api.stock(sku)).onHand === 100_000 - ORDERS, {
    timeoutMs: 30_000,
  });
  const mine = new Set(all);
  await until(
    'every charge',
    async () => (await provider.all()).filter((entry) => mine.has(entry.reference)).length === ORDERS,
  );
}, 90_000);
