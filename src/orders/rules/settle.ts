import { amountMinor, formatAmount, sumOf } from '#contracts/money.ts';
import type { LinePart, NewEvent } from '#contracts/order-events.ts';
import type { DecideContext, RefundedLine } from './commands.ts';
import { rowsFor } from './lifecycle.ts';
import { creditRoom, givenParts, goodwillParts, marksOf } from './ruler.ts';
import { type Because, because, isDisputed, type Order } from './state.ts';

/**
 * What an order was paid, and what of it is owed back. Nothing else asks for refunds: after every decision `settle` asks
 * for what is owed and not asked for yet. What the provider definitely refused, and what came back without a refund,
 * is left to a person. All amounts are minor units.
 */

export interface Account {
  readonly captured: bigint;
  /** Captured, and neither given back nor being given back. */
  readonly refundable: bigint;
  /** What the customer has to get back beyond the refunds done and under way; negative where the customer has to pay. */
  readonly owed: bigint;
  /** The part of it that is not asked for by itself. */
  readonly leftToPerson: bigint;
  /** What of the captured will be on no invoice, and was not given back as such. */
  readonly uninvoiced: bigint;
}

/** What was captured. Where no event has said how much: all that was asked for, once it is captured. */
export function capturedOf(order: Order): bigint {
  if (order.capturedAmount !== undefined) return amountMinor(order.capturedAmount, order.currency);
  const { paymentStatus } = order;
  return paymentStatus === 'CAPTURED' || paymentStatus === 'PARTIALLY_REFUNDED' || paymentStatus === 'REFUNDED'
    ? amountMinor(order.totalAmount, order.currency)
    : 0n;
}

/** Whether the money is taken as the goods leave. */
export function capturesOnDispatch(order: Order): boolean {
  return order.paymentStatus === 'AUTHORIZED' || order.shipments.some(({ amount }) => amount !== undefined);
}

/** What is to be captured as these goods leave; undefined where the money was taken at once. */
export function amountToCapture(order: Order, items: Order['shipments'][number]['items']): string | undefined {
  if (!capturesOnDispatch(order)) return undefined;
  const parcel = { shipmentId: '', carrier: '', trackingNumber: '', delivered: false, items };
  const rulers = marksOf({ ...order, shipments: [...order.shipments, parcel] });
  const left = rulers.reduce((total, { shipMark }) => total + shipMark, 0n);
  return formatAmount(left - askedToCapture(order), order.currency);
}

function askedToCapture({ shipments, currency }: Order): bigint {
  let asked = 0n;
  for (const { amount } of shipments) if (amount !== undefined) asked += amountMinor(amount, currency);
  return asked;
}

export function accountOf(order: Order): Account {
  const minor = (amount: string): bigint => amountMinor(amount, order.currency);
  const sum = (parts: readonly LinePart[] | undefined): bigint => sumOf(parts, order.currency);
  const waivedOf = (parts: readonly LinePart[] | undefined): bigint => sum(parts?.filter(({ waived }) => waived));
  const captured = capturedOf(order);
  const total = minor(order.totalAmount);
  let refundable = captured - minor(order.refundedAmount);
  let credited = sum(order.credits);
  let leftToPerson = waivedOf(order.credits);
  let uninvoiced = captured - total;
  for (const entry of order.returns) {
    credited += sum(entry.credited);
    leftToPerson += waivedOf(entry.credited);
  }
  let paidAtProvider = 0n;
  for (const { status, amount, cause, credited: parts, uninvoiced: isUninvoiced, atProvider } of order.refunds) {
    const credits = cause === undefined ? (parts ? sum(parts) : minor(amount)) : 0n;
    const pays = minor(amount) - credits;
    const isRefused = status === 'FAILED';
    if (status === 'REQUESTED') refundable -= minor(amount);
    // What was credited stays owed, because goods that came back since were worth that much less. A refund from before
    // lines had parts took its credit back.
    if (isRefused) leftToPerson += parts || cause !== undefined ? minor(amount) : 0n;
    if (!isRefused || parts) credited += credits;
    if (!isRefused && isUninvoiced) uninvoiced -= minor(amount);
    if (cause !== undefined) continue;
    if (atProvider) paidAtProvider += pays;
    else leftToPerson -= pays;
  }
  // What went back by itself pays first what was left to a person.
  if (leftToPerson > 0n) leftToPerson -= lesser(leftToPerson, paidAtProvider);
  for (const { status, amount } of order.disputes ?? []) if (status === 'open') refundable -= minor(amount);
  // What was captured at the provider before its parcel left is not owed back for that.
  const early = order.capturedAtProvider;
  const asked = askedToCapture(order);
  const taken = early === undefined ? asked : lesser(asked + minor(early), total);
  const due = capturesOnDispatch(order) ? taken : total;
  return {
    captured,
    refundable,
    owed: refundable + credited - due,
    leftToPerson,
    uninvoiced: uninvoiced > 0n ? uninvoiced : 0n,
  };
}

