import { Type } from 'typebox';
import { defineEvent, type EventDefinition } from '#contracts/envelope.ts';
import { Amount, Id, PaymentStatus, Reason, SOURCES, exampleId, Time, exampleTime } from './vocabulary.ts';

const source = SOURCES.payments;

/** How the payment stands now, where that does not follow from what the event says. */
const StatusAfter = PaymentStatus;

const Reminder = Type.Object(
  { number: Type.Integer({ minimum: 1 }), due: Amount, received: Amount, currency: Type.String() },
  { description: 'The customer is reminded, for the `number`th time, of money that people wait for' },
);

/** Absent: it was asked for. */
const AtProvider = Type.Optional(
  Type.Boolean({ description: 'True: it was done at the provider, and nobody here asked for it' }),
);

/** What the payments service emits. */
export const PAYMENTS_EVENTS = {
  PaymentSucceeded: defineEvent({
    source,
    meaning: 'The provider authorized the total, and captured what `captured` says.',
    data: Type.Object({
      amount: Amount,
      captured: Amount,
      currency: Type.String(),
      provider: Type.String(),
      providerReference: Type.String(),
    }),
    example: { amount: '19.90', captured: '19.90', currency: 'EUR', provider: 'sandbox', providerReference: 'ch_1' },
  }),
  PaymentFailed: defineEvent({
    source,
    meaning: 'The provider definitely refused the payment; no money is held.',
    data: Type.Object({ reason: Reason, provider: Type.String() }),
    example: { reason: 'card_declined', provider: 'sandbox' },
  }),
  PaymentPending: defineEvent({
    source,
    meaning:
      'The outcome of the payment is not known yet; reconciliation finds it out. `status` says where the customer has to act first, as by 3-D Secure; again without it once they have, and with `reminder` each time that the customer is reminded of money that people wait for.',
    data: Type.Object({
      reason: Reason,
      provider: Type.String(),
      status: Type.Optional(StatusAfter),
      reminder: Type.Optional(Reminder),
    }),
    example: {
      reason: 'reminder',
      provider: 'manual',
      reminder: { number: 1, due: '19.90', received: '0.00', currency: 'EUR' },
    },
  }),
  PaymentCaptured: defineEvent({
    source,
    meaning: 'An authorized amount, or a part of it, was captured.',
    data: Type.Object({ amount: Amount, captured: Amount, status: Type.Optional(StatusAfter), atProvider: AtProvider }),
    example: { amount: '19.90', captured: '19.90' },
  }),
  PaymentVoided: defineEvent({
    source,
    meaning: 'An authorization, or what was left of it, was given up without a charge.',
    data: Type.Object({ amount: Amount, status: Type.Optional(StatusAfter), atProvider: AtProvider }),
    example: { amount: '19.90' },
  }),
  PaymentRefunded: defineEvent({
    source,
    meaning: 'A captured amount, or a part of it, was given back.',
    data: Type.Object({
      refundId: Id,
      amount: Amount,
      captured: Amount,
      refunded: Amount,
      currency: Type.String(),
      status: Type.Optional(StatusAfter),
      atProvider: AtProvider,
      disputeId: Type.Optional(Type.String({ description: 'The dispute by which it went back' })),
    }),
    example: { refundId: exampleId, amount: '9.95', captured: '19.90', refunded: '9.95', currency: 'EUR' },
  }),
  PaymentDisputed: defineEvent({
    source,
    meaning: 'A customer disputes a payment with their bank; until it is closed, nothing of it is given back.',
    data: Type.Object({
      disputeId: Type.String({ description: 'As the provider calls it' }),
      amount: Amount,
      currency: Type.String(),
      reason: Reason,
      dueAt: Type.Optional(Time),
    }),
    example: {
      disputeId: 'dp_1',
      amount: '19.90',
      currency: 'EUR',
      reason: 'product_not_received',
      dueAt: exampleTime,
    },
  }),
  PaymentDisputeClosed: defineEvent({
    source,
    meaning: 'A dispute was won, or lost: then its money has gone back, as PaymentRefunded said before.',
    data: Type.Object({
      disputeId: Type.String(),
      amount: Amount,
      currency: Type.String(),
      outcome: Type.Union([Type.Literal('won'), Type.Literal('lost')]),
    }),
    example: { disputeId: 'dp_1', amount: '19.90', currency: 'EUR', outcome: 'won' },
  }),
  PaymentRefundFailed: defineEvent({
    source,
    meaning:
      'The provider definitely refused a refund; with `returned`: it was done, and its money came back. Then it waits for a person.',
    data: Type.Object({
      refundId: Id,
      reason: Reason,
      returned: Type.Optional(
        Type.Object({ amount: Amount, captured: Amount, refunded: Amount, status: PaymentStatus }),
      ),
    }),
    example: { refundId: exampleId, reason: 'charge_disputed' },
  }),
} as const satisfies Record<string, EventDefinition>;
