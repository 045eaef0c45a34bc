import { type Refusal, refuse } from '#contracts/errors.ts';
import { amountMinor } from '#contracts/money.ts';
import { type EventData, EXTERNAL, type OrderEvent } from '#contracts/order-events.ts';
import { isByHand, MANUAL, ON_DELIVERY, PAYMENT_PROVIDERS } from '#contracts/payment-providers.ts';
import { type Ignored, type Outcome, type Rules, ignore } from '#platform/processor/aggregate.ts';
import { isNews, look, takeBooks } from './rules/books.ts';
import { Decision, type DecisionContext } from './rules/decision.ts';
import {
  type CaptureMode,
  ABANDONED,
  disputedOf,
  type Payment,
  type PaymentCommand,
  type PaymentEffect,
  type PaymentRulesOptions,
  UNKNOWN_PROVIDER,
} from './rules/model.ts';
import { remind } from './rules/reminders.ts';
import { giveBack, giveBackProblem, receiptProblem, receive } from './rules/receipts.ts';
import {
  awaitsCustomer,
  holdsMoney,
  isOpen,
  isReturned,
  newOperation,
  type Operation,
  type OperationKind,
  succeeded,
} from './rules/operation.ts';

/**
 * What happens to the money of an order. Decides which operations a provider is asked for, what their
 * outcome means, and how each is undone. An operation is saved before its first call; as long as nobody
 * knows its outcome it is asked for by its key, and repeated only under that same key.
 */

export type PaymentRules = Rules<Payment, PaymentCommand, PaymentEffect>;

function requested(
  event: OrderEvent<'OrderPaymentRequested'>,
  context: DecisionContext,
  options: PaymentRulesOptions,
): Outcome<Payment, PaymentEffect> {
  const { provider, token, currency } = event.data;
  const amount = amountMinor(event.data.amount, currency);
  return begun(
    {
      orderId: event.subject,
      provider,
      token,
      currency,
      status: 'PENDING',
      amount,
      authorized: 0n,
      captured: 0n,
      voided: 0n,
      refunded: 0n,
      operations: [],
      cancelRequested: false,
      pendingReported: false,
    },
    event,
    context,
    options,
  );
}

/** After the payment failed: the money is asked for once more, with what is given now. What was refused stays on record. */
function requestedAgain(
  event: OrderEvent<'OrderPaymentRequested'>,
  payment: Payment,
  context: DecisionContext,
  options: PaymentRulesOptions,
): Outcome<Payment, PaymentEffect> {
  const { provider, token } = event.data;
  return begun(
    {
      ...payment,
      provider,
      token,
      status: 'PENDING',
      amount: amountMinor(event.data.amount, payment.currency),
      chargeReference: undefined,
      operations: payment.operations.map((operation) => ({ provider: payment.provider, ...operation })),
      pendingReported: false,
    },
    event,
    context,
    options,
  );
}

/** A payment with the first operation of what is asked for now. */
function begun(
  payment: Payment,
  event: OrderEvent<'OrderPaymentRequested'>,
  context: DecisionContext,
  options: PaymentRulesOptions,
): Outcome<Payment, PaymentEffect> {
  const { provider, amount } = payment;
  const decision = new Decision(payment, context, options);
  if (amount === 0n) decision.succeedWithoutProvider();
  else if (provider === EXTERNAL) decision.settleElsewhere(amount, event);
  else if (!options.providers.has(provider)) decision.failPayment(UNKNOWN_PROVIDER);
  else decision.begin(takesAtOnce(payment, options) ? 'charge' : 'authorize', amount, event);
  return decision.outcome;
}

/** Whether the money is asked for before the goods leave. */
function takesAtOnce({ provider, token }: Payment, { capture }: PaymentRulesOptions): boolean {
  return provider === MANUAL ? token !== ON_DELIVERY : capture === 'automatic';
}