/** Asks for what is owed to the customer and not left to a person. */
export function settle(order: Order, occasion: Occasion, context: DecideContext): NewEvent[] {
  // What the customer's bank decides on may be what is owed.
  if (isDisputed(order)) return [];
  if (!hasMoved(order) || !rowsFor(order.status, 'proceed').some(({ event }) => event === 'OrderRefundRequested'))
    return [];
  const account = accountOf(order);
  const amount = account.owed - account.leftToPerson;
  return refundEvents(order, account, amount, { ...because(occasion), cause: 'owed' }, context);
}

/** Why money is owed now, and who brought it about. */
export interface Occasion extends Because {
  readonly reasonCode?: string;
}

/** False for most orders: nothing came back, nothing was given, and what was captured is the total. */
function hasMoved({ returns, refunds, cancelled, credits, capturedAmount, disputes }: Order): boolean {
  const money = capturedAmount !== undefined || !!disputes;
  return returns.length > 0 || refunds.length > 0 || !!cancelled || !!credits || money;
}

/** What a person may give at most: what is owed, what goes beyond it, or both (`kind` is undefined). */
export function mostToRefund(order: Order, kind: 'owed' | 'goodwill' | undefined): bigint {
  const { refundable, owed } = accountOf(order);
  const most =
    kind === undefined
      ? refundable
      : kind === 'owed'
        ? owed
        : lesser(refundable, creditRoom(marksOf(order), capturesOnDispatch(order)));
  return most > 0n ? most : 0n;
}

/** The refund that a person asks for: it pays what is owed and left to people first, and credits the rest. */
export function refundByPerson(
  order: Order,
  amount: bigint,
  kind: 'owed' | 'goodwill' | undefined,
  occasion: Occasion,
  context: DecideContext,
): NewEvent[] {
  const account = accountOf(order);
  const pays = kind === 'goodwill' || account.owed <= 0n ? 0n : lesser(amount, account.owed);
  const credited = amount > pays ? goodwillParts(order, amount - pays, capturesOnDispatch(order)) : [];
  return refundEvents(order, account, amount, { ...occasion, credited }, context, pays);
}

/** What stands for money that went back at the provider, as if it had been asked for: it pays what is owed, and credits the rest. */
export function refundAtProvider(
  order: Order,
  { refundId, amount }: { readonly refundId: string; readonly amount: string },
  disputeId: string | undefined,
): NewEvent<'OrderRefundRequested'> {
  const account = accountOf({ ...order, disputes: undefined });
  const minor = amountMinor(amount, order.currency);
  const pays = account.owed > 0n ? lesser(minor, account.owed) : 0n;
  const onDispatch = capturesOnDispatch(order);
  const room = creditRoom(marksOf(order), onDispatch);
  const credits = room > 0n ? lesser(minor - pays, room) : 0n;
  const uninvoiced = pays === minor && account.uninvoiced >= minor;
  return {
    type: 'OrderRefundRequested',
    data: {
      refundId,
      amount,
      reason: disputeId === undefined ? 'refunded at the payment provider' : `dispute ${disputeId} was lost`,
      by: 'payments',
      credited: credits > 0n ? goodwillParts(order, credits, onDispatch) : [],
      ...(uninvoiced && { uninvoiced }),
      atProvider: true,
    },
  };
}

/** The refund of these lines that the policies allow: nothing of it was owed, and each part lies on the line it is for. */
export function refundOfLines(
  order: Order,
  lines: readonly RefundedLine[],
  occasion: Occasion,
  context: DecideContext,
): NewEvent[] {
  const credited = givenParts(order, lines, capturesOnDispatch(order)) as LinePart[];
  const amount = sumOf(credited, order.currency);
  return refundEvents(order, accountOf(order), amount, { ...occasion, credited }, context, 0n);
}

/** One refund, or two where a part of it is for what no invoice is over. `pays`: how much of it was owed. */
function refundEvents(
  order: Order,
  { uninvoiced }: Account,
  amount: bigint,
  how: Occasion & ({ readonly cause: 'owed' } | { readonly credited: LinePart[] }),
  context: DecideContext,
  pays = amount,
): NewEvent[] {
  if (amount <= 0n) return [];
  const apart = lesser(pays, uninvoiced);
  const refund = (minor: bigint, more: object): NewEvent => ({
    type: 'OrderRefundRequested',
    data: { refundId: context.newId(), amount: formatAmount(minor, order.currency), ...how, ...more },
  });
  return [
    ...(apart > 0n ? [refund(apart, { uninvoiced: true, ...('credited' in how && { credited: [] }) })] : []),
    ...(amount > apart ? [refund(amount - apart, {})] : []),
  ];
}

function lesser(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
