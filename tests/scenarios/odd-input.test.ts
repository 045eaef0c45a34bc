import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { orderBody } from '#tests/support/api.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { untilLike } from '#tests/support/until-like.ts';
import type { Order, Page, Problem, Product, Stock } from '#tests/support/views.ts';

/** Input that is odd but legal, or that only the database could refuse: kept as it is or refused, and harmless to others. */

const system = useSystem();

let sku: string;

beforeAll(async () => {
  sku = await system.api.product(1_000);
});

describe('characters of a kind', () => {
  test.each([
    ['a lone surrogate', 'a\ud800b'],
    ['the other lone surrogate', '\udc00'],
    ['a non-character', '\uffff'],
    ['a bidi override', 'abc\u202edef'],
    ['an emoji with joiners', '👩‍👩‍👧‍👦'],
    ['SQL', "'; drop table orders.orders; --"],
    ['markup', '<script>alert(1)</script>'],
    ['a path', '../../etc/passwd'],
    ['braces and backslashes', '{"a",\\"b\\"} \\\\ NULL'],
  ])('(%s) are kept as they are or refused, in every text, and never break the system', async (_what, text) => {
    const { api } = system;
    const name = `Prüf ${text}`;
    const answer = await api.postOrder({
      items: [{ sku, quantity: 1, unitPrice: '1.00', name }],
      customerId: randomUUID(),
      reference: `ref ${text}`,
      shippingAddress: { name, line1: text, city: text },
      contact: { email: 'a@example.com' },
      metadata: { text, [`key ${text.slice(0, 20)}`]: [text] },
      requiresReview: true,
    });
    if (answer.status === 201) {
      const { id } = answer.body;
      const order = await api.untilStatus(id, 'RESERVED');
      const repaired = JSON.parse(
        JSON.stringify({ name, text }).replaceAll(/\\u[dD][89a-fA-F][0-9a-fA-F]{2}/g, '\ufffd'),
      ) as { name: string; text: string };
      expect([name, repaired.name]).toContain(order.items[0]!.name);
      expect([name, repaired.name]).toContain(order.shippingAddress!['name']);
      expect([text, repaired.text]).toContain(order.metadata['text']);
      expect((await api.events(id)).length).toBeGreaterThan(2);
      expect((await api.untilNotified(id, 'OrderCreated')).length).toBe(1);
      const found = await api.orders(`text=${encodeURIComponent('prüf')}&customerId=${order.customerId}`);
      expect(found.items.map((entry) => entry.id)).toEqual([id]);
      expect((await api.cancel(id, text)).status).toBe(200);
      await until('the release', async () => (await api.events(id)).some((event) => event.type === 'StockReleased'));
    } else expect([answer.status, answer.body.code]).toEqual([400, 'VALIDATION_FAILED']);
  });
});

describe('an order that cannot be stored', () => {
  test('does no harm to those that arrive with it', async () => {
    const { api } = system;
    const own = await api.product(1_000);
    const bad = ['a\ud800', 'b\udfff\ud800', 'c\0'];
    const answers = await Promise.all(
      Array.from({ length: 120 }, async (_, index) => {
        const text = index % 10 === 0 ? bad[(index / 10) % bad.length]! : 'fine';
        return { text, answer: await api.postOrder({ sku: own, shippingAddress: { name: text }, metadata: { text } }) };
      }),
    );
    for (const { text, answer } of answers.filter((entry) => entry.text === 'fine'))
      expect([text, answer.status], answer.text).toEqual(['fine', 201]);
    for (const { answer } of answers) expect(answer.status, answer.text).toBeLessThan(500);
    await until(
      'the good ones to be shipped',
      async () => (await api.stock(own)).onHand <= 1_000 - 108 && (await api.stock(own)).reserved === 0,
    );
  });
});

describe('a repeated line', () => {
  test('is counted as often as it stands', async () => {
    const { api } = system;
    const own = await api.product(10);
    const line = { sku: own, quantity: 2, unitPrice: '1.00' };
    const order = await api.placeOrder({ items: [line, line, line] });
    expect(order).toMatchObject({ totalAmount: '6.00', itemCount: 3 });
    await api.untilStatus(order.id, 'COMPLETED');
    await untilLike(() => api.stock(own), { onHand: 4, reserved: 0 });
  });

  test('two thousand times is still one order', async () => {
    const { api } = system;
    const own = await api.product(2_000);
    const order = await api.placeOrder({
      items: Array.from({ length: 2_000 }, () => ({ sku: own, quantity: 1, unitPrice: '0.01' })),
    });
    expect(order.totalAmount).toBe('20.00');
    await api.untilStatus(order.id, 'COMPLETED');
  });
});

