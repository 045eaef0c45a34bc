import { expect, test } from 'vitest';
import { useSystem } from '#tests/support/system.ts';

/** An order carries the names that its products have when it is placed. */

const system = useSystem();

test('a product that was renamed has its new name in the next order, and its old one in those before', async () => {
  const { api } = system;
  const sku = await api.product(10);
  await api.putProduct(sku, { name: 'Mug' });
  const before = await api.placeOrder({ sku });
  await api.putProduct(sku, { name: 'Enamel mug' });
  const { id } = await api.ok<{ id: string }>('GET', `/products/${sku}`);
  const [bySku, byId, named] = await Promise.all([
    api.placeOrder({ sku }),
    api.placeOrder({ items: [{ productId: id, quantity: 1, unitPrice: '1.00' }] }),
    api.placeOrder({ items: [{ sku, name: 'Mug, blue', quantity: 1, unitPrice: '1.00' }] }),
  ]);
  expect([bySku, byId, named].map(({ items }) => items[0]!.name)).toEqual(['Enamel mug', 'Enamel mug', 'Mug, blue']);
  expect((await api.order(before.id)).items[0]!.name).toBe('Mug');
});
