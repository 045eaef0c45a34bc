import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { orderBody } from '#tests/support/api.ts';
import { typesOf } from '#tests/support/events.ts';
import { expectChargedOnce } from '#tests/support/money.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { untilLike } from '#tests/support/until-like.ts';
import type { Order, Problem, Product } from '#tests/support/views.ts';

/** A caller who does not know whether a request arrived repeats it, and nothing happens twice. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off' } });

describe('placing an order under a key', () => {
  test('again gets the same answer, also when the order has moved on', async () => {
    const { api } = system;
    const sku = await api.product();
    const key = randomUUID();
    const body = orderBody({ sku });
    const first = await api.call<Order>('POST', '/orders', { body, key });
    expect(first.status).toBe(201);
    const second = await api.call<Order>('POST', '/orders', { body, key });
    expect(second.status).toBe(201);
    expect(second.body).toEqual(first.body);
    await api.untilStatus(first.body.id, 'READY_FOR_SHIPMENT');
    const third = await api.call<Order>('POST', '/orders', { body, key });
    expect(third.status).toBe(201);
    expect(third.body).toEqual(first.body);
    expect(third.headers['location']).toBe(first.headers['location']);
    expect(third.headers['etag']).toBe(first.headers['etag']);
    expect((await api.orders(`customerId=${first.body.customerId}`)).items).toHaveLength(1);
    await expectChargedOnce(system, first.body.id);
  });

  test('and waiting gets the answer of the first time, however far the order has come', async () => {
    const { api } = system;
    const sku = await api.product();
    const headers = { prefer: 'wait=10' };
    for (const wishes of [{}, { token: 'tok_decline' }, { requiresReview: true }]) {
      const [body, key] = [orderBody({ sku, ...wishes }), randomUUID()];
      const first = await api.call<Order>('POST', '/orders', { body, key, headers });
      expect([first.status, first.headers['preference-applied']]).toEqual([201, 'wait=10']);
      expect(first.body.status).not.toBe('CREATED');
      const { id, status } = first.body;
      if (status !== 'PAYMENT_FAILED') {
        await api.command(id, 'hold', { reason: 'look' });
        await api.cancel(id);
        await api.untilStatus(id, 'CANCELLED');
      }
      const again = await api.call<Order>('POST', '/orders', { body, key, headers });
      expect(again.headers['preference-applied']).toBe('wait=10');
      expect(again.headers['idempotency-replayed']).toBe('true');
      expect([again.text, again.headers['etag']]).toEqual([first.text, first.headers['etag']]);
    }
  });

  test('twenty times at once and waiting makes one order, and everyone gets it as it was decided', async () => {
    const { api } = system;
    const sku = await api.product();
    const [body, key] = [orderBody({ sku }), randomUUID()];
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        api.call<Order>('POST', '/orders', { body, key, headers: { prefer: 'wait=10' } }),
      ),
    );
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(answers[0]!.body.status).toBe('READY_FOR_SHIPMENT');
  });

  test('with another body is refused with 422 and makes no order', async () => {
    const { api } = system;
    const sku = await api.product();
    const key = randomUUID();
    const first = await api.call<Order>('POST', '/orders', { body: orderBody({ sku }), key });
    const customerId = randomUUID();
    const other = await api.call<Problem>('POST', '/orders', { body: orderBody({ sku, customerId }), key });
    expect([other.status, other.body.code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
    expect((await api.orders(`customerId=${customerId}`)).items).toEqual([]);
    expect((await api.order(first.body.id)).id).toBe(first.body.id);
  });

  test('twenty times at once makes one order, and everyone gets it', async () => {
    const { api } = system;
    for (let round = 0; round < 5; round++) {
      const sku = await api.product();
      const key = randomUUID();
      const body = orderBody({ sku });
      const answers = await Promise.all(
        Array.from({ length: 20 }, () => api.call<Order>('POST', '/orders', { body, key })),
      );
      expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: 20 }, () => 201));
      expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1);
      expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
      expect((await api.orders(`customerId=${String(body['customerId'])}`)).items).toHaveLength(1);
    }
  });

  test('among concurrent orders with other bodies lets one win and refuses the others', async () => {
    const { api } = system;
    const sku = await api.product();
    const key = randomUUID();
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => api.call<Order & Problem>('POST', '/orders', { body: orderBody({ sku }), key })),
    );
    expect(answers.filter((answer) => answer.status === 201)).toHaveLength(1);
    expect(answers.filter((answer) => answer.body.code === 'IDEMPOTENCY_KEY_REUSED')).toHaveLength(9);
  });

  test('that was refused may be repeated with a corrected body', async () => {
    const { api } = system;
    const sku = await api.product();
    const key = randomUUID();
    const refused = await api.call<Problem>('POST', '/orders', { body: orderBody({ sku, quantity: 0 }), key });
    expect(refused.status).toBe(400);
    const corrected = await api.call('POST', '/orders', { body: orderBody({ sku, quantity: 1 }), key });
    expect(corrected.status).toBe(201);
  });

  test('belongs to its caller: the same key of another one is another order', async () => {
    const { api } = system;
    const sku = await api.product();
    const key = randomUUID();
    const other = api.as(await api.newKey('client'));
    const body = orderBody({ sku });
    const [first, second] = [
      await api.call<Order>('POST', '/orders', { body, key }),
      await other.call<Order>('POST', '/orders', { body, key }),
    ];
    expect([first.status, second.status]).toEqual([201, 201]);
    expect(first.body.id).not.toBe(second.body.id);
  });

  test.each([
    ['no key', undefined, 'IDEMPOTENCY_KEY_REQUIRED'],
    ['an empty key', '', 'IDEMPOTENCY_KEY_REQUIRED|VALIDATION_FAILED'],
    ['a key with spaces', 'a b', 'VALIDATION_FAILED'],
    ['a key of 201 characters', 'k'.repeat(201), 'VALIDATION_FAILED'],
  ])('with %s is refused with 400', async (_what, key, code) => {
    const { api } = system;
    const sku = await api.product();
    const body = orderBody({ sku });
    const answer = await api.call<Problem>('POST', '/orders', { body, ...(key !== undefined && { key }) });
    expect(answer.status).toBe(400);
    expect(answer.body.code).toMatch(new RegExp(`^(${code})$`));
    expect((await api.orders(`customerId=${String(body['customerId'])}`)).items).toEqual([]);
  });

  test('of 200 characters is taken', async () => {
    const { api } = system;
    const sku = await api.product();
    const answer = await api.call('POST', '/orders', {
      body: orderBody({ sku }),
      key: `${randomUUID()}${'k'.repeat(164)}`,
    });
    expect(answer.status).toBe(201);
  });
});

describe('a command under a key', () => {
  test('again gets the same answer and does nothing twice', async () => {
    const { api } = system;
    const { id } = await api.placeOrder({ requiresReview: true });
    await api.untilStatus(id, 'RESERVED');
    const key = randomUUID();
    const hold = (): ReturnType<typeof api.command> => api.command(id, 'hold', { reason: 'check' }, { key });
    const first = await hold();
    expect(first.status).toBe(200);
    await api.command(id, 'release', {});
    const again = await hold();
    expect(again.status).toBe(200);
    expect(again.body).toEqual(first.body);
    expect((await api.order(id)).holds.map((entry) => entry.type)).toEqual(['review']);
    const other = await api.command(id, 'hold', { reason: 'something else' }, { key });
    expect([other.status, other.body.code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
  });

  test.each(['cancel', 'hold', 'refunds', 'returns', 'complete', 'amend'])(
    '(%s) sent twenty times at once is done once and answered alike',
    async (action) => {
      const { api } = system;
      const { id } = await api.placeOrder();
      await api.untilStatus(id, 'READY_FOR_SHIPMENT');
      if (action === 'returns' || action === 'complete') {
        const shipment = await api.firstShipment(id);
        await api.dispatch(shipment.id);
        await api.untilStatus(id, 'SHIPPED');
      }
      const key = randomUUID();
      const send = (): ReturnType<typeof api.command> =>
        action === 'amend'
          ? api.amend(id, { reference: 'R' }, { key })
          : api.command(
              id,
              action,
              action === 'complete' ? {} : { reason: 'once', ...(action === 'refunds' && { amount: '4.00' }) },
              { key },
            );
      const answers = await Promise.all(Array.from({ length: 20 }, send));
      expect(answers.map((answer) => `${answer.status} ${answer.body.code ?? ''}`)).toEqual(
        Array.from({ length: 20 }, () => '200 '),
      );
      expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
      const events = typesOf(await api.events(id), 'orders');
      const types = {
        cancel: 'OrderCancellationRequested',
        hold: 'OrderHeld',
        refunds: 'OrderRefundRequested',
        returns: 'OrderReturnRequested',
        complete: 'OrderCompleted',
        amend: 'OrderAmended',
      };
      expect(events.filter((type) => type === types[action as keyof typeof types])).toHaveLength(1);
      const late = await send();
      expect(late.text).toBe(answers[0]!.text);
    },
  );

  test('cannot be used for another order or another action', async () => {
    const { api } = system;
    const [a, b] = [await api.placeOrder({ requiresReview: true }), await api.placeOrder({ requiresReview: true })];
    await Promise.all([a, b].map(({ id }) => api.untilStatus(id, 'RESERVED')));
    const key = randomUUID();
    expect((await api.command(a.id, 'hold', { reason: 'x' }, { key })).status).toBe(200);
    const other = await api.command(b.id, 'hold', { reason: 'x' }, { key });
    expect([other.status, other.body.code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
    const action = await api.command(a.id, 'cancel', { reason: 'x' }, { key });
    expect([action.status, action.body.code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
    expect((await api.order(b.id)).holds).toHaveLength(1);
  });

  test('of a review decision is answered alike', async () => {
    const { api } = system;
    const { id } = await api.placeOrder({ requiresReview: true });
    const review = await api.reviewOf(id);
    const key = randomUUID();
    const send = (): ReturnType<typeof api.call> =>
      api.call('POST', `/reviews/${review.id}/approve`, { body: { reason: 'fine' }, key });
    const answers = await Promise.all(Array.from({ length: 10 }, send));
    expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: 10 }, () => 200));
    expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
    await until('it to go on', async () => (await api.order(id)).status === 'READY_FOR_SHIPMENT');
    expect((await send()).text).toBe(answers[0]!.text);
  });
});

/** Changes that are not made through an order: what is sent, and what must be there afterwards. */
interface Change {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly other?: unknown;
}

