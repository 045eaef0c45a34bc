import { amountMinor, formatAmount } from '#contracts/money.ts';
import type { PaymentStatus } from '#contracts/order-events.ts';
import { isoTime } from '#contracts/time.ts';
import type { Row } from '#platform/processor/aggregate.ts';
import type { Database } from '#platform/database/database.ts';
import { readKeyset } from '#platform/database/keyset.ts';
import { type Columns, insertRows, updateRows, type Write } from '#platform/database/statement.ts';
import type { RowChange } from '#platform/processor/batch.ts';
import type { ProcessorStore } from '#platform/processor/commit.ts';
import { splitChanges } from '#platform/processor/rows.ts';
import { attentionOf } from './attention.ts';
import type { PaymentFilter } from './filter.ts';
import { type Dispute, type Look, nextAttemptOf, type Payment, type Receipt } from './rules/model.ts';
import type { Operation } from './rules/operation.ts';

/** All SQL of payments. */

const TABLE = 'payments.payments';
const COLUMNS: Columns = {
  order_id: 'uuid',
  version: 'integer',
  sequence: 'integer',
  seen: 'json',
  provider: 'text',
  token: 'text',
  currency: 'text',
  status: 'text',
  amount: 'numeric',
  authorized: 'numeric',
  captured: 'numeric',
  voided: 'numeric',
  refunded: 'numeric',
  charge_reference: 'text',
  cancel_requested: 'boolean',
  pending_told: 'boolean',
  operations: 'json',
  receipts: 'json',
  disputes: 'json',
  look: 'json',
  attention: 'text',
  next_attempt_at: 'timestamptz',
};
/** What never changes after the first save is not sent a second time. */
const { provider: _p, token: _t, currency: _c, amount: _a, ...CHANGING } = COLUMNS;
const SELECT = `select ${Object.keys(COLUMNS).join(', ')} from ${TABLE}`;

interface PaymentRow extends Record<string, unknown> {
  order_id: string;
  version: number;
  sequence: number;
  seen: Record<string, number>;
  provider: string;
  token: string;
  currency: string;
  status: PaymentStatus;
  amount: string;
  authorized: string;
  captured: string;
  voided: string;
  refunded: string;
  charge_reference: string | null;
  cancel_requested: boolean;
  pending_told: boolean;
  operations: Operation[];
  receipts: Receipt[] | null;
  disputes: Dispute[] | null;
  look: Look | null;
}

function toRow(row: PaymentRow): Row<Payment> {
  const minor = (text: string): bigint => amountMinor(text, row.currency);
  return {
    id: row.order_id,
    revision: row.version,
    sequence: row.sequence,
    consumed: row.seen,
    state: {
      orderId: row.order_id,
      provider: row.provider,
      token: row.token,
      currency: row.currency,
      status: row.status,
      amount: minor(row.amount),
      authorized: minor(row.authorized),
      captured: minor(row.captured),
      voided: minor(row.voided),
      refunded: minor(row.refunded),
      chargeReference: row.charge_reference ?? undefined,
      operations: row.operations,
      ...(row.receipts && { receipts: row.receipts }),
      ...(row.disputes && { disputes: row.disputes }),
      ...(row.look && { look: row.look }),
      cancelRequested: row.cancel_requested,
      pendingReported: row.pending_told,
    },
  };
}

function fromRow({ id, revision: version, sequence, consumed: seen, state }: Row<Payment>): Record<string, unknown> {
  const payment = state!;
  const { currency } = payment;
  const next = nextAttemptOf(payment);
  return {
    order_id: id,
    version,
    sequence,
    seen,
    provider: payment.provider,
    token: payment.token,
    currency,
    status: payment.status,
    amount: formatAmount(payment.amount, currency),
    authorized: formatAmount(payment.authorized, currency),
    captured: formatAmount(payment.captured, currency),
    voided: formatAmount(payment.voided, currency),
    refunded: formatAmount(payment.refunded, currency),
    charge_reference: payment.chargeReference,
    cancel_requested: payment.cancelRequested,
    pending_told: payment.pendingReported,
    operations: payment.operations,
    receipts: payment.receipts ?? null,
    disputes: payment.disputes ?? null,
    look: payment.look ?? null,
    attention: attentionOf(payment),
    next_attempt_at: next === undefined ? null : isoTime(next),
  };
}

