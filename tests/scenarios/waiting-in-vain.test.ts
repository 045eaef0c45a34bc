import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { orderBody } from '#tests/support/api.ts';
import { useSystem } from '#tests/support/system.ts';
import type { Order } from '#tests/support/views.ts';

/** The decision comes after the caller's patience has ended: what was answered then stays the answer. */

const system = useSystem({
  env: { SANDBOX_CARRIER_DELAY_MS: 'off', PAYMENTS_TIMEOUT_MS: '2500', PAYMENTS_CANCEL_SAFETY_MS: '30000' },
});

test('a caller who waits in vain is answered alike when it asks again, also once it is decided', async () => {
  const { api } = system;
  const sku = await api.product();
  const [body, key] = [orderBody({ sku, token: 'tok_timeout' }), randomUUID()];
  const send = (): ReturnType<typeof api.call<Order>> =>
    api.call<Order>('POST', '/orders', { body, key, headers: { prefer: 'wait=1' } });
  const [first, second] = await Promise.all([send(), send()]);
  expect(first.body.status).toBe('RESERVED');
  expect(second.text).toBe(first.text);
  await api.untilOrder(first.body.id, 'further', ({ status }) => status !== 'RESERVED', 20_000);
  expect((await send()).text).toBe(first.text);
});
