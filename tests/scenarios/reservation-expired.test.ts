import { expect, test } from 'vitest';
import { expectNoMoneyHeld } from '#tests/support/money.ts';
import { useSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';

/** A provider slower than the reservation may last: the order ends, and the charge that went through is undone. */

const system = useSystem({
  env: {
    ORDERS_RESERVATION_DEADLINE_MS: '300',
    PAYMENTS_TIMEOUT_MS: '4000',
    SANDBOX_SLOW_MS: '3000',
    PAYMENTS_CANCEL_SAFETY_MS: '8000',
  },
});

test('a reservation that is not paid in time is given back, and the late charge refunded', async () => {
  const { api, provider } = system;
  const sku = await api.product(1);
  const { id } = await api.placeOrder({ sku, token: 'tok_timeout' });
  const ended = await api.untilStatus(id, 'CANCELLED');
  expect(ended.endReason).toBe('not paid in time');
  await until('the stock to be released', async () => (await api.stock(sku)).available === 1);
  await until('the refund', async () => (await provider.of(id))[0]?.refunded === '10.00');
  await expectNoMoneyHeld(system, id);
});