describe('a change beside the orders', () => {
  const changes: readonly (readonly [string, () => Promise<Change>])[] = [
    [
      'of a product',
      async () => ({
        method: 'PUT',
        path: `/products/P-${randomUUID().slice(0, 13)}`,
        body: { name: 'Mug', price: '9.90', currency: 'EUR' },
        other: { name: 'Cup', price: '9.90', currency: 'EUR' },
      }),
    ],
    [
      'of stock',
      async () => {
        const sku = await system.api.product(10);
        const body = { sku, delta: 5, reason: 'delivery' };
        return { method: 'POST', path: '/stock/adjustments', body, other: { ...body, delta: 6 } };
      },
    ],
    [
      'that revokes a key',
      async () => {
        const name = `k-${randomUUID().slice(0, 13)}`;
        await system.api.ok('POST', '/api-keys', { body: { name, role: 'reader' } });
        return { method: 'DELETE', path: `/api-keys/${name}` };
      },
    ],
    [
      'of a parked order',
      async () => ({
        method: 'POST',
        path: `/parked/orders/${randomUUID()}/skip`,
        body: {},
        other: { data: { a: 1 } },
      }),
    ],
    [
      'of a shipment',
      async () => {
        const { id } = await system.api.placeOrder();
        await system.api.untilStatus(id, 'READY_FOR_SHIPMENT');
        const shipment = await system.api.firstShipment(id);
        const body = { carrier: 'DHL', trackingNumber: 'JD1' };
        return {
          method: 'POST',
          path: `/shipments/${shipment.id}/dispatch`,
          body,
          other: { ...body, trackingNumber: 'JD2' },
        };
      },
    ],
  ];

  test.each(changes)('(%s) under a key is made once, answered alike, and tied to its body', async (_what, make) => {
    const { api } = system;
    const { method, path, body, other } = await make();
    const key = randomUUID();
    const send = (): ReturnType<typeof api.call> => api.call(method, path, { body, key });
    const answers = await Promise.all(Array.from({ length: 10 }, send));
    expect(answers.map((answer) => answer.status)).toEqual(Array.from({ length: 10 }, () => answers[0]!.status));
    expect(answers[0]!.status, answers[0]!.text).toBeLessThan(300);
    expect(new Set(answers.map((answer) => answer.text)).size).toBe(1);
    const late = await send();
    expect([late.status, late.text]).toEqual([answers[0]!.status, answers[0]!.text]);
    if (other === undefined) return;
    const reused = await api.call<Problem>(method, path, { body: other, key });
    expect([reused.status, reused.body.code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
    expect((await send()).text).toBe(answers[0]!.text);
  });

  test('(of a product) repeated after a later one does not undo that', async () => {
    const { api } = system;
    const path = `/products/P-${randomUUID().slice(0, 13)}`;
    const key = randomUUID();
    const first = await api.call<Product>('PUT', path, { body: { name: 'first' }, key });
    expect(first.status).toBe(201);
    await api.ok('PUT', path, { body: { name: 'second' } });
    const repeated = await api.call<Product>('PUT', path, { body: { name: 'first' }, key });
    expect([repeated.status, repeated.text]).toEqual([201, first.text]);
    expect((await api.get<Product>(path)).name).toBe('second');
  });

  test('(of stock) sent ten times at once moves it once', async () => {
    const { api } = system;
    const sku = await api.product(10);
    const key = randomUUID();
    await Promise.all(Array.from({ length: 10 }, () => api.adjustStock(sku, { delta: 5 }, key)));
    await untilLike(() => api.stock(sku), { onHand: 15 });
  });

  test('(that makes a key) under a key is made and shown once, works, and is tied to its body', async () => {
    const { api } = system;
    const other = api.as(await api.newKey('admin'));
    const name = `k-${randomUUID().slice(0, 13)}`;
    const key = randomUUID();
    const make = (caller: typeof api, change = {}): ReturnType<typeof api.call<{ key: string } & Problem>> =>
      caller.call('POST', '/api-keys', { body: { name, role: 'reader', ...change }, key });
    const answers = await Promise.all(Array.from({ length: 10 }, () => make(api)));
    const shown = answers.filter((answer) => answer.status === 201);
    expect(shown).toHaveLength(1);
    const secret = shown[0]!.body.key;
    for (const repeated of [...answers.filter((answer) => answer.status !== 201), await make(api)]) {
      expect([repeated.status, repeated.body.code]).toEqual([409, 'API_KEY_SHOWN']);
      expect(repeated.text).not.toContain(secret);
    }
    expect((await api.as(secret).call('GET', '/orders')).status).toBe(200);
    const reused = await make(api, { name: `${name}-2` });
    expect([reused.status, reused.body.code]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED']);
    // The same key of another caller is another key, so the name is simply taken.
    const foreign = await make(other);
    expect([foreign.status, foreign.body.code]).toEqual([409, 'API_KEY_EXISTS']);
    expect(foreign.text).not.toContain(secret);
  });

  test('at once under one key with two bodies is made once, and the other refused', async () => {
    const { api } = system;
    for (let round = 0; round < 5; round++) {
      const key = randomUUID();
      const names = ['a', 'b'].map((suffix) => `k-${randomUUID().slice(0, 13)}-${suffix}`);
      const answers = await Promise.all(
        names.map((name) => api.call<Problem>('POST', '/api-keys', { body: { name, role: 'reader' }, key })),
      );
      expect(answers.map((answer) => answer.status).toSorted()).toEqual([201, 422]);
      const products = names.map((name) => `/products/${name}`);
      const put = await Promise.all(
        products.map((path) => api.call('PUT', path, { body: { name: 'x' }, key: `${key}-product` })),
      );
      expect(put.map((answer) => answer.status).toSorted()).toEqual([201, 422]);
    }
  });
});