/** What another system was paid for an order of the past, and gave back: it is known, and nothing follows. */
function imported(
  { subject, data, correlationid, traceparent }: OrderEvent<'OrderImported'>,
  { newId }: DecisionContext,
): Outcome<Payment, PaymentEffect> {
  const { currency, paidAmount, refundedAmount, refunds, origin } = data;
  const captured = amountMinor(paidAmount, currency);
  const operation = (kind: OperationKind, amount: string, refundId?: string): Operation => {
    const id = newId();
    return succeeded(newOperation(id, id, { kind, amount, refundId }, { correlationid, traceparent }), origin.number);
  };
  const payment: Payment = {
    orderId: subject,
    provider: EXTERNAL,
    token: EXTERNAL,
    currency,
    status: data.paymentStatus,
    amount: amountMinor(data.totalAmount, currency),
    authorized: captured,
    captured,
    voided: 0n,
    refunded: amountMinor(refundedAmount, currency),
    chargeReference: origin.number,
    operations: [
      ...(captured > 0n ? [operation('charge', paidAmount)] : []),
      ...refunds.map(({ refundId, amount }) => operation('refund', amount, refundId)),
    ],
    cancelRequested: false,
    pendingReported: false,
  };
  return { state: payment, events: [] };
}

function cancelled(
  event: OrderEvent<'OrderCancelled'>,
  payment: Payment,
  context: DecisionContext,
  options: PaymentRulesOptions,
): Outcome<Payment, PaymentEffect> {
  const decision = new Decision({ ...payment, cancelRequested: true }, context, options);
  for (const operation of payment.operations) {
    if (!isOpen(operation) || !holdsMoney(operation)) continue;
    if (operation.calls === 0) decision.abandon(operation);
    // So that the customer cannot pay any more what nobody wants.
    else if (awaitsCustomer(operation)) decision.refresh(operation);
  }
  decision.undo(event);
  return decision.outcome;
}

function refundRequested(
  event: OrderEvent<'OrderRefundRequested'>,
  payment: Payment,
  context: DecisionContext,
  options: PaymentRulesOptions,
): Outcome<Payment, PaymentEffect> | Ignored {
  const { refundId, amount } = event.data;
  if (payment.operations.some((operation) => operation.refundId === refundId))
    return ignore('the refund was requested before');
  if (event.data.atProvider) return ignore('the money has gone back already');
  const decision = new Decision(payment, context, options);
  const wanted = amountMinor(amount, payment.currency);
  let refundable = payment.captured - payment.refunded;
  const isDisputed = disputedOf(payment) > 0n;
  for (const operation of payment.operations)
    if (operation.kind === 'refund' && isOpen(operation)) refundable -= decision.minor(operation);
  if (wanted > 0n && wanted <= refundable && !isDisputed) decision.begin('refund', wanted, event, refundId);
  else
    decision.events.push({
      type: 'PaymentRefundFailed',
      data: {
        refundId,
        reason: wanted <= 0n ? 'amount_invalid' : isDisputed ? 'payment_disputed' : 'exceeds_captured',
      } satisfies EventData<'PaymentRefundFailed'>,
    });
  return decision.outcome;
}

/**
 * Captures what left with a parcel. With the last one nothing more will leave: what is held beyond it is given up. An
 * event that says no amount comes from before captures followed the parcels: then all is captured with the last.
 */
function shipped(
  event: OrderEvent<'OrderPartiallyShipped' | 'OrderShipped' | 'OrderShippingClosed'>,
  payment: Payment,
  context: DecisionContext,
  options: PaymentRulesOptions,
): Outcome<Payment, PaymentEffect> | Ignored {
  const decision = new Decision(payment, context, options);
  const last = event.type !== 'OrderPartiallyShipped';
  const held = decision.uncommitted;
  const { amount } = event.data;
  const wanted = amount === undefined ? (last ? held : 0n) : amountMinor(amount, payment.currency);
  const capture = wanted < held ? wanted : held;
  if (capture > 0n) decision.begin('capture', capture, event);
  if (last && held > capture) decision.begin('void', held - capture, event);
  return decision.payment === payment ? ignore('nothing authorized waits for its capture') : decision.outcome;
}

/** Whether its provider can be asked for all that it has of a payment. */
function hasBooks({ provider }: Payment): boolean {
  return PAYMENT_PROVIDERS[provider]?.books === true;
}

const DISPATCHES: readonly string[] = [
  'OrderPartiallyShipped',
  'OrderShipped',
  'OrderShippingClosed',
] satisfies OrderEvent['type'][];

/**
 * The events worth reading under a capture mode. Where nothing is ever captured late, reading dispatches would cost a
 * write per order for nothing; authorizations made under `on_dispatch` may still wait for it, whatever the mode is now.
 */
export function eventsToRead(
  { consumes }: Pick<PaymentRules, 'consumes'>,
  capture: CaptureMode,
  capturesOutstanding: boolean,
): PaymentRules['consumes'] {
  const shipments = capture === 'on_dispatch' || capturesOutstanding;
  return shipments ? consumes : consumes.filter((type) => !DISPATCHES.includes(type));
}

