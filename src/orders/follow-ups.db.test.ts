import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Service } from '#platform/service.ts';
import { orderBody } from '#tests/support/api.ts';
import { useOneService } from '#tests/support/one-service.ts';
import { NO_PEERS } from '#tests/support/peers.ts';
import { orders } from './service.ts';
import { type FollowUp, followUpsOf } from './store/follow-ups.ts';

/** Orders that send goods again, on a real PostgreSQL. */

const one = useOneService(orders);
const WITH_PRODUCTS = {
  ...NO_PEERS,
  lookupProducts: async ({ skus }: { skus: readonly string[] }) =>
    skus.map((sku) => ({ id: randomUUID(), sku, name: sku })),
};

async function post(service: Service, url: string, body: object): Promise<Record<string, unknown>> {
  const headers = { 'idempotency-key': randomUUID() };
  const answer = await one.api(service).inject({ method: 'POST', url, headers, body });
  expect(answer.statusCode, answer.body).toBe(201);
  return answer.json();
}

/** An order all of which has left in one parcel that was lost. */
async function lostOrder(service: Service): Promise<{ id: string; shipmentId: string }> {
  const { id, totalAmount } = (await post(service, '/orders', orderBody({ sku: 'MUG' }))) as Record<string, string>;
  const items = [{ sku: 'MUG', quantity: 1 }];
  const shipmentId = randomUUID();
  await one.happen(
    one.event(id!, 'StockReserved', { allocations: [{ sku: 'MUG', location: 'main', quantity: 1 }] }),
    one.event(id!, 'PaymentSucceeded', { amount: totalAmount!, captured: totalAmount! }),
    one.event(id!, 'ShipmentDispatched', { shipmentId, items }),
    one.event(id!, 'ShipmentFailed', { shipmentId, kind: 'lost' }),
  );
  await one.eventually(
    () => one.database.query<{ status: string }>('select status from orders.order_states where order_id = $1', [id]),
    ([row]) => row?.status === 'SHIPPED',
  );
  return { id: id!, shipmentId };
}

const stored = async (id: string): Promise<FollowUp | undefined> => (await followUpsOf(one.database, [id])).get(id);

test('a replacement that cannot be placed is kept with the reason, and is placed once it can be', async () => {
  const { id, shipmentId } = await lostOrder(await one.start({}, { peers: WITH_PRODUCTS }));
  await one.stopAll();
  // A process that has not met the product, which is gone after the claim was taken.
  let asked = 0;
  const lookupProducts: typeof WITH_PRODUCTS.lookupProducts = async (keys) =>
    asked++ === 0 ? WITH_PRODUCTS.lookupProducts(keys) : [];
  const service = await one.start({}, { peers: { ...NO_PEERS, lookupProducts } });
  const claim = { shipmentId, kind: 'lost', resolution: 'reship', reason: 'traced in vain' };
  const { claims } = (await post(service, `/orders/${id}/claims`, claim)) as { claims: { followUpId: string }[] };
  const { followUpId } = claims[0]!;
  const refused = await one.eventually(
    () => stored(followUpId),
    (found) => found?.refusal !== undefined,
  );
  expect(refused).toEqual({
    status: undefined,
    awaited: true,
    refusal: expect.stringContaining('names no product') as string,
  });
  await one.stopAll();
  await one.start({}, { peers: WITH_PRODUCTS });
  await one.eventually(
    () => stored(followUpId),
    (found) => found?.status === 'CREATED',
  );
});
