import { amountMinor, formatAmount } from '#contracts/money.ts';
import { type PaymentStatus, SOURCES } from '#contracts/order-events.ts';
import type { Operation } from './rules/operation.ts';
import { type AuditContext, counted, type CountedRow, rowsByOrder, type ServiceAudit } from '#platform/audit.ts';

/** A payment as it is stored, with its amounts as the database writes them. */
export interface PaymentRow extends CountedRow {
  readonly order_id: string;
  readonly status: PaymentStatus;
  readonly provider: string;
  readonly currency: string;
  readonly amount: string;
  readonly authorized: string;
  readonly captured: string;
  readonly voided: string;
  readonly refunded: string;
  readonly charge_reference: string | null;
  readonly operations: readonly Operation[];
}

const PAYMENT_COLUMNS = [
  'provider',
  'status',
  'currency',
  'amount',
  'authorized',
  'captured',
  'voided',
  'refunded',
  'charge_reference',
  'operations',
];

/** No money comes from nowhere. */
export const paymentsAudit = {
  checks: {
    money: 'captured is at most authorized, refunded at most captured',
    'one-charge': 'an order is charged at most once',
  },
  tables: ['payments.payments'],
  state: {
    of: 'money',
    rows: [
      `select concat_ws('|', order_id, provider, currency, status, amount, authorized, captured, voided, refunded,
         charge_reference) as row from payments.payments order by order_id`,
    ],
  },
  orders: {
    source: SOURCES.payments,
    read: (database, ids) => rowsByOrder<PaymentRow>(database, 'payments.payments', PAYMENT_COLUMNS, ids),
    ...counted<PaymentRow>(),
    examine(context, { id }, payment) {
      if (payment) examinePayment(context, id, payment);
    },
  },
} as const satisfies ServiceAudit<PaymentRow>;

function examinePayment(context: AuditContext, orderId: string, payment: PaymentRow): void {
  for (const check of ['money', 'one-charge']) context.examined(check);
  const charges = payment.operations.filter(
    ({ kind, state }) => state === 'succeeded' && (kind === 'charge' || kind === 'authorize'),
  ).length;
  if (charges > 1) context.violation('one-charge', orderId, `was charged ${charges} times`);
  const report = (detail: string): void => context.violation('money', orderId, detail);
  let totals: Totals;
  try {
    totals = totalsOf(payment);
  } catch (error) {
    return report((error as Error).message);
  }
  const { authorized, captured, voided, refunded } = totals;
  const money = (minor: bigint): string => `${formatAmount(minor, payment.currency)} ${payment.currency}`;
  if (captured > authorized) report(`captured ${money(captured)} of ${money(authorized)} authorized`);
  if (captured + voided > authorized)
    report(`captured and voided ${money(captured + voided)} of ${money(authorized)} authorized`);
  if (refunded > captured) report(`refunded ${money(refunded)} of ${money(captured)} captured`);
}

/** Amounts in the smallest unit of the currency. */
export interface Totals {
  readonly authorized: bigint;
  readonly captured: bigint;
  readonly voided: bigint;
  readonly refunded: bigint;
}

/** NUMERIC columns have four decimals, whatever the currency has. Throws where an amount is finer than the currency. */
export function totalsOf({
  currency,
  authorized,
  captured,
  voided,
  refunded,
}: Pick<PaymentRow, 'currency' | keyof Totals>): Totals {
  const minor = (text: string): bigint => amountMinor(text, currency);
  return { authorized: minor(authorized), captured: minor(captured), voided: minor(voided), refunded: minor(refunded) };
}

/** Whether an operation at the provider is still to come to its end, so that reconciliation will see to it. */
export function hasOpenOperation(payment: PaymentRow | undefined): boolean {
  return payment?.operations.some(({ state }) => state !== 'succeeded' && state !== 'failed') ?? false;
}
