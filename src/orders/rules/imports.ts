import { amountMinor, formatAmount, parseAmount } from '#contracts/money.ts';
import { type EventData, EXTERNAL, type NewEvent, type Origin, type PaymentStatus } from '#contracts/order-events.ts';
import { paymentRequest } from './events.ts';
import { created } from './evolve.ts';
import { type Catalog, type OrderRequest, place, type PlacementProblem, type PlacementPolicy } from './placement.ts';

/** What becomes of an order that another system took: how it is priced, and what it is here. */

/** `live`: placed as a channel would. `open`: paid elsewhere, to be fulfilled here. `history`: ended elsewhere. */
export const IMPORT_KINDS = ['live', 'open', 'history'] as const;
export type ImportKind = (typeof IMPORT_KINDS)[number];

/** Where an order can have ended elsewhere. */
export const ENDS = ['COMPLETED', 'CANCELLED', 'PAYMENT_FAILED'] as const;

/** An order of another system, as `POST /orders/imports` takes it. */
export interface ImportedOrder extends Omit<OrderRequest, 'payment'> {
  readonly number: string;
  /** When it was placed there (RFC 3339); history must have it. */
  readonly createdAt?: string;
  readonly payment?: OrderRequest['payment'];
  /** History: where it ended. */
  readonly status?: (typeof ENDS)[number];
  /** History: what was paid; by default the total of a completed order, and nothing of another. */
  readonly paidAmount?: string;
  /** History: what was given back of it. */
  readonly refunds?: readonly { readonly amount: string; readonly reason?: string }[];
  readonly endReason?: string;
}

type Problems = readonly PlacementProblem[];
type Moment = Parameters<typeof place>[3];

/** Anything may have been sold elsewhere, so nothing has to be a product here. */
const ANYTHING: Catalog = {
  bySku: (sku) => ({ id: sku, sku, name: sku }),
  byId: () => undefined,
};
/** What was paid elsewhere was looked at there. */
const AS_THEY_ARE = {
  reviewTotals: new Map<string, bigint>(),
  providers: [EXTERNAL],
  takesWithdrawnCurrencies: true,
};

const PAID_ELSEWHERE = { provider: EXTERNAL, token: EXTERNAL };

function requestOf(
  { number, ...order }: ImportedOrder,
  source: string,
  payment: OrderRequest['payment'],
): OrderRequest {
  const { createdAt: _c, status: _s, paidAmount: _p, refunds: _r, endReason: _e, ...content } = order;
  return { ...content, channel: content.channel ?? source, reference: content.reference ?? number, payment };
}

/** An open order: like any other, but that its money is not asked for, and that it waits for stock instead of ending. */
export function openOrder(
  order: ImportedOrder,
  origin: Origin,
  catalog: Catalog,
  policy: PlacementPolicy,
  context: Moment,
): EventData<'OrderCreated'> | Problems {
  const request = { ...requestOf(order, origin.source, PAID_ELSEWHERE), requiresReview: false, allowBackorder: true };
  const data = place(request, catalog, { ...policy, ...AS_THEY_ARE }, context);
  return 'length' in data ? data : { ...data, origin };
}

/** A live order: what `POST /orders` would be asked for. */
export function liveRequest(order: ImportedOrder, source: string): OrderRequest {
  return requestOf(order, source, order.payment ?? { token: 'none' });
}

/** An order of the past: the data of its one event, or what is wrong with it. */
export function historyOrder(
  order: ImportedOrder,
  origin: Origin,
  policy: PlacementPolicy,
  context: Moment,
): EventData<'OrderImported'> | Problems {
  const { status, createdAt } = order;
  if (status === undefined || createdAt === undefined) return [missing(status === undefined ? 'status' : 'createdAt')];
  const request = { ...requestOf(order, origin.source, PAID_ELSEWHERE), requiresReview: false };
  const data = place(request, ANYTHING, { ...policy, ...AS_THEY_ARE }, context);
  if ('length' in data) return data;
  const { payment: _p, replaces: _o, reviewReasons: _r, allowBackorder: _b, deadlineAt: _d, ...content } = data;
  const money = moneyOf(order, status, content);
  if ('length' in money) return money;
  const { refunds = [], endReason } = order;
  return {
    origin,
    status,
    ...content,
    ...money,
    refunds: refunds.map(({ amount, reason = `refunded in ${origin.source}` }) => ({
      refundId: context.newId(),
      amount: formatAmount(amountMinor(amount, content.currency), content.currency),
      reason,
    })),
    ...(endReason !== undefined && { endReason }),
    ...(status === 'COMPLETED' && { shipmentId: context.newId() }),
  };
}

function missing(field: string): PlacementProblem {
  return {
    code: 'VALIDATION_FAILED',
    pointer: `/${field}`,
    detail: 'is missing: history needs to know when an order was placed and where it ended; take it as open instead',
  };
}

/** What was paid and given back: never more than the total, never more back than was paid. */
function moneyOf(
  { paidAmount, refunds = [] }: ImportedOrder,
  status: (typeof ENDS)[number],
  { totalAmount, currency }: { readonly totalAmount: string; readonly currency: string },
): { paymentStatus: PaymentStatus; paidAmount: string; refundedAmount: string } | Problems {
  const total = amountMinor(totalAmount, currency);
  const invalid = (pointer: string, detail: string): Problems => [{ code: 'AMOUNT_INVALID', pointer, detail }];
  let refunded = 0n;
  for (const [index, { amount }] of refunds.entries()) {
    const minor = parseAmount(amount, currency);
    if (minor === undefined || minor <= 0n)
      return invalid(`/refunds/${index}/amount`, `is not an amount in ${currency}`);
    refunded += minor;
  }
  const paid =
    paidAmount === undefined ? (status === 'COMPLETED' ? total : refunded) : parseAmount(paidAmount, currency);
  if (paid === undefined || paid < 0n || paid > total)
    return invalid('/paidAmount', `must be an amount in ${currency}, at most the total of ${totalAmount}`);
  if (refunded > paid) return invalid('/refunds', `add up to ${formatAmount(refunded, currency)}, more than was paid`);
  if (status !== 'COMPLETED' && refunded < paid)
    return invalid('/paidAmount', `is ${formatAmount(paid, currency)}: an order that came to nothing keeps no money`);
  return {
    paymentStatus: paymentStatusOf(status, paid, refunded, total),
    paidAmount: formatAmount(paid, currency),
    refundedAmount: formatAmount(refunded, currency),
  };
}

function paymentStatusOf(status: (typeof ENDS)[number], paid: bigint, refunded: bigint, total: bigint): PaymentStatus {
  if (refunded > 0n) return refunded === paid ? 'REFUNDED' : 'PARTIALLY_REFUNDED';
  if (status === 'PAYMENT_FAILED') return 'FAILED';
  return paid > 0n || (status === 'COMPLETED' && total === 0n) ? 'CAPTURED' : 'NONE';
}

/** What is said of an order that is taken: one that is open was paid for, which payments hears at once. */
export function firstEvents(
  as: ImportKind,
  priced: EventData<'OrderCreated'> | EventData<'OrderImported'>,
): readonly [NewEvent, ...NewEvent[]] {
  if (as === 'history') return [{ type: 'OrderImported', data: priced as EventData<'OrderImported'> }];
  const data = priced as EventData<'OrderCreated'>;
  const first: NewEvent = { type: 'OrderCreated', data };
  return as === 'open' ? [first, paymentRequest(created(data))] : [first];
}
