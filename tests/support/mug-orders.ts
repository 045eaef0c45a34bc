import { uuidv7 } from 'uuidv7';
import type { ApiClient } from '#cli/client.ts';

/** Places an order for one mug, as the tests of `olms replay` do, and returns its id. */
export async function placeMug(api: ApiClient, token: string, more: object = {}): Promise<string> {
  const { id } = await api.placeOrder({
    customerId: uuidv7(),
    currency: 'EUR',
    items: [{ sku: 'MUG', quantity: 1, unitPrice: '9.95' }],
    contact: { email: 'ann@example.org' },
    payment: { token },
    ...more,
  });
  return id;
}