/** The rules of payments under given settings. */
export function paymentRules(options: PaymentRulesOptions): PaymentRules {
  return {
    source: '/olms/payments',
    consumes: [
      'OrderImported',
      'OrderPaymentRequested',
      'OrderCancelled',
      'OrderRefundRequested',
      'OrderPartiallyShipped',
      'OrderShipped',
      'OrderShippingClosed',
    ],
    react(event, payment, context) {
      if (event.type === 'OrderPaymentRequested') {
        if (!payment) return requested(event, context, options);
        return payment.status === 'FAILED' && !payment.cancelRequested
          ? requestedAgain(event, payment, context, options)
          : ignore('the payment was requested before');
      }
      if (event.type === 'OrderImported') {
        if (payment) return ignore('the payment is known already');
        return event.data.paymentStatus === 'NONE' ? ignore('nothing was paid') : imported(event, context);
      }
      if (!payment) {
        if (event.type === 'OrderCancelled') return ignore('no payment was ever requested');
        throw new Error(`${event.type} for an order without a payment`);
      }
      switch (event.type) {
        case 'OrderCancelled':
          return payment.cancelRequested
            ? ignore('the order was cancelled before')
            : cancelled(event, payment, context, options);
        case 'OrderRefundRequested':
          return refundRequested(event, payment, context, options);
        case 'OrderPartiallyShipped':
        case 'OrderShipped':
        case 'OrderShippingClosed':
          return shipped(event, payment, context, options);
        default:
          return ignore('no concern of payments');
      }
    },
    decide(command, payment, context): Outcome<Payment, PaymentEffect> | Refusal {
      if (!payment) return refuse('NOT_FOUND', 'The order has no payment.');
      const decision = new Decision(payment, context, options);
      if (command.type === 'due') {
        for (const operation of payment.operations) {
          if (!isOpen(operation) || isReturned(operation)) continue;
          if ((operation.nextAttemptAt ?? context.nowMs) > context.nowMs) continue;
          if (!isByHand(payment.provider)) decision.due(operation);
          else if (options.reminders && operation.nextAttemptAt !== undefined)
            remind(decision, operation, options.reminders, context.nowMs);
        }
        const { look: due } = payment;
        if (due && due.atMs <= context.nowMs) look(decision, context.nowMs, due.attempts);
        // By the table something is due. Where nothing is, this may be an old copy of the row that another process
        // went beyond: saving it fails on the revision then, and the command is decided on the present row.
        if (decision.payment === payment) decision.payment = { ...payment };
        return decision.outcome;
      }
      if (command.type === 'refresh') {
        // What is settled here may have changed there.
        if (hasBooks(payment) && !payment.look) look(decision, context.nowMs);
        if (!isByHand(payment.provider))
          for (const operation of payment.operations) if (isOpen(operation)) decision.refresh(operation);
        return decision.outcome;
      }
      if (command.type === 'news') {
        if (hasBooks(payment)) look(decision, context.nowMs);
        return decision.outcome;
      }
      if (command.type === 'books') {
        takeBooks(decision, command.look, command.result, context.nowMs);
        return decision.outcome;
      }
      if (command.type === 'retry') {
        const again = payment.operations.find(({ id }) => id === command.operationId);
        if (again) decision.retry(again);
        return decision.outcome;
      }
      if (command.type === 'receive') {
        const problem = receiptProblem(payment, command.receipt);
        if (problem) return problem;
        receive(decision, command.receipt);
        return decision.outcome;
      }
      if (command.type === 'giveBack') {
        const problem = giveBackProblem(payment, command.receipt);
        if (problem) return problem;
        giveBack(decision, command.receipt);
        return decision.outcome;
      }
      const operation = payment.operations.find((candidate) => candidate.key === command.key);
      if (!operation) return refuse('NOT_FOUND', 'The payment has no such operation.');
      const { result } = command;
      // The first report decides. Only money that turns up after all, for a charge that was given up, is
      // news: it has to be given back.
      const turnedUp = operation.reason === ABANDONED && (result.type === 'approved' || result.type === 'pending');
      if (isOpen(operation) || (operation.state === 'failed' && turnedUp))
        decision.record(operation, result, command.call);
      else if (result.type === 'changed' && hasBooks(payment) && isNews(payment, result)) look(decision, context.nowMs);
      return decision.outcome;
    },
  };
}
