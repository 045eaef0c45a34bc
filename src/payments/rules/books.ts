import { amountMinor } from '#contracts/money.ts';
import type { Decision } from './decision.ts';
import { type Dispute, type Look, type Payment, statusOf } from './model.ts';
import {
  type Cause,
  doubled,
  isOpen,
  isReturned,
  newOperation,
  type OperationKind,
  type ProviderBooks,
  type ProviderResult,
  returned,
  SAFETY_NET_MS,
  succeeded,
} from './operation.ts';

/**
 * What a provider has of a payment beyond what was asked of it: money that people moved there, and disputes. A notice
 * says only that there is news; then the provider is asked for all it has, and what is not booked here is booked.
 */

const FIRST_MS = 1_000;
const MAX_MS = 3_600_000;
/** After that many questions without an answer, about two days, the next notice starts over. */
const ATTEMPTS_MAX = 60;
/** Disputes of one payment, at most: each is stored with it. */
const DISPUTES_MAX = 50;

/** The operation that made the money of the payment. */
export function chargeOf({ operations }: Payment): Payment['operations'][number] | undefined {
  return operations.findLast(({ kind, state }) => state === 'succeeded' && (kind === 'charge' || kind === 'authorize'));
}

/** There is news, or it is time: the provider is asked for its books. */
export function look(decision: Decision, nowMs: number, attempts = 0): void {
  const { payment } = decision;
  const charge = chargeOf(payment);
  if (!charge || attempts >= ATTEMPTS_MAX) return void (decision.payment = { ...payment, look: undefined });
  const number = (payment.look?.number ?? 0) + 1;
  const atMs = nowMs + decision.timeoutMs + SAFETY_NET_MS + doubled(FIRST_MS, attempts, MAX_MS);
  decision.payment = { ...payment, look: { number, attempts: attempts + 1, atMs } };
  decision.call('look', charge, number);
}

/** Whether what a notice says of the payment is not what is booked. */
export function isNews(payment: Payment, { seems }: Extract<ProviderResult, { type: 'changed' }>): boolean {
  if (!seems) return true;
  const { captured, authorized, voided, currency } = payment;
  const differs = (text: string | undefined, minor: bigint): boolean =>
    text !== undefined && amountMinor(text, currency) !== minor;
  return differs(seems.captured, captured) || differs(seems.held, authorized - captured - voided);
}

/** Takes the answer to a question for the books. */
export function takeBooks(decision: Decision, number: number, result: ProviderResult, nowMs: number): void {
  const asked = decision.payment.look?.number === number;
  if (result.type !== 'books') return;
  const isWhole = book(decision, result.books);
  if (!asked) return;
  const { look: present } = decision.payment;
  // What cannot be distinguished while something is asked of the provider is looked at again.
  const after: Look | undefined = isWhole ? undefined : { ...present!, atMs: nowMs + SAFETY_NET_MS };
  decision.payment = { ...decision.payment, look: after };
}

/** Books what is new; false where some of it has to wait. */
function book(decision: Decision, books: ProviderBooks): boolean {
  const charge = chargeOf(decision.payment);
  if (!charge) return true;
  const moving = decision.payment.operations.some(
    (operation) => isOpen(operation) && (operation.kind === 'capture' || operation.kind === 'void'),
  );
  if (!moving) {
    const minor = (text: string): bigint => amountMinor(text, decision.payment.currency);
    const { authorized, captured, voided } = decision.payment;
    const held = authorized - captured - voided;
    const more = minor(books.captured) - captured;
    if (more > 0n && more <= held) move(decision, 'capture', more, charge, charge.providerReference ?? charge.id);
    const gone = held - (more > 0n ? more : 0n) - minor(books.held);
    if (gone > 0n && more >= 0n) move(decision, 'void', gone, charge, charge.providerReference ?? charge.id);
  }
  for (const { reference, key, amount } of books.refunds) {
    const { operations, captured, refunded, currency } = decision.payment;
    const isOurs = operations.some(
      (one) => one.providerReference === reference || (key !== undefined && one.key === key),
    );
    const minor = amountMinor(amount, currency);
    // What came back, and was given back there once more by somebody.
    const waiting = operations.find((one) => isReturned(one) && one.amount === amount);
    if (!isOurs && waiting) decision.succeed(waiting, reference);
    else if (!isOurs && minor > 0n && minor <= captured - refunded) move(decision, 'refund', minor, charge, reference);
  }
  for (const failure of books.failedRefunds ?? []) takeReturn(decision, failure);
  for (const dispute of books.disputes) takeDispute(decision, dispute, charge);
  decision.undo(charge);
  return !moving;
}

/** Books what was done at the provider: by whom and why is known there. */
function move(
  decision: Decision,
  kind: OperationKind,
  minor: bigint,
  cause: Cause,
  reference: string,
  disputeId?: string,
): void {
  const amount = decision.text(minor);
  const { orderId, operations } = decision.payment;
  const key = `${orderId}-${operations.length}-${kind}-at-provider`;
  const made = newOperation(decision.newId(), key, { kind, amount }, cause);
  const operation = succeeded({ ...made, atProvider: true }, reference);
  decision.payment = { ...decision.payment, operations: [...operations, operation] };
  decision.book(operation, disputeId);
}

/** A refund that was done has failed since: its money is here again, and is owed to the customer as before. */
function takeReturn(decision: Decision, { reference, reason }: { reference: string; reason: string }): void {
  const { operations, refunded, captured } = decision.payment;
  const done = operations.find(
    ({ kind, state, providerReference }) =>
      kind === 'refund' && state === 'succeeded' && providerReference === reference,
  );
  if (!done) return;
  decision.replace(returned(done, reason));
  const left = refunded - decision.minor(done);
  const payment = { ...decision.payment, refunded: left };
  decision.payment = { ...payment, status: statusOf(payment) };
  const { status } = decision.payment;
  decision.events.push({
    type: 'PaymentRefundFailed',
    data: {
      refundId: done.refundId ?? done.id,
      reason,
      returned: { amount: done.amount, captured: decision.text(captured), refunded: decision.text(left), status },
    },
  });
}

function takeDispute(decision: Decision, fact: ProviderBooks['disputes'][number], cause: Cause): void {
  const { disputes = [], currency, captured, refunded } = decision.payment;
  const known = disputes.find(({ id }) => id === fact.id);
  if (known ? known.status !== 'open' : disputes.length >= DISPUTES_MAX) return;
  const { id, amount, reason, dueAt, status } = fact;
  const dispute: Dispute = known ?? { id, amount, reason, status: 'open', ...(dueAt !== undefined && { dueAt }) };
  const set = (after: Dispute): void => {
    const others = (decision.payment.disputes ?? []).filter((one) => one.id !== id);
    decision.payment = { ...decision.payment, disputes: [...others, after] };
  };
  if (!known) {
    set(dispute);
    const data = { disputeId: id, amount, currency, reason, ...(dueAt !== undefined && { dueAt }) };
    decision.events.push({ type: 'PaymentDisputed', data });
  }
  if (status === 'open') return;
  // Lost: the provider has taken the money back. That comes first, so that nobody takes it for money that is there.
  const left = captured - refunded;
  const lost = amountMinor(dispute.amount, currency);
  if (status === 'lost' && left > 0n) move(decision, 'refund', lost < left ? lost : left, cause, id, id);
  set({ ...dispute, status });
  decision.events.push({
    type: 'PaymentDisputeClosed',
    data: { disputeId: id, amount: dispute.amount, currency, outcome: status },
  });
}
