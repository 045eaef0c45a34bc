import { expect } from 'vitest';
import type { Api } from './api.ts';
import { burden, units } from './amounts.ts';
import type { BookEntry, SandboxBooks } from './provider.ts';
import { until } from './until.ts';
import type { Payment } from './views.ts';

const isOpen = ({ state }: Payment['operations'][number]): boolean => state !== 'succeeded' && state !== 'failed';

interface Parties {
  readonly api: Api;
  readonly provider: SandboxBooks;
}

/** The payment once no operation of it is open; undefined where the order never asked for one. */
export async function settledPayment(
  { api }: Parties,
  orderId: string,
  timeoutMs = 20_000,
): Promise<Payment | undefined> {
  let last: Payment | undefined;
  return (
    await until(
      `every payment operation of ${orderId} to be settled`,
      async () => {
        last = await api.payment(orderId);
        return (!last || !last.operations.some(isOpen)) && { payment: last };
      },
      { timeoutMs, describe: () => JSON.stringify(last?.operations) },
    )
  ).payment;
}

/** The provider's books and our payment agree, with at most one charge that went through. */
export async function expectBooksAgree(parties: Parties, orderId: string): Promise<readonly BookEntry[]> {
  const payment = await settledPayment(parties, orderId);
  const entries = await parties.provider.of(orderId);
  const approved = entries.filter((entry) => entry.status === 'approved');
  expect(approved.length, `charges of ${orderId} on the provider's books`).toBeLessThanOrEqual(1);
  const [charge] = approved;
  const ours = payment && {
    authorized: payment.authorized,
    captured: payment.captured,
    voided: payment.voided,
    refunded: payment.refunded,
  };
  const theirs = charge && {
    authorized: charge.authorized,
    captured: charge.captured,
    voided: charge.voided,
    refunded: charge.refunded,
  };
  if (theirs) expect(ours, `our payment of ${orderId} against the provider's books`).toEqual(theirs);
  else if (payment)
    expect([payment.authorized, payment.captured].map(units), `our payment of ${orderId} without a charge`).toEqual([
      0n,
      0n,
    ]);
  return entries;
}

/** Exactly one charge went through, and it is the order's total. */
export async function expectChargedOnce(parties: Parties, orderId: string): Promise<void> {
  const { totalAmount } = await parties.api.order(orderId);
  const entries = await expectBooksAgree(parties, orderId);
  expect(entries.map(({ status, captured, refunded }) => ({ status, captured, refunded }))).toEqual([
    { status: 'approved', captured: totalAmount, refunded: expect.stringMatching(/^0(\.0+)?$/) },
  ]);
}

/** An order that ended before shipment holds no money, on either side's books, and the order knows it. */
export async function expectNoMoneyHeld(parties: Parties, orderId: string): Promise<void> {
  const ended = ['NONE', 'FAILED', 'VOIDED', 'REFUNDED'];
  const order = await parties.api.untilOrder(orderId, 'without money', ({ paymentStatus }) =>
    ended.includes(paymentStatus),
  );
  const entries = await expectBooksAgree(parties, orderId);
  expect(burden(entries), `money held for ${orderId}, which says ${order.paymentStatus}`).toBe(0n);
  const charged = entries.some((entry) => entry.status === 'approved');
  if (charged) expect(['VOIDED', 'REFUNDED']).toContain(order.paymentStatus);
}
