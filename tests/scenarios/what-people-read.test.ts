import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { expectSoundLog } from '#tests/support/events.ts';
import { useSystem } from '#tests/support/system.ts';
import type { CloudEvent, Notification } from '#tests/support/views.ts';

/** What customers are written, by which names things are found again, and who did what. */

const system = useSystem({ env: { SANDBOX_CARRIER_DELAY_MS: 'off' } });
const INSIDE = 'smells of fraud, Müller has seen it before';
const FOR_THE_CUSTOMER = 'We are sorry: the last one broke in our hands.';
const CONTACT = { email: 'ada@example.com', phone: '+49 30 1234-56 ext. 7' };

const mailOf = (items: readonly Notification[], eventType: string): Notification =>
  items.find((item) => item.eventType === eventType && item.channel === 'email')!;

function expectNothingInside(items: readonly Notification[]): void {
  for (const { subject, body } of items) expect(`${subject}\n${body}`).not.toMatch(/fraud|Müller|review/i);
}

describe('a customer', () => {
  test('whose order is cancelled reads what was written for them, and never the reason', async () => {
    const { api } = system;
    const { id } = await api.placeOrder({ contact: CONTACT });
    await api.untilStatus(id, 'READY_FOR_SHIPMENT');
    await api.command(id, 'cancel', { reason: INSIDE, customerMessage: FOR_THE_CUSTOMER });
    expect((await api.untilStatus(id, 'CANCELLED')).endReason).toBe(INSIDE);
    const items = await api.untilNotified(id, 'OrderCancelled');
    expect(mailOf(items, 'OrderCancelled').body).toContain(`\n\n${FOR_THE_CUSTOMER}\n\n`);
    expect(items.find(({ channel, eventType }) => channel === 'sms' && eventType === 'OrderCancelled')!.body).toContain(
      FOR_THE_CUSTOMER,
    );
    expectNothingInside(items);
    expectSoundLog(id, await api.events(id));
  });

  test('whose order is rejected by a review does not read why, only what was written for them', async () => {
    const { api } = system;
    for (const customerMessage of [undefined, FOR_THE_CUSTOMER]) {
      const { id } = await api.placeOrder({ contact: CONTACT, requiresReview: true });
      await api.untilStatus(id, 'RESERVED');
      const review = await api.reviewOf(id);
      const decided = await api.call<{ customerMessage?: string }>('POST', `/reviews/${review.id}/reject`, {
        body: { reason: INSIDE, ...(customerMessage !== undefined && { customerMessage }) },
      });
      expect([decided.status, decided.body.customerMessage]).toEqual([200, customerMessage]);
      await api.untilStatus(id, 'CANCELLED');
      const items = await api.untilNotified(id, 'OrderCancelled');
      expect(mailOf(items, 'OrderCancelled').body.includes(FOR_THE_CUSTOMER)).toBe(customerMessage !== undefined);
      expectNothingInside(items);
    }
  });

  test('reads names of articles and amounts in the scale of the currency, however the channel wrote them', async () => {
    const { api } = system;
    const sku = await api.product({ east: 1, west: 1 }, 'LAMP');
    await api.putProduct(sku, { name: 'Walnut lamp 👩‍👩‍👧‍👦' });
    const order = await api.placeOrder({
      contact: CONTACT,
      items: [{ sku, quantity: 2, unitPrice: '0005' }],
      discountLines: [{ name: 'None', amount: '-0' }],
      shippingLines: [{ amount: '04.5' }],
    });
    expect(order).toMatchObject({
      items: [{ unitPrice: '5.00', amount: '10.00' }],
      discountLines: [{ amount: '0.00' }],
      shippingLines: [{ amount: '4.50' }],
      totalAmount: '14.50',
    });
    await api.untilOrder(order.id, 'scheduled', ({ fulfillmentStatus }) => fulfillmentStatus === 'SCHEDULED');
    await api.firstShipment(order.id);
    for (const shipment of await api.shipments(order.id)) await api.dispatch(shipment.id);
    await api.untilStatus(order.id, 'SHIPPED');
    const items = await api.untilNotified(order.id, 'OrderShipped');
    expect(mailOf(items, 'OrderCreated').body).toContain(
      '2 × Walnut lamp 👩‍👩‍👧‍👦: €10.00\nNone: €0.00\nShipping: €4.50\nTotal: €14.50',
    );
    expect(mailOf(items, 'OrderShipped').body).toContain('1 × Walnut lamp 👩‍👩‍👧‍👦');
    for (const { body } of items) expect(body).not.toContain(sku);
  });

  test('is called at the number they gave, extension and all', async () => {
    const { api } = system;
    const order = await api.placeOrder({ contact: CONTACT });
    expect(order.contact).toEqual(CONTACT);
    const amended = await api.amend(order.id, { contact: { phone: '030/123456 Durchwahl 12 (Büro)' } });
    expect(amended.body.contact).toEqual({ email: CONTACT.email, phone: '030/123456 Durchwahl 12 (Büro)' });
    const refused = await api.postOrder({ contact: { phone: 'call me' } });
    expect([refused.status, refused.body.errors?.[0]?.pointer]).toEqual([400, '/contact/phone']);
  });
});

