import { type Refusal, refuse } from '#contracts/errors.ts';
import { amountMinor, formatAmount, parseAmount } from '#contracts/money.ts';
import { MANUAL } from '#contracts/payment-providers.ts';
import type { Decision } from './decision.ts';
import type { Payment, Receipt } from './model.ts';
import { isOpen } from './operation.ts';

/**
 * Money that people receive for an order: bank transfers, cash, what a marketplace pays out. It may come in parts, late,
 * and too much; what is asked of the order is settled as soon as enough of it is there.
 */

/** Receipts of one payment, at most: each is stored with it. */
const RECEIPTS_MAX = 100;

/**
 * What was received, given back of it and asked for, in minor units: `due` is still to come, `overpaid` is more than was
 * asked for and is still here.
 */
export function received(payment: Payment): { received: bigint; givenBack: bigint; due: bigint; overpaid: bigint } {
  let taken = 0n;
  let givenBack = 0n;
  for (const receipt of payment.receipts ?? []) {
    const amount = amountMinor(receipt.amount, payment.currency);
    if (amount > 0n) taken += amount;
    else givenBack -= amount;
  }
  const sum = taken - givenBack;
  let asked = payment.captured;
  for (const operation of payment.operations)
    if (isOpen(operation) && (operation.kind === 'charge' || operation.kind === 'capture'))
      asked += amountMinor(operation.amount, payment.currency);
  return { received: taken, givenBack, due: sum < asked ? asked - sum : 0n, overpaid: sum > asked ? sum - asked : 0n };
}

/** Why no such receipt can be recorded; undefined where it can. */
export function receiptProblem(payment: Payment, receipt: Receipt): Refusal | undefined {
  if (payment.provider !== MANUAL)
    return refuse(
      'ACTION_NOT_ALLOWED',
      `The order is paid by ${payment.provider}, which reports by itself what it received.`,
    );
  const amount = parseAmount(receipt.amount, payment.currency);
  if (amount === undefined || amount <= 0n)
    return refuse('AMOUNT_INVALID', `Say more than nothing, as an amount in ${payment.currency}.`);
  if ((payment.receipts?.length ?? 0) >= RECEIPTS_MAX)
    return refuse('ACTION_NOT_ALLOWED', `A payment has at most ${RECEIPTS_MAX} receipts.`);
  return undefined;
}

/** Notes a receipt, and settles what it is enough for, the oldest first. */
export function receive(decision: Decision, receipt: Receipt): void {
  const { payment } = decision;
  decision.payment = { ...payment, receipts: [...(payment.receipts ?? []), receipt] };
  const { received: taken, givenBack } = received(decision.payment);
  let left = taken - givenBack - payment.captured;
  for (const operation of payment.operations) {
    if (!isOpen(operation) || (operation.kind !== 'charge' && operation.kind !== 'capture')) continue;
    const wanted = decision.minor(operation);
    if (wanted > left) return;
    left -= wanted;
    decision.succeed(operation, receipt.reference ?? receipt.id);
  }
}

/** Why so much cannot have been given back; undefined where it can. */
export function giveBackProblem(payment: Payment, receipt: Receipt): Refusal | undefined {
  const problem = receiptProblem(payment, receipt);
  if (problem) return problem;
  const { overpaid } = received(payment);
  if (amountMinor(receipt.amount, payment.currency) <= overpaid) return undefined;
  const text = formatAmount(overpaid, payment.currency);
  return refuse(
    'ACTION_NOT_ALLOWED',
    `${text} ${payment.currency} is here that was not asked for, and no more. Money of the order is given back by a refund.`,
  );
}

/** Notes that a person gave back what was too much. */
export function giveBack(decision: Decision, receipt: Receipt): void {
  const { payment } = decision;
  const given: Receipt = { ...receipt, amount: `-${receipt.amount}` };
  decision.payment = { ...payment, receipts: [...(payment.receipts ?? []), given] };
}