describe('a number', () => {
  test('writes a small whole quantity with an exponent means that quantity or is refused, and never another', async () => {
    const { api } = system;
    const other = await api.product(1);
    const answer = await api.call('POST', '/orders', {
      body: JSON.stringify(orderBody({ sku: other })).replace('"quantity":1', '"quantity":1e2'),
      key: randomUUID(),
    });
    // 1e2 is the JSON number 100: there is only one, so the order ends REJECTED.
    expect(answer.status).toBe(201);
    const order = await api.untilFinal((answer.body as { id: string }).id);
    expect(order).toMatchObject({ status: 'REJECTED', items: [{ quantity: 100 }] });
  });

  test('of pieces beyond 32 bits in all is refused', async () => {
    const { api } = system;
    const own = await api.product(0);
    const answers = [];
    for (let index = 0; index < 3; index++)
      answers.push(
        await api.call('POST', '/stock/adjustments', {
          body: { sku: own, delta: 1_000_000_000, reason: 'x' },
          key: randomUUID(),
        }),
      );
    expect(answers.slice(0, 2).map((entry) => entry.status)).toEqual([201, 201]);
    expect(answers[2]!.status, answers[2]!.text).toBeGreaterThanOrEqual(400);
    expect(answers[2]!.status, answers[2]!.text).toBeLessThan(500);
    expect((await api.stock(own)).onHand).toBe(2_000_000_000);
  });
});

describe('commands', () => {
  test('half a surrogate pair in an amendment or a reason is kept or refused, on every command', async () => {
    const { api } = system;
    for (const text of ['a\ud800', '\udc00']) {
      const { id } = await api.placeOrder({ requiresReview: true });
      await api.untilStatus(id, 'RESERVED');
      for (const metadata of [{ text }, { [text]: 1 }, { deep: [[{ [text]: text }]] }]) {
        const answer = await api.amend(id, { metadata });
        expect([200, 400], answer.text).toContain(answer.status);
        if (answer.status === 200) expect((await api.order(id)).metadata).toMatchObject(metadata);
      }
      const review = await api.reviewOf(id);
      for (const [path, body] of [
        [`/orders/${id}/hold`, { reason: text }],
        [`/reviews/${review.id}/approve`, { reason: text }],
      ] as const) {
        const answer = await api.call('POST', path, { body, key: randomUUID() });
        expect([200, 400], `${path}: ${answer.text}`).toContain(answer.status);
      }
      expect((await api.cancel(id)).status).toBe(200);
      await until('the release', async () => (await api.events(id)).some((event) => event.type === 'StockReleased'));
    }
  });

  test('a command without a body means one without details', async () => {
    const { api } = system;
    const { id } = await api.placeOrder({ requiresReview: true });
    await api.untilStatus(id, 'RESERVED');
    expect((await api.call('POST', `/orders/${id}/cancel`)).status).toBe(200);
    const shipping = await api.placeOrder();
    await api.untilStatus(shipping.id, 'COMPLETED');
    const delivered = await api.call<Problem>(
      'POST',
      `/shipments/${(await api.firstShipment(shipping.id)).id}/deliver`,
    );
    expect([delivered.status, delivered.body.code]).toEqual([409, 'SHIPMENT_NOT_DELIVERABLE']);
  });
});

