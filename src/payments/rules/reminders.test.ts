import { describe, expect, test } from 'vitest';
import { payment, type PaymentStory } from '#tests/support/payment-story.ts';

const DAY_MS = 24 * 3_600_000;
const reminders = { everyMs: 3 * DAY_MS, max: 2 };

/** An order whose customer transfers the money, and the reminders of it. */
function transfer(token = 'bank_transfer', max = reminders.max): PaymentStory {
  const story = payment({ providers: new Set(['manual']), reminders: { ...reminders, max } });
  return story.paymentRequested({ provider: 'manual', token });
}
const receipt = (amount: string) => ({
  id: 'r',
  amount,
  date: '2026-11-28',
  by: 'ada',
  at: '2026-11-28T12:00:00.000Z',
});
const due = (story: PaymentStory, days: number): unknown[] =>
  story.later(Math.round(days * DAY_MS)).data.map((data) => (data as { reminder?: unknown }).reminder);

describe('a customer who is to transfer money', () => {
  test('is reminded of what has not come, so often and no more', () => {
    const story = transfer();
    expect(due(story, 2.9)).toEqual([]);
    expect(due(story, 0.1)).toEqual([{ number: 1, due: '19.90', received: '0.00', currency: 'EUR' }]);
    expect(due(story, 1)).toEqual([]);
    story.when({ type: 'receive', receipt: receipt('10.00') });
    expect(due(story, 2)).toEqual([{ number: 2, due: '9.90', received: '10.00', currency: 'EUR' }]);
    expect(due(story, 30)).toEqual([]);
    expect(story.operation).toMatchObject({ reminders: 2, state: 'awaiting_provider' });
    expect(story.operation.nextAttemptAt).toBeUndefined();
  });

  test('is left alone once all of it is here, or the order has ended', () => {
    const paid = transfer().when({ type: 'receive', receipt: receipt('19.90') });
    expect(due(paid, 10)).toEqual([]);
    expect(due(transfer().orderCancelled(), 10)).toEqual([]);
  });

  test.each(['cash_on_delivery', 'paid_elsewhere'])('is not who pays by %s, and is not reminded', (token) => {
    expect(due(transfer(token), 10)).toEqual([]);
  });

  test('is never reminded where nobody wants that', () => {
    expect(due(transfer('bank_transfer', 0), 10)).toEqual([]);
  });
});

describe('what was too much', () => {
  const give = (story: PaymentStory, amount: string) => story.when({ type: 'giveBack', receipt: receipt(amount) });

  test('is given back in parts, each recorded, and no more than there is', () => {
    const story = transfer().when({ type: 'receive', receipt: receipt('25.00') });
    expect(give(story, '5.11').refused).toBe('ACTION_NOT_ALLOWED');
    expect(give(give(story, '5.00'), '0.10').payment.receipts?.map(({ amount }) => amount)).toEqual([
      '25.00',
      '-5.00',
      '-0.10',
    ]);
    expect(give(story, '0.01').refused).toBe('ACTION_NOT_ALLOWED');
    expect(give(story, '0.00').refused).toBe('AMOUNT_INVALID');
    expect(story.payment).toMatchObject({ captured: 1990n, refunded: 0n });
  });

  test('is not what an order still waits for, and what was given back pays for nothing', () => {
    const story = transfer().when({ type: 'receive', receipt: receipt('10.00') });
    expect(give(story, '1.00').refused).toBe('ACTION_NOT_ALLOWED');
    const ended = transfer()
      .when({ type: 'receive', receipt: receipt('10.00') })
      .orderCancelled();
    expect(give(ended, '10.00').payment.receipts).toHaveLength(2);
    expect(give(ended, '0.01').refused).toBe('ACTION_NOT_ALLOWED');
  });
});
