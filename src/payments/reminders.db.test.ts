import { uuidv7 } from 'uuidv7';
import { expect, test } from 'vitest';
import { useOneService } from '#tests/support/one-service.ts';
import { payments } from './service.ts';

const DAY_MS = 24 * 3_600_000;

/** Reminders on a real database, under a clock that the test sets. */

const one = useOneService(payments);
const ENV = { PAYMENTS_PROVIDERS: 'sandbox,manual', PAYMENTS_REMINDER_DAYS: '3', PAYMENTS_REMINDERS_MAX: '2' };

test('reminders are due by the clock, once each, also after a restart and with two processes', async () => {
  const order = uuidv7();
  const pending = async (): Promise<(number | undefined)[]> =>
    (await one.emitted(order))
      .filter(({ type }) => type === 'PaymentPending')
      .map(({ data }) => (data as { reminder?: { number: number } }).reminder?.number);
  const come = (count: number): Promise<unknown> => one.eventually(pending, (found) => found.length === count);

  await one.start(ENV);
  const asked = { provider: 'manual', token: 'bank_transfer', amount: '19.90', currency: 'EUR' };
  await one.happen(one.event(order, 'OrderPaymentRequested', asked));
  await come(1);
  await one.stopAll();

  one.clock.aheadMs = 3 * DAY_MS + 1_000;
  const [first, second] = [await one.start(ENV), await one.start(ENV)];
  await come(2);
  one.clock.aheadMs += 3 * DAY_MS + 1_000;
  await come(3);
  one.clock.aheadMs += 30 * DAY_MS;
  for (const service of [first, second]) await service.settled!();
  const { items } = (await one.api(first, 'admin').inject(`/payments?orderId=${order}`)).json() as {
    items: { operations: { reminders: number; nextAttemptAt?: string }[] }[];
  };
  expect(items[0]!.operations[0]).toMatchObject({ reminders: 2 });
  expect(items[0]!.operations[0]!.nextAttemptAt).toBeUndefined();
  expect(await pending()).toEqual([undefined, 1, 2]);
});