export const paymentStore: ProcessorStore<Payment, never> = {
  async load(database, ids) {
    const rows = await database.query<PaymentRow>(`${SELECT} where order_id = any($1::uuid[])`, [ids]);
    return new Map(rows.map((row) => [row.order_id, toRow(row)]));
  },
  save(changes: readonly RowChange<Payment>[]): Write[] {
    const again = changes.filter(isPaidAgain);
    const others = again.length === 0 ? changes : changes.filter((change) => !isPaidAgain(change));
    const { added, changed } = splitChanges(others, fromRow);
    const writes: Write[] = [];
    // A row that another process was faster to insert makes this save a conflict, not an error.
    if (added.length > 0)
      writes.push({
        ...insertRows('payments_new', TABLE, COLUMNS, added, { onConflict: 'do nothing' }),
        expect: added.length,
      });
    if (changed.length > 0)
      writes.push(updateRows('payments', TABLE, ['order_id'], CHANGING, changed, { revision: 'version' }));
    if (again.length > 0) {
      const rows = again.map(({ after }) => fromRow(after));
      writes.push(updateRows('payments_again', TABLE, ['order_id'], COLUMNS, rows, { revision: 'version' }));
    }
    return writes;
  },
};

/** Whether a payment is made again, so that what else never changes does. */
function isPaidAgain({ before: { state: before }, after: { state: after } }: RowChange<Payment>): boolean {
  return (
    before !== undefined &&
    (before.token !== after!.token || before.provider !== after!.provider || before.amount !== after!.amount)
  );
}

/** Payments with an operation that is due by now, longest waiting first. */
export async function duePayments(
  database: Database,
  nowMs: number,
  provider: string,
  limit: number,
): Promise<string[]> {
  const rows = await database.query<{ order_id: string }>(
    `select order_id from ${TABLE} where next_attempt_at <= $1 and provider = $2 order by next_attempt_at limit $3`,
    [isoTime(nowMs), provider, limit],
  );
  return rows.map((row) => row.order_id);
}

const WAITING_MAX = 10_000;

/** By provider: payments with an operation of unknown outcome, those in doubt, and for how long the next attempt has been due. */
export async function waitingPayments(
  database: Database,
  nowMs: number,
): Promise<Map<string, { waiting: number; inDoubt: number; lateSeconds: number }>> {
  const rows = await database.query<{ provider: string; waiting: number; in_doubt: number; late: number }>(
    `select provider, count(*)::int as waiting,
       count(*) filter (where operations::text like '%"in_doubt"%')::int as in_doubt,
       greatest(extract(epoch from $1::timestamptz - min(next_attempt_at)), 0)::float8 as late
     from (select provider, operations, next_attempt_at from ${TABLE} where next_attempt_at is not null order by next_attempt_at limit ${WAITING_MAX}) open
     group by provider`,
    [isoTime(nowMs)],
  );
  return new Map(
    rows.map(({ provider, waiting, in_doubt, late }) => [provider, { waiting, inDoubt: in_doubt, lateSeconds: late }]),
  );
}

/** Payments that wait for a provider which is none of these: nothing settles them. */
export async function waitingForOtherProviders(
  database: Database,
  providers: readonly string[],
): Promise<{ provider: string; payments: number }[]> {
  return database.query(
    `select provider, count(*)::int as payments from ${TABLE} where next_attempt_at is not null and provider <> all($1::text[]) group by provider`,
    [providers],
  );
}

/** Whether an authorization waits for its capture. */
export async function hasAuthorizations(database: Database): Promise<boolean> {
  const rows = await database.query(`select 1 from ${TABLE} where status = 'AUTHORIZED' limit 1`);
  return rows.length > 0;
}

export async function readPayment(database: Database, orderId: string): Promise<Payment | undefined> {
  const [row] = await database.query<PaymentRow>(`${SELECT} where order_id = $1`, [orderId]);
  return row && toRow(row).state;
}

/** The payments of these orders, where they have one. */
export async function readPayments(database: Database, orderIds: readonly string[]): Promise<readonly Payment[]> {
  const rows = await database.query<PaymentRow>(`${SELECT} where order_id = any($1::uuid[])`, [orderIds]);
  return rows.map((row) => toRow(row).state!);
}

/** A page of the list, continued behind the payment of the order `after`. */
export interface PaymentPage extends PaymentFilter {
  readonly after: string | undefined;
  readonly limit: number;
}

/** A page of payments, those of the newest orders first. */
export async function listPayments(
  database: Database,
  { wanted, conditions, after, limit }: PaymentPage,
): Promise<readonly Payment[]> {
  const rows = await readKeyset<PaymentRow>(database, {
    columns: Object.keys(COLUMNS).join(', '),
    table: `${TABLE} t`,
    key: 'order_id',
    newestFirst: true,
    wanted,
    conditions,
    after,
    limit,
  });
  return rows.map((row) => toRow(row).state!);
}