describe('a SKU', () => {
  test.each([
    ['a slash', 'A/B'],
    ['a percent sign', '100%'],
    ['a percent-encoded slash as it stands', 'A%2FB'],
    ['two dots', '..'],
    ['a dot', '.'],
    ['a plus and a space', 'A+B C'],
    ['a question mark and a hash', 'A?b=c#d'],
    ['a colon and a semicolon', 'A:B;C'],
    ['quotes and a backslash', '"A"\\\'B'],
    ['letters beyond ASCII', 'Tasse-Größe-Ø'],
    ['an emoji', 'MUG-☕-👩‍👩‍👧‍👦'],
    ['the name of another path', 'adjustments'],
  ])('with %s is one SKU in paths, orders, stock, filters and pages', async (_what, text) => {
    const { api } = system;
    // Dots alone are taken out of a path by every client, so they stand beside something.
    const own = `${text}~${randomUUID().slice(0, 8)}`;
    const path = encodeURIComponent(own);
    const put = await api.call<Product>('PUT', `/products/${path}`, { body: { name: own } });
    expect([put.status, put.body.sku]).toEqual([201, own]);
    const location = String(put.headers['location']);
    expect(await api.get(location)).toEqual(put.body);
    await api.adjustStock(own, { onHand: 5, location: 'north' });
    await untilLike(() => api.stock(own), {
      sku: own,
      onHand: 5,
      locations: [{ location: 'north', available: 5 }],
    });
    const order = await api.placeOrder({ sku: own });
    await api.untilStatus(order.id, 'COMPLETED');
    expect((await api.orders(`sku=${path}`)).items.map((item) => item.id)).toEqual([order.id]);
    const before = Buffer.from(own.slice(0, -1)).toString('base64url');
    const page = await api.get<Page<Stock>>(`/stock?limit=1&cursor=${before}`);
    expect(page.items[0]).toMatchObject({ sku: own, onHand: 4 });
  });
});

describe('a body', () => {
  test('that says one thing twice means what it said last, as JSON parsers have it', async () => {
    const { api } = system;
    const body = JSON.stringify(orderBody({ sku })).replace('"quantity":1', '"quantity":1,"quantity":3');
    const answer = await api.call<Order>('POST', '/orders', { body, key: randomUUID() });
    expect([answer.status, answer.body.items[0]!.quantity, answer.body.totalAmount]).toEqual([201, 3, '30.00']);
  });

  test('with ids in capitals is kept with them in small letters', async () => {
    const { api } = system;
    const product = await api.get<Product>(`/products/${sku}`);
    const customerId = randomUUID();
    const order = await api.placeOrder({
      customerId: customerId.toUpperCase(),
      items: [{ productId: product.id.toUpperCase(), quantity: 1, unitPrice: '1.00' }],
    });
    expect(order).toMatchObject({ customerId, items: [{ sku }] });
    expect((await api.orders(`customerId=${customerId}`)).items.map((item) => item.id)).toEqual([order.id]);
  });

  test('with a byte order mark is read without it', async () => {
    const { api } = system;
    const body = `\ufeff${JSON.stringify(orderBody({ sku }))}`;
    expect((await api.call('POST', '/orders', { body, key: randomUUID() })).status).toBe(201);
  });
});

describe('Prefer', () => {
  test.each([
    'wait=0',
    'wait=-1',
    'wait=soon',
    'wait',
    'respond-async',
    '',
    'handling=lenient',
    'handling=lenient; wait=5',
  ])('(%s) that asks for no time is no reason to wait or to refuse', async (prefer) => {
    const { api } = system;
    const answer = await api.postOrder({ sku }, { headers: { prefer } });
    expect([answer.status, answer.headers['preference-applied']]).toEqual([201, undefined]);
  });

  test.each(['wait=5', 'respond-async, wait=5', 'handling=lenient, wait=5', 'wait=99999'])(
    '(%s) is answered once stock and payment are decided',
    async (prefer) => {
      const { api } = system;
      const answer = await api.postOrder({ sku }, { headers: { prefer } });
      expect(answer.status).toBe(201);
      expect(answer.headers['preference-applied']).toBe(prefer === 'wait=99999' ? 'wait=30' : 'wait=5');
      expect(['CREATED', 'RESERVED']).not.toContain(answer.body.status);
    },
  );
});

describe('the order as of', () => {
  test.each([
    ['0', 404],
    ['1', 200],
    ['999999999', 404],
    ['9999999999', 400],
    ['01', 200],
    ['1.0', 400],
    ['-1', 400],
    ['2026-02-30', 400],
    ['2024-02-29', 404],
    ['0000-01-01', 404],
    ['9999-12-31', 200],
    ['9999-12-31T23:59:59.999999999Z', 200],
    ['2999-01-01T00:00:00+14:00', 200],
    ['2999-01-01T00:00:00', 400],
    ['2999-01-01 00:00:00Z', 200],
    ['', 400],
    ['%00', 400],
    ['now', 400],
  ] as const)('%s is answered %i', async (asOf, status) => {
    const { api } = system;
    const { id } = await api.placeOrder({ sku });
    const text = asOf === '%00' ? asOf : encodeURIComponent(asOf);
    const answer = await api.call<Problem>('GET', `/orders/${id}?asOf=${text}`);
    expect([asOf, answer.status], answer.text).toEqual([asOf, status]);
  });
});
