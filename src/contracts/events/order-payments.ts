import { Type } from 'typebox';
import { defineEvent, type EventDefinition } from '#contracts/envelope.ts';
import {
  AMOUNT_PATTERN,
  Amount,
  Id,
  PaymentStatus,
  Reason,
  SOURCES,
  Time,
  exampleId,
  exampleTime,
} from './vocabulary.ts';

const source = SOURCES.orders;

const CapturedAmount = Type.String({
  pattern: AMOUNT_PATTERN,
  description: 'Captured in all; absent: all that the order asked for, once it is captured',
});
/** What the orders service emits about the payment of an order. */
export const ORDER_PAYMENT_EVENTS = {
  OrderPaymentRequested: defineEvent({
    source,
    meaning:
      'The order may be charged now: stock is reserved and nothing holds it. Again after its payment was refused, with another token or provider; `deadlineAt` says then how long it waits.',
    data: Type.Object({
      provider: Type.String(),
      token: Type.String(),
      amount: Amount,
      currency: Type.String(),
      deadlineAt: Type.Optional(Time),
    }),
    example: { provider: 'sandbox', token: 'tok_approve', amount: '19.90', currency: 'EUR' },
  }),
  OrderPaymentPending: defineEvent({
    source,
    meaning:
      'The outcome of the payment is not known yet; it is being found out. `paymentStatus` says where the customer has to act first.',
    data: Type.Object({
      reason: Reason,
      deadlineAt: Time,
      paymentStatus: Type.Optional(PaymentStatus),
    }),
    example: { reason: 'timeout', deadlineAt: exampleTime },
  }),
  OrderPaid: defineEvent({
    source,
    meaning: 'The total of the order is secured.',
    data: Type.Object({
      paymentStatus: PaymentStatus,
      capturedAmount: Type.Optional(CapturedAmount),
      deadlineAt: Time,
    }),
    example: { paymentStatus: 'CAPTURED', deadlineAt: exampleTime },
  }),
  OrderPaymentRefused: defineEvent({
    source,
    meaning:
      'The payment was definitely refused; the stock is kept, and the order may be paid again until the deadline.',
    data: Type.Object({ reason: Reason, deadlineAt: Time }),
    example: { reason: 'card_declined', deadlineAt: exampleTime },
  }),
  OrderDisputed: defineEvent({
    source,
    meaning: 'The customer disputes the payment with their bank: nothing is refunded until that is decided.',
    data: Type.Object({ disputeId: Type.String(), amount: Amount, reason: Reason, dueAt: Type.Optional(Time) }),
    example: { disputeId: 'dp_1', amount: '19.90', reason: 'product_not_received', dueAt: exampleTime },
  }),
  OrderDisputeEnded: defineEvent({
    source,
    meaning: 'A dispute was won, or lost: then its money went back to the customer, as OrderRefunded says.',
    data: Type.Object({
      disputeId: Type.String(),
      outcome: Type.Union([Type.Literal('won'), Type.Literal('lost')]),
    }),
    example: { disputeId: 'dp_1', outcome: 'won' },
  }),
  OrderPaymentFailed: defineEvent({
    source,
    meaning: 'The payment was definitely refused and the order ended; its stock is to be released.',
    data: Type.Object({ reason: Reason }),
    example: { reason: 'card_declined' },
  }),
  OrderPaymentRecorded: defineEvent({
    source,
    meaning: 'A payment fact became known that moves the payment status but not the order.',
    data: Type.Object({
      paymentStatus: PaymentStatus,
      capturedAmount: Type.Optional(CapturedAmount),
      refundedAmount: Type.Optional(Amount),
      capturedAtProvider: Type.Optional(
        Type.String({
          pattern: AMOUNT_PATTERN,
          description: 'Of it, what was captured at the provider before anybody here asked for it',
        }),
      ),
      refund: Type.Optional(
        Type.Object(
          { refundId: Id, amount: Amount, reason: Reason },
          { description: 'Money that payments gave back by itself, because the order ended' },
        ),
      ),
    }),
    example: {
      paymentStatus: 'REFUNDED',
      refundedAmount: '19.90',
      refund: { refundId: exampleId, amount: '19.90', reason: 'changed my mind' },
    },
  }),
} as const satisfies Record<string, EventDefinition>;
