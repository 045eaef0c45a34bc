import { idTimeMs } from '#contracts/ids.ts';
import { formerNumber, returnNumberOf } from '#contracts/order-number.ts';
import { formatAmount } from '#contracts/money.ts';
import { isoTime } from '#contracts/time.ts';
import type { View } from '#platform/http/schemas.ts';
import type { Row } from '#platform/processor/aggregate.ts';
import { isAwaited } from './rules/receipts.ts';
import { PARKED_ACTIONS, type ParkedOfOrder } from './parked.ts';
import { actionsOf } from './rules/policies.ts';
import { piecesOf, returnablePieces, unshippedPieces } from './rules/ruler.ts';
import { accountOf } from './rules/settle.ts';
import { because, isDeciding, mayPayAgain, type Order } from './rules/state.ts';
import { type Action, rowsFor } from './rules/lifecycle.ts';
import type { ReturnView } from './goods-schemas.ts';
import type { OrderSummary, OrderView } from './schemas.ts';

type Shown = View<typeof OrderView>;

/** The order as the API shows it, with what is parked of it where anything is. The payment token stays inside. */
export function orderView(row: Row<Order>, updatedAt: string, parked?: readonly ParkedOfOrder[]): Shown {
  const order = row.state!;
  const { allowed, refused } = allowedActions(order);
  const account = accountOf(order);
  return {
    ...summaryView(row, updatedAt, parked),
    ...storedView(row),
    items: itemsView(order),
    capturedAmount: formatAmount(account.captured, order.currency),
    owedAmount: account.owed > 0n ? formatAmount(account.owed, order.currency) : undefined,
    allowedActions: parked ? [...allowed, ...PARKED_ACTIONS] : allowed,
    refusedActions: refused,
  };
}

export type OrderField = keyof Shown;

/** What of an order has to be worked out, each for itself. */
const WORKED_OUT: Partial<Record<OrderField, (order: Order, parked?: readonly ParkedOfOrder[]) => unknown>> = {
  items: itemsView,
  capturedAmount: (order) => formatAmount(accountOf(order).captured, order.currency),
  owedAmount(order) {
    const { owed } = accountOf(order);
    return owed > 0n ? formatAmount(owed, order.currency) : undefined;
  },
  allowedActions: (order, parked) => [...allowedActions(order).allowed, ...(parked ? PARKED_ACTIONS : [])],
  refusedActions: (order) => allowedActions(order).refused,
};

/** These fields of an order as {@link orderView} shows them; the others are not worked out. */
export function orderFields(
  row: Row<Order>,
  updatedAt: string,
  parked: readonly ParkedOfOrder[] | undefined,
  fields: readonly OrderField[],
): Partial<Shown> {
  const order = row.state!;
  const summary: Partial<Shown> = summaryView(row, updatedAt, parked);
  let stored: Partial<Shown> | undefined;
  const shown: Record<string, unknown> = {};
  for (const field of fields) {
    const workOut = WORKED_OUT[field];
    if (workOut) shown[field] = workOut(order, parked);
    else if (field in summary) shown[field] = summary[field];
    else shown[field] = (stored ??= storedView(row) as Partial<Shown>)[field];
  }
  return shown;
}

/** What is shown as it is stored, beside what lists show. */
function storedView(
  row: Row<Order>,
): Omit<Shown, keyof View<typeof OrderSummary> | 'items' | 'capturedAmount' | 'allowedActions' | 'refusedActions'> {
  const order = row.state!;
  return {
    taxLines: order.taxLines ?? [],
    discountLines: order.discountLines ?? [],
    shippingLines: order.shippingLines ?? [],
    pricesIncludeTax: order.pricesIncludeTax,
    placedAmount: order.placedAmount,
    refundedAmount: order.refundedAmount,
    shippingAddress: order.shippingAddress,
    billingAddress: order.billingAddress,
    locale: order.locale,
    contact: order.contact,
    payment: { provider: order.payment.provider },
    requiresReview: order.reviewReasons.length > 0,
    reviewReasons: order.reviewReasons,
    allowBackorder: order.allowBackorder,
    metadata: order.metadata ?? {},
    origin: order.origin,
    allocations: order.allocations,
    shortages: order.shortages,
    endReason: order.endReason,
    cancellation: order.cancellation && because(order.cancellation),
    change: order.change,
    shipments: order.shipments,
    claims: order.claims,
    returns: order.returns.map((entry) => returnView(row, entry)),
    refunds: order.refunds,
    disputes: order.disputes,
    payAgainUntil: mayPayAgain(order) ? order.payAgain!.until : undefined,
    deadlineAt: firstDeadline(order),
    traceId: order.traceId,
  };
}

