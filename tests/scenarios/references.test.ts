import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Answer } from '#tests/support/api.ts';
import { useSystem } from '#tests/support/system.ts';
import type { Order, Problem } from '#tests/support/views.ts';

/** A channel that sends its reference a second time under another key means the order it has sent already. */

const system = useSystem({ env: { ORDERS_REPEATED_REFERENCES: 'pos, kiosk' } });
let sku: string;

beforeAll(async () => {
  sku = await system.api.product(1_000);
});

const place = (reference: string, wishes: object = {}, key?: string): Promise<Answer<Order & Problem>> =>
  system.api.postOrder({ sku, channel: 'web', reference, ...wishes }, { key });
const fresh = (): string => `W-${randomUUID().slice(0, 8)}`;

describe('a reference that an order of the channel has', () => {
  test('is refused with that order, and nobody pays twice', async () => {
    const { api, provider } = system;
    const reference = fresh();
    const first = await place(reference);
    expect(first.status).toBe(201);
    const second = await place(reference);
    expect([second.status, second.body.code, second.body.orderId]).toEqual([409, 'REFERENCE_TAKEN', first.body.id]);
    expect(second.body.detail).toContain(reference);
    expect((await api.orders(`text=${reference}`)).items.map(({ id }) => id)).toEqual([first.body.id]);
    await api.untilStatus(first.body.id, 'COMPLETED');
    expect(await provider.of(first.body.id)).toHaveLength(1);
    // Also when the order is over: it took money and goods.
    expect((await place(reference)).status).toBe(409);
  });

  test('is refused to all but one of those that come at the same time', async () => {
    const { api } = system;
    const references = [fresh(), fresh(), fresh()];
    const answers = await Promise.all(Array.from({ length: 60 }, (_, index) => place(references[index % 3]!)));
    for (const [index, reference] of references.entries()) {
      const mine = answers.filter((_, position) => position % 3 === index);
      const taken = mine.filter(({ status }) => status === 201);
      expect(taken).toHaveLength(1);
      const { id } = taken[0]!.body;
      const refused = mine.filter(({ status }) => status === 409).map(({ body }) => [body.code, body.orderId]);
      expect(refused).toEqual(Array.from({ length: 19 }, () => ['REFERENCE_TAKEN', id]));
      expect((await api.orders(`text=${reference}`)).items.map((order) => order.id)).toEqual([id]);
    }
  });

  test('does not stand in the way of repeating a request under its key', async () => {
    const key = randomUUID();
    const body = { reference: fresh(), customerId: randomUUID() };
    const [one, two] = await Promise.all([place(body.reference, body, key), place(body.reference, body, key)]);
    const three = await place(body.reference, body, key);
    expect([one, two, three].map(({ status, body: order }) => [status, order.id])).toEqual(
      Array.from({ length: 3 }, () => [201, one.body.id]),
    );
  });

  test('is free in another channel, and in those that may repeat theirs', async () => {
    const reference = fresh();
    expect((await place(reference)).status).toBe(201);
    expect((await place(reference, { channel: 'phone' })).status).toBe(201);
    for (const channel of ['pos', 'pos', 'kiosk', 'kiosk'])
      expect((await place(reference, { channel })).status).toBe(201);
    expect((await place(reference, { channel: 'phone' })).status).toBe(409);
    expect((await place(undefined as never)).status).toBe(201);
    expect((await place(undefined as never)).status).toBe(201);
  });

  test.each([
    ['was refused its payment', { token: 'tok_decline' }, 'PAYMENT_FAILED'],
    ['found too little stock', { quantity: 900_000 }, 'REJECTED'],
  ])('is free again for the next attempt once its order %s', async (_what, wishes, status) => {
    const { api } = system;
    const reference = fresh();
    const first = await place(reference, wishes);
    await api.untilStatus(first.body.id, status);
    const second = await place(reference);
    expect(second.status).toBe(201);
    const third = await place(reference);
    expect([third.status, third.body.orderId]).toEqual([409, second.body.id]);
  });

  test('is not free because its order was cancelled: somebody decided against it', async () => {
    const { api } = system;
    const reference = fresh();
    const first = await place(reference, { requiresReview: true });
    await api.cancel(first.body.id);
    await api.untilStatus(first.body.id, 'CANCELLED');
    expect((await place(reference)).status).toBe(409);
  });
});

describe('a change of the reference', () => {
  test('takes the new one and lets go of the old one', async () => {
    const { api } = system;
    const [old, now, other] = [fresh(), fresh(), fresh()];
    const { id } = (await place(old, { requiresReview: true })).body;
    const neighbor = (await place(other)).body;
    const refused = await api.amend(id, { reference: other });
    expect([refused.status, refused.body.code]).toEqual([409, 'REFERENCE_TAKEN']);
    expect((refused.body as Problem).orderId).toBe(neighbor.id);
    expect((await api.order(id)).reference).toBe(old);
    expect((await api.amend(id, { reference: now })).status).toBe(200);
    expect((await api.amend(id, { reference: now })).status).toBe(200);
    const taken = await place(now);
    expect([taken.status, taken.body.orderId]).toEqual([409, id]);
    expect((await place(old)).status).toBe(201);
  });
});