describe('an order is found', () => {
  test('by the number that its mails name, which is no part of anything else', async () => {
    const { api } = system;
    const { id } = await api.placeOrder({ contact: CONTACT });
    const items = await api.untilNotified(id, 'OrderCreated');
    const number = / order ([0-9A-Y]{4}-[0-9A-Y]{4}-[0-9A-Y])$/.exec(mailOf(items, 'OrderCreated').subject)![1]!;
    for (const query of [
      `number=${number}`,
      `number=${number.toLowerCase()}`,
      `text=${number}`,
      `text=%20${number}`,
      `number=${id.slice(-12)}`,
      `text=${id.slice(-12).toUpperCase()}`,
    ])
      expect([query, (await api.orders(query)).items.map((item) => item.id)]).toEqual([query, [id]]);
    expect((await api.orders(`number=${number}&status=COMPLETED`)).items).toEqual([]);
    // A reference that looks like a number is found as the word that it is.
    const other = await api.placeOrder({ reference: number });
    expect((await api.orders(`text=${number}`)).items.map((item) => item.id)).toEqual([other.id]);
    expect((await api.orders(`number=${number}`)).items.map((item) => item.id)).toEqual([id]);
    const wrong = await api.call<{ errors: { pointer: string }[] }>('GET', '/orders?number=12');
    expect([wrong.status, wrong.body.errors[0]!.pointer]).toEqual([400, '/number']);
  });

  test('on the day it was placed, also where that day ends the range', async () => {
    const { api } = system;
    const customerId = `day ${randomUUID()}`;
    const { id, createdAt } = await api.placeOrder({ customerId });
    const day = (offset: number): string =>
      new Date(Date.parse(createdAt) + offset * 86_400_000).toISOString().slice(0, 10);
    const found = async (range: string): Promise<string[]> =>
      (await api.orders(`customerId=${encodeURIComponent(customerId)}&${range}`)).items.map((item) => item.id);
    expect(await found(`createdFrom=${day(0)}&createdTo=${day(0)}`)).toEqual([id]);
    expect(await found(`createdTo=${day(-1)}`)).toEqual([]);
    expect(await found(`createdFrom=${day(1)}`)).toEqual([]);
    expect(await found(`createdTo=${encodeURIComponent(createdAt)}`)).toEqual([]);
    expect((await api.order(id, `?asOf=${day(0)}`)).id).toBe(id);
    expect((await api.call('GET', `/orders/${id}?asOf=${day(-1)}`)).status).toBe(404);
  });

  test('by its customer, whatever the channel calls them', async () => {
    const { api } = system;
    const some = randomUUID();
    for (const customerId of [`K-${some}`, `Ünï ${some} 💡`, some, `${'x'.repeat(64)}${some}`]) {
      const order = await api.placeOrder({ customerId });
      expect(order.customerId).toBe(customerId);
      const found = await api.orders(`customerId=${encodeURIComponent(customerId)}`);
      expect(found.items).toMatchObject([{ id: order.id, customerId }]);
      expect((await api.events(order.id))[0]!.data).toMatchObject({ customerId });
      expect(await api.order(order.id)).toMatchObject({ customerId });
    }
    // Capitals matter, but for the digits of a UUID.
    expect((await api.orders(`customerId=k-${some}`)).items).toEqual([]);
    expect((await api.orders(`customerId=${some.toUpperCase()}`)).items).toHaveLength(1);
    for (const customerId of ['', ' ', 'a\u0000b', 'a\nb', 'x'.repeat(101), 7]) {
      const refused = await api.postOrder({ customerId });
      expect([customerId, refused.status, refused.body.errors?.[0]?.pointer]).toEqual([customerId, 400, '/customerId']);
    }
  });

  test('of a guest goes all the way to the invoice without a customer', async () => {
    const { api } = system;
    const { id } = await api.placeOrder({ customerId: undefined, reference: `G-${randomUUID()}` });
    await api.untilStatus(id, 'READY_FOR_SHIPMENT');
    const shipment = await api.firstShipment(id);
    await api.dispatch(shipment.id);
    await api.deliver(shipment.id);
    expect(await api.untilStatus(id, 'COMPLETED')).not.toHaveProperty('customerId');
    expect(await api.invoice(id)).not.toHaveProperty('customerId');
    expectSoundLog(id, await api.events(id));
  });
});