/** A return, with what people call it and where its slip is while anything is expected. */
export function returnView({ id, state }: Row<Order>, entry: Order['returns'][number]): View<typeof ReturnView> {
  const { number = formerNumber(id), returns } = state!;
  return {
    ...entry,
    returnNumber: returnNumberOf(number, returns.indexOf(entry) + 1),
    ...(isAwaited(entry) && { slipUrl: `/orders/${id}/returns/${entry.returnId}/slip` }),
  };
}

/** When the present waiting ends by itself: a review that holds the order may end it sooner than the order's own timer. */
function firstDeadline({ deadlineAt, holds }: Order): string | undefined {
  if (deadlineAt === undefined) return undefined;
  return holds.reduce((first, { endsAt }) => (endsAt !== undefined && endsAt < first ? endsAt : first), deadlineAt);
}

/** The lines, with how many pieces of each are where, and how many may be cancelled or sent back. */
function itemsView(order: Order): View<typeof OrderView>['items'] {
  const { status, items } = order;
  const stoppable = status !== 'CREATED' && rowsFor(status, 'cancelItems').length > 0 && !isDeciding(order);
  if (order.shipments.length === 0 && order.cancelled === undefined)
    return items.map((item) => ({ ...item, allowed: { cancel: stoppable ? item.quantity : 0, return: 0 } }));
  const returnable = rowsFor(status, 'requestReturn').length > 0;
  const pieces = piecesOf(order);
  return items.map((item, index) => {
    const line = pieces[index]!;
    const { cancelled, shipped, back: returned } = line;
    return {
      ...item,
      ...(cancelled > 0 && { cancelled }),
      ...(shipped > 0 && { shipped }),
      ...(returned > 0 && { returned }),
      allowed: {
        cancel: stoppable ? unshippedPieces(line) : 0,
        return: returnable ? returnablePieces(line) : 0,
      },
    };
  });
}

/** The order as lists show it. */
export function summaryView(
  row: Row<Order>,
  updatedAt: string,
  parked?: readonly ParkedOfOrder[],
): View<typeof OrderSummary> {
  const order = row.state!;
  return {
    id: row.id,
    status: order.status,
    paymentStatus: order.paymentStatus,
    fulfillmentStatus: order.fulfillmentStatus,
    returnStatus: order.returnStatus,
    holds: order.holds,
    totalAmount: order.totalAmount,
    currency: order.currency,
    customerId: order.customerId,
    channel: order.channel,
    number: order.number ?? formerNumber(row.id),
    reference: order.reference,
    itemCount: order.items.length,
    parked,
    version: row.sequence,
    createdAt: isoTime(idTimeMs(row.id)),
    updatedAt,
  };
}

/** What the order allows now, and for every other action the code and reason. */
export function allowedActions(order: Order): {
  allowed: Action[];
  refused: Partial<Record<Action, { code: string; reason: string }>>;
} {
  const allowed: Action[] = [];
  const refused: Partial<Record<Action, { code: string; reason: string }>> = {};
  for (const [action, refusal] of Object.entries(actionsOf(order)) as [
    Action,
    ReturnType<typeof actionsOf>[Action],
  ][]) {
    if (refusal) refused[action] = { code: refusal.refused, reason: refusal.detail };
    else allowed.push(action);
  }
  return { allowed, refused };
}
