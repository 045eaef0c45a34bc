import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Api } from '#tests/support/api.ts';
import { Graph } from '#tests/support/graph.ts';
import { expectChargedOnce } from '#tests/support/money.ts';
import { SseClient } from '#tests/support/sse.ts';
import { useSystem } from '#tests/support/system.ts';
import type { Order, Page } from '#tests/support/views.ts';

/** A customer has to act before a payment goes on: what they act with is for them and for who placed the order. */

const system = useSystem();
let sku = '';
let shop: Api;

const keyOf = async (role: string, customer?: string): Promise<string> => {
  const body = { name: `${role}-${randomUUID().slice(0, 8)}`, role, ...(customer !== undefined && { customer }) };
  return (await system.api.ok<{ key: string }>('POST', '/api-keys', { body })).key;
};

beforeAll(async () => {
  sku = await system.api.product(1_000);
  shop = system.api.as(await keyOf('client'));
});

const place = (customerId: string, token: string): Promise<Order> =>
  shop.placeOrder({ sku, customerId, token }, { wait: 10 });
const confirm = (order: Order, body: object): Promise<Response> =>
  system.provider
    .of(order.id)
    .then(([charge]) =>
      fetch(`${system.provider.url}/v1/charges/${charge!.id}/confirm`, { method: 'POST', body: JSON.stringify(body) }),
    );

describe('an order whose customer has to act', () => {
  test('says so, and shows with what to the customer and to who placed it, and to nobody else by any way', async () => {
    const ada = `ada-${randomUUID()}`;
    const stream = await SseClient.open(`${system.api.url}/stream`, system.key);
    const order = await place(ada, 'tok_3ds');
    expect(order).toMatchObject({ status: 'PAYMENT_PENDING', paymentStatus: 'REQUIRES_ACTION' });
    const { clientSecret, type, expiresAt } = order.nextAction!;
    expect(type).toBe('client_secret');
    expect(Date.parse(expiresAt)).toBeGreaterThan(Date.now());
    const asks = (api: Api): Promise<readonly string[]> =>
      Promise.all([
        api.call('GET', `/orders/${order.id}`).then(({ text }) => text),
        api.call('GET', `/orders/details?id=${order.id}`).then(({ text }) => text),
        api.call('GET', `/orders/details?id=${order.id}&fields=id,nextAction`).then(({ text }) => text),
        new Graph(api)
          .call('query ($id: ID!) { order(id: $id) { paymentStatus nextAction { clientSecret } } }', { id: order.id })
          .then(({ text }) => text),
      ]);
    for (const api of [shop, system.api.as(await keyOf('customer', ada))])
      for (const answer of await asks(api)) expect(answer).toContain(clientSecret);
    for (const key of [system.key, await keyOf('operator'), await keyOf('support'), await keyOf('client')]) {
      const api = system.api.as(key);
      const answers = await asks(api);
      expect(answers[0]).toContain('REQUIRES_ACTION');
      for (const answer of answers) expect(answer).not.toContain(clientSecret);
      for (const path of [`/orders?id=${order.id}`, `/orders/${order.id}/events`, `/payments?orderId=${order.id}`])
        expect((await api.call('GET', path)).text).not.toContain(clientSecret);
    }
    const bob = system.api.as(await keyOf('customer', `bob-${randomUUID()}`));
    for (const answer of await asks(bob)) expect(answer).not.toContain(clientSecret);
    expect((await bob.call('POST', `/payments/${order.id}/refresh`)).status).toBe(404);
    expect((await confirm(order, { clientSecret: 'cs_guessed', outcome: 'succeeded' })).status).toBe(403);
    expect((await confirm(order, { clientSecret, outcome: 'succeeded' })).status).toBe(200);
    const done = await shop.untilStatus(order.id, 'COMPLETED');
    expect(done).toMatchObject({ paymentStatus: 'CAPTURED' });
    expect(done.nextAction).toBeUndefined();
    await expectChargedOnce(system, order.id);
    expect(stream.events.map(({ data }) => data).join()).not.toContain(clientSecret);
    stream.close();
  });

  test('goes on when they come back from the page of their bank', async () => {
    const customer = system.api.as(await keyOf('customer', 'eve'));
    const order = await place('eve', 'tok_3ds_redirect');
    const { type, url, clientSecret } = (await customer.order(order.id)).nextAction!;
    expect([type, clientSecret]).toEqual(['redirect', undefined]);
    const page = await (await fetch(url!)).text();
    expect(page).toContain('10.00 EUR');
    expect((await fetch(url!.replace(/secret=.*/, 'secret=cs_guessed'))).status).toBe(404);
    await fetch(`${url}&outcome=succeeded`, { method: 'POST' });
    const refreshed = await customer.call<{ orderId: string }>('POST', `/payments/${order.id}/refresh`);
    expect([refreshed.status, refreshed.body.orderId]).toEqual([202, order.id]);
    await customer.untilStatus(order.id, 'COMPLETED');
    await expectChargedOnce(system, order.id);
    const again = await customer.call<{ asked: boolean }>('POST', `/payments/${order.id}/refresh`);
    expect(again.body).toMatchObject({ asked: false });
  });

  test('fails where they do not prove who they are, and is given up at the provider where it is cancelled', async () => {
    const failing = await place('fay', 'tok_3ds');
    await confirm(failing, { clientSecret: failing.nextAction!.clientSecret, outcome: 'failed' });
    expect(await shop.untilStatus(failing.id, 'PAYMENT_FAILED')).toMatchObject({ endReason: 'authentication_failed' });
    const cancelled = await place('fay', 'tok_3ds');
    expect((await shop.cancel(cancelled.id)).status).toBe(200);
    await shop.untilOrder(cancelled.id, 'the payment to be given up', (order) => order.paymentStatus === 'FAILED');
    const [charge] = await system.provider.of(cancelled.id);
    expect(charge).toMatchObject({ status: 'declined' });
    // The secret is worth nothing any more.
    const { clientSecret } = cancelled.nextAction!;
    expect(await (await confirm(cancelled, { clientSecret, outcome: 'succeeded' })).json()).toMatchObject({
      status: 'declined',
    });
    expect((await shop.get<Page<{ status: string }>>(`/payments?orderId=${cancelled.id}`)).items[0]!.status).toBe(
      'FAILED',
    );
  });
});
