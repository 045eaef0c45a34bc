import { Type } from 'typebox';
import { formatAmount } from '#contracts/money.ts';
import { PaymentStatus } from '#contracts/order-events.ts';
import { MANUAL } from '#contracts/payment-providers.ts';
import { isoTime } from '#contracts/time.ts';
import { Amount, Currency, Id, Time, type View } from '#platform/http/schemas.ts';
import { type Payment, shownStatus } from './rules/model.ts';
import { received } from './rules/receipts.ts';

/** What callers see of a payment. */

const OperationView = Type.Object({
  id: Id,
  kind: Type.String({ enum: ['charge', 'authorize', 'capture', 'void', 'refund'] }),
  amount: Amount,
  state: Type.String({ enum: ['pending', 'in_doubt', 'awaiting_provider', 'succeeded', 'failed'] }),
  key: Type.String({ description: 'Idempotency key the provider knows the operation by' }),
  attempts: Type.Integer({ description: 'Calls so far whose outcome is not known' }),
  nextAttemptAt: Type.Optional(Time),
  provider: Type.Optional(Type.String({ description: 'Who was asked, of an attempt before the order was paid again' })),
  providerReference: Type.Optional(Type.String()),
  reason: Type.Optional(Type.String()),
  refundId: Type.Optional(Id),
  returned: Type.Optional(
    Type.Boolean({
      description:
        'True: it was done, and its money came back; a person has it sent again, or gives it back another way',
    }),
  ),
  atProvider: Type.Optional(Type.Boolean({ description: 'True: it was done at the provider, and nobody here asked' })),
  reminders: Type.Optional(Type.Integer({ description: 'How often the customer was reminded to pay' })),
});
const ReceiptView = Type.Object({
  id: Id,
  amount: Amount,
  date: Type.String({ format: 'date' }),
  reference: Type.Optional(Type.String()),
  by: Type.String(),
  at: Time,
});
export const PaymentView = Type.Object(
  {
    orderId: Id,
    provider: Type.String(),
    status: PaymentStatus,
    currency: Currency,
    amount: Amount,
    authorized: Amount,
    captured: Amount,
    refunded: Amount,
    voided: Amount,
    operations: Type.Array(OperationView),
    disputes: Type.Optional(
      Type.Array(
        Type.Object({
          id: Type.String({ description: 'As the provider calls it' }),
          amount: Amount,
          reason: Type.String(),
          status: Type.String({ enum: ['open', 'won', 'lost'] }),
          dueAt: Type.Optional(Time),
        }),
        { description: 'What the customer disputes with their bank' },
      ),
    ),
    receipts: Type.Optional(
      Type.Array(ReceiptView, {
        description: 'What people received, of the provider `manual`; a negative amount was given back',
      }),
    ),
    received: Type.Optional(Amount),
    givenBack: Type.Optional(Type.String({ ...Amount, description: 'What of it was too much and was given back' })),
    due: Type.Optional(Type.String({ ...Amount, description: 'What is still to come of what is asked for' })),
    overpaid: Type.Optional(
      Type.String({ ...Amount, description: 'What was received, is not asked for, and is to be given back' }),
    ),
  },
  { title: 'Payment' },
);

/** What callers see of a payment; the token never leaves the service. */
export function view(payment: Payment): View<typeof PaymentView> {
  const text = (minor: bigint): string => formatAmount(minor, payment.currency);
  return {
    orderId: payment.orderId,
    provider: payment.provider,
    status: shownStatus(payment),
    currency: payment.currency,
    amount: text(payment.amount),
    authorized: text(payment.authorized),
    captured: text(payment.captured),
    refunded: text(payment.refunded),
    voided: text(payment.voided),
    ...(payment.provider === MANUAL && receiptsOf(payment)),
    disputes: payment.disputes && [...payment.disputes],
    operations: payment.operations.map(
      ({
        id,
        kind,
        amount,
        state,
        key,
        attempts,
        nextAttemptAt,
        provider,
        providerReference,
        reason,
        refundId,
        reminders,
        atProvider,
        returned,
      }) => ({
        id,
        kind,
        amount,
        state,
        key,
        attempts,
        nextAttemptAt: nextAttemptAt === undefined ? undefined : isoTime(nextAttemptAt),
        provider,
        providerReference,
        reason,
        refundId,
        atProvider,
        returned,
        reminders,
      }),
    ),
  };
}

function receiptsOf(
  payment: Payment,
): Pick<View<typeof PaymentView>, 'receipts' | 'received' | 'givenBack' | 'due' | 'overpaid'> {
  const sums = received(payment);
  const text = (minor: bigint): string => formatAmount(minor, payment.currency);
  const receipts = (payment.receipts ?? []).map((receipt) => ({ ...receipt }));
  return {
    receipts,
    received: text(sums.received),
    ...(sums.givenBack > 0n && { givenBack: text(sums.givenBack) }),
    due: text(sums.due),
    overpaid: text(sums.overpaid),
  };
}
