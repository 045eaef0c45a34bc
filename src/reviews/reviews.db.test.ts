import { uuidv7 } from 'uuidv7';
import { describe, expect, test } from 'vitest';
import { useOneService } from '#tests/support/one-service.ts';
import { reviews } from './service.ts';

describe('reviews on a real database', () => {
  const one = useOneService(reviews);

  interface Page {
    readonly items: {
      readonly id: string;
      readonly orderId: string;
      readonly status: string;
      readonly decidedBy?: string;
    }[];
    readonly nextCursor: string | null;
  }

  test('are listed newest first, decided once, closed with their order and rejected at the deadline', async () => {
    const service = await one.start({ REVIEW_DEADLINE_MS: '60000' });
    const app = one.api(service);
    const list = async (query: string): Promise<Page> => (await app.inject(`/reviews${query}`)).json() as Page;
    const decide = async (id: string, action: string, payload: object = { reason: 'fine' }) =>
      (await app.inject({ method: 'POST', url: `/reviews/${id}/${action}`, payload })).json() as unknown;

    const orders = Array.from({ length: 4 }, () => uuidv7());
    await one.happen(
      ...orders.map((order) => one.event(order, 'OrderCreated', { reviewReasons: ['requested'] })),
      one.event(uuidv7(), 'OrderCreated'),
    );
    const first = await one.eventually(
      () => list('?status=pending&limit=3'),
      (page) => page.items.length === 3,
    );
    expect(first.items.map((item) => item.orderId)).toEqual(orders.toReversed().slice(0, 3));
    const second = await list(`?status=pending&limit=3&cursor=${first.nextCursor}`);
    expect(second).toMatchObject({ items: [{ orderId: orders[0] }], nextCursor: null });
    const oldest = await list('?sort=openedAt&limit=3');
    expect(oldest.items.map((item) => item.orderId)).toEqual(orders.slice(0, 3));
    const after = await list(`?sort=openedAt&cursor=${oldest.nextCursor}`);
    expect(after.items.map((item) => item.orderId)).toEqual([orders[3]]);
    expect((await app.inject('/reviews?cursor=made-up')).statusCode).toBe(400);
    expect((await app.inject('/reviews?status=lost')).statusCode).toBe(400);

    const [approved, closed] = first.items;
    expect(await decide(approved!.id, 'approve')).toMatchObject({
      status: 'approved',
      decidedBy: 'ada',
      reason: 'fine',
    });
    expect(await decide(approved!.id, 'reject')).toMatchObject({ code: 'REVIEW_DECIDED' });
    expect(await decide(uuidv7(), 'reject')).toMatchObject({ code: 'REVIEW_NOT_FOUND' });
    expect(await decide(approved!.id, 'reject', {})).toMatchObject({ code: 'VALIDATION_FAILED' });
    await one.happen(one.event(closed!.orderId, 'OrderCancelled'));
    await one.eventually(
      () => list('?status=closed'),
      (page) => page.items.length === 1,
    );

    one.clock.aheadMs = 61_000;
    const rejected = await one.eventually(
      () => list('?status=rejected'),
      (page) => page.items.length === 2,
    );
    expect(rejected.items.map((item) => item.decidedBy)).toEqual(['timer', 'timer']);
    expect((await list('')).items).toHaveLength(4);
    const several = await list('?status=closed,approved&limit=1');
    const rest = await list(`?status=closed&status=approved&cursor=${several.nextCursor}`);
    expect([...several.items, ...rest.items].map((item) => item.id)).toEqual([approved!.id, closed!.id]);
    expect(rest.nextCursor).toBeNull();
    const some = await list(`?orderId=${orders[0]},${orders[3]!.toUpperCase()},${uuidv7()}`);
    expect(some.items.map((item) => item.orderId)).toEqual([orders[3], orders[0]]);
    expect((await one.emitted(orders[0]!)).map(({ type }) => type)).toEqual(['OrderOnHold', 'ReviewRejected']);
  });
});