describe('money', () => {
  test('is in a currency of the present list', async () => {
    const { api } = system;
    const sku = await api.product();
    expect((await api.placeOrder({ sku, currency: 'XCG', unitPrice: '9.95' })).totalAmount).toBe('9.95');
    for (const [currency, says] of [
      ['ANG', 'use XCG'],
      ['BGN', 'use EUR'],
      ['EUX', 'not an ISO 4217 code'],
    ] as const) {
      const refused = await api.postOrder({ sku, currency });
      expect([refused.status, refused.body.code]).toEqual([422, 'UNKNOWN_CURRENCY']);
      expect(refused.body.detail).toContain(says);
      const product = await api.call<{ code: string }>('PUT', `/products/${sku}`, {
        body: { name: 'X', price: '1', currency },
      });
      expect([product.status, product.body.code]).toEqual([422, 'UNKNOWN_CURRENCY']);
    }
    expect(await api.putProduct(sku, { price: '0009.5', currency: 'EUR' })).toMatchObject({ price: '9.50' });
  });

  test('given back is recorded in the scale of its currency', async () => {
    const { api } = system;
    const { id } = await api.placeOrder({ unitPrice: '10' });
    await api.untilStatus(id, 'READY_FOR_SHIPMENT');
    const answer = await api.command(id, 'refunds', { amount: '2', reason: 'kind' });
    expect(answer.body.refunds).toMatchObject([{ amount: '2.00' }]);
  });
});

describe('the log', () => {
  test('names who amended, dispatched, delivered, completed and returned', async () => {
    const { api } = system;
    const { id } = await api.placeOrder();
    await api.untilStatus(id, 'READY_FOR_SHIPMENT');
    const packer = api.as(await api.newKey('operator'));
    await api.amend(id, { reference: 'PO-9' });
    const shipment = await api.firstShipment(id);
    expect((await packer.dispatch(shipment.id)).status).toBe(200);
    await api.untilStatus(id, 'SHIPPED');
    expect((await packer.deliver(shipment.id)).status).toBe(200);
    await api.untilStatus(id, 'COMPLETED');
    const returned = await api.command(id, 'returns', { reason: 'too small' });
    await packer.command(id, `returns/${returned.body.returns[0]!.returnId}/receive`);
    const events = await api.untilEvent(id, 'OrderReturnReceived');
    const byOf = (type: string): unknown =>
      (events.find((event: CloudEvent) => event.type === type)!.data as { by?: string }).by;
    const self = byOf('OrderAmended');
    expect(self).toMatch(/./);
    expect(byOf('OrderReturnRequested')).toBe(self);
    const packedBy = byOf('ShipmentDispatched');
    expect(packedBy).toMatch(/^operator-/);
    for (const type of ['OrderShipped', 'ShipmentDelivered', 'OrderCompleted', 'OrderReturnReceived'])
      expect([type, byOf(type)]).toEqual([type, packedBy]);

    const other = await api.placeOrder();
    await api.untilStatus(other.id, 'READY_FOR_SHIPMENT');
    await api.dispatch((await api.firstShipment(other.id)).id);
    await api.untilStatus(other.id, 'SHIPPED');
    await packer.command(other.id, 'complete');
    const completed = (await api.events(other.id)).find((event) => event.type === 'OrderCompleted')!;
    expect(completed.data).toMatchObject({ by: packedBy });
  });
});

describe('a review', () => {
  test('and its order show the same deadline, and the hold names the review', async () => {
    const { api } = system;
    const { id } = await api.placeOrder({ requiresReview: true });
    const order = await api.untilStatus(id, 'RESERVED');
    const review = await api.reviewOf(id);
    expect(order.deadlineAt).toBe(review.deadlineAt);
    expect(order.holds).toMatchObject([{ type: 'review', reviewId: review.id, endsAt: review.deadlineAt }]);
    expect((await api.get<{ items: { id: string }[] }>(`/reviews?orderId=${id}`)).items).toMatchObject([
      { id: review.id },
    ]);
    const release = await api.command(id, 'release', { type: 'review' });
    expect([release.status, release.body.code]).toEqual([409, 'ACTION_NOT_ALLOWED']);
    expect(release.body.detail).toContain(review.id);
    expect(order.refusedActions.release!.reason).toContain(review.id);
  });
});
