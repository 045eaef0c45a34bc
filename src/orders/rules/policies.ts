import { type ErrorCode, isRefusal, type Refusal, refuse } from '#contracts/errors.ts';
import { amendmentRefused } from './amend.ts';
import { piecesToCancel, takesAll } from './change.ts';
import { piecesToClaim } from './claims.ts';
import type { OrderCommand } from './commands.ts';
import { ACTIONS, type Action, type CommandName, STATUSES, type Status, rowsFor } from './lifecycle.ts';
import { awaitedPieces, openReturn, receiptOf } from './receipts.ts';
import { refundWithinCaptured, returnWithinShipped } from './returns.ts';
import { isPaused, mayPayAgain, type Order } from './state.ts';
import { REFUNDED } from './unpaid.ts';

/** Holds that only the system sets. */
const RESERVED_HOLDS: ReadonlySet<string> = new Set([
  'review',
  'cancellation',
  'overdue',
  'shortage',
  'change',
  REFUNDED,
]);
/** Holds that a release does not end, and what does. */
const ENDS_OTHERWISE: Readonly<Record<string, string>> = {
  review: 'A review hold ends by approving or rejecting the review',
  cancellation: 'This hold ends when the warehouse has decided on the cancellation',
  change: 'This hold ends when the warehouse has decided on the change',
};

type Policies = {
  readonly [Name in CommandName]?: (
    order: Order,
    command: Extract<OrderCommand, { type: Name }>,
  ) => Refusal | undefined;
};

/** Whether *now*: the table says whether a command exists in a status, these say whether its conditions are met. */
export const POLICIES: Policies = {
  cancel: (order) =>
    order.cancellation
      ? refuse('CANCELLATION_PENDING', 'Shipping is deciding on an earlier cancellation of this order.')
      : undefined,
  cancelItems: (order, command) => {
    if (order.cancellation)
      return refuse('CANCELLATION_PENDING', 'Shipping is deciding on an earlier cancellation of this order.');
    if (order.change ?? order.restWanted)
      return refuse(
        'CHANGE_PENDING',
        'Shipping is deciding on an earlier change of this order; try again in a moment.',
      );
    const pieces = piecesToCancel(order, command);
    if (isRefusal(pieces)) return pieces;
    return order.status === 'CREATED' && !takesAll(order, pieces)
      ? refuse('STOCK_UNDECIDED', 'The stock decision on this order is still to come; try again in a moment.')
      : undefined;
  },
  payAgain: (order) => {
    if (!mayPayAgain(order))
      return refuse('ACTION_NOT_ALLOWED', 'No payment of the order has failed that could be made again.');
    return isPaused(order, 'payment')
      ? refuse('ACTION_NOT_ALLOWED', 'A hold pauses the payment of the order: release it first.')
      : undefined;
  },
  openClaim: (order, command) => {
    const pieces = piecesToClaim(order, command);
    return isRefusal(pieces) ? pieces : undefined;
  },
  hold: (order, command) => {
    if (RESERVED_HOLDS.has(command.hold))
      return refuse(
        'ACTION_NOT_ALLOWED',
        `"${command.hold}" is a hold that the system sets itself; choose another name.`,
      );
    return order.holds.some((hold) => hold.type === command.hold)
      ? refuse('HOLD_EXISTS', `The order is on hold "${command.hold}" already.`)
      : undefined;
  },
  release: (order, command) => {
    if (command.fact) return undefined;
    const hold = order.holds.find(({ type }) => type === command.hold);
    if (!hold) {
      return refuse(
        'HOLD_NOT_FOUND',
        `The order has no hold "${command.hold}"; its holds: ${order.holds.map(({ type }) => type).join(', ') || 'none'}.`,
      );
    }
    // A hold of this name from before the warehouse decided on changes is released like any other.
    const own = command.hold === 'change' && !order.change;
    const endsOtherwise = own ? undefined : ENDS_OTHERWISE[command.hold];
    if (endsOtherwise === undefined) return undefined;
    const which = hold.reviewId === undefined ? '' : `: ${hold.reviewId}`;
    return refuse('ACTION_NOT_ALLOWED', `${endsOtherwise}${which}.`);
  },
  amend: (order, command) => amendmentRefused(order, command.changes),
  requestRefund: refundWithinCaptured,
  requestReturn: returnWithinShipped,
  receiveReturn: (order, command) => {
    const receipt = receiptOf(order, command);
    return isRefusal(receipt) ? receipt : undefined;
  },
  closeReturn: (order, command) => {
    const entry = openReturn(order, command.returnId);
    return isRefusal(entry) ? entry : undefined;
  },
};

const REFUSAL_CODES: Partial<Record<Status, ErrorCode>> = {
  SHIPPED: 'ORDER_ALREADY_SHIPPED',
  PARTIALLY_SHIPPED: 'ORDER_ALREADY_SHIPPED',
};

export function notAllowed(order: Order, command: CommandName): Refusal {
  const code: ErrorCode = STATUSES[order.status].final
    ? 'ORDER_FINAL'
    : command === 'cancel' || command === 'cancelItems' || command === 'amend'
      ? (REFUSAL_CODES[order.status] ?? 'ACTION_NOT_ALLOWED')
      : 'ACTION_NOT_ALLOWED';
  return refuse(code, `"${command}" is not possible while the order is ${order.status}.`);
}

/** Each action with undefined where it is allowed now, or the refusal a caller would meet. */
export function actionsOf(order: Order): Record<Action, Refusal | undefined> {
  const answers = {} as Record<Action, Refusal | undefined>;
  for (const action of ACTIONS)
    answers[action] =
      rowsFor(order.status, action).length === 0 ? notAllowed(order, action) : ACTION_PROBES[action]?.(order);
  return answers;
}

function noHoldToRelease({ holds }: Order): string {
  const reviewId = holds.find((hold) => hold.reviewId !== undefined)?.reviewId;
  return reviewId === undefined
    ? 'The order has no hold that could be released.'
    : `The order has no hold that could be released; it waits for review ${reviewId}.`;
}

/** Policies of an action that hold whatever its details are. */
const ACTION_PROBES: Partial<Record<Action, (order: Order) => Refusal | undefined>> = {
  payAgain: (order) => POLICIES.payAgain!(order, undefined as never),
  cancel: (order) => POLICIES.cancel!(order, undefined as never),
  cancelItems: (order) => POLICIES.cancelItems!(order, { items: undefined } as never),
  release: (order) =>
    order.holds.some((hold) => !(hold.type in ENDS_OTHERWISE))
      ? undefined
      : refuse('HOLD_NOT_FOUND', noHoldToRelease(order)),
  openClaim: (order) => {
    let refused: Refusal | undefined = refuse('SHIPMENT_NOT_CLAIMABLE', 'No parcel of the order has left.');
    for (const { shipmentId } of order.shipments) {
      const pieces = piecesToClaim(order, { shipmentId });
      if (!isRefusal(pieces)) return undefined;
      refused = pieces;
    }
    return refused;
  },
  requestRefund: (order) => refundWithinCaptured(order),
  requestReturn: (order) => returnWithinShipped(order, {}),
  receiveReturn: returnExpected,
  closeReturn: returnExpected,
};

function returnExpected(order: Order): Refusal | undefined {
  return order.returns.some((entry) => awaitedPieces(order, entry).size > 0)
    ? undefined
    : refuse(order.returns.length > 0 ? 'RETURN_CLOSED' : 'RETURN_NOT_FOUND', 'No return is on its way.');
}
