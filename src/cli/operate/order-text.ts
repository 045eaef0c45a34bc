import { formerNumber } from '#contracts/order-number.ts';
import type { Order, ParkedOrder, Payment, Shipment } from '#client/client.ts';
import { facts, momentOf, table } from '#cli/output.ts';

/** One order as a page for people: where it stands, what it holds, its money, its parcels, and what may be done. */

export interface OrderPage {
  readonly order: Order;
  /** Undefined where payments could not be asked. */
  readonly payment: Payment | undefined;
  readonly shipments: readonly Shipment[];
  /** Events of it that wait for a person. */
  readonly parked: readonly ParkedOrder[];
  /** Services that could not be asked, and why. */
  readonly unknown: readonly string[];
}

export function orderPage({ order, payment, shipments, parked, unknown }: OrderPage): string {
  return [
    headOf(order, parked, unknown),
    linesOf(order),
    section('Payment', payment && paymentText(payment)),
    section('Parcels', shipments.length === 0 ? undefined : shipmentTable(shipments)),
    section('Claims', order.claims === undefined ? undefined : claimTable(order.claims)),
    section('Returns', order.returns.length === 0 ? undefined : returnTable(order)),
    section('Refunds', order.refunds.length === 0 ? undefined : refundTable(order)),
    actionsOf(order),
  ]
    .filter((part) => part !== undefined)
    .join('\n\n');
}

function section(title: string, text: string | undefined): string | undefined {
  return text === undefined ? undefined : `${title}\n${indented(text)}`;
}

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ');
}

const INDENT = 2;

function headOf(order: Order, parked: readonly ParkedOrder[], unknown: readonly string[]): string {
  const { contact = {}, shippingAddress: address } = order;
  const title = `Order ${order.number}${order.reference === undefined ? '' : `, ${order.reference}`}`;
  return `${title}\n${indented(
    facts(
      [
        ['id', order.id],
        ['status', `${order.status}, payment ${order.paymentStatus}, fulfillment ${order.fulfillmentStatus}`],
        ['ended because', order.endReason],
        ['customer', listed(order.customerId ?? 'guest', contact.email, contact.phone)],
        [
          'ship to',
          address &&
            listed(
              address.name,
              address.company,
              address.line1,
              address.line2,
              [address.postalCode, address.city].filter(Boolean).join(' '),
              address.region,
              address.country,
            ),
        ],
        ['channel', order.channel],
        ['created', momentOf(order.createdAt)],
        ['changed', `${momentOf(order.updatedAt)}, version ${order.version}`],
        ['waits until', order.deadlineAt && momentOf(order.deadlineAt)],
        ...order.holds.map((hold): [string, string] => [
          'hold',
          `${hold.type} by ${hold.by}: ${hold.reason}${hold.reviewId === undefined ? '' : `, review ${hold.reviewId}`}`,
        ]),
        ['cancellation', order.cancellation && `asked for by ${order.cancellation.by}: ${order.cancellation.reason}`],
        ...parked.map((entry): [string, string] => [
          'PARKED',
          `${entry.eventType} at ${entry.consumer} since ${momentOf(entry.parkedAt)}: ${entry.reason ?? 'waits behind another event'}`,
        ]),
        ...unknown.map((text): [string, string] => ['not known', text]),
      ],
      100 - INDENT,
    ),
  )}`;
}

function listed(...parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '').join(', ');
}

function linesOf(order: Order): string {
  const charges = (
    [
      ['Discount', '-', order.discountLines],
      ['Shipping', '', order.shippingLines],
      ['Tax', '', order.taxLines],
    ] as const
  ).flatMap(([name, sign, lines]) => lines.map((line) => ['', line.name ?? name, '', '', '', `${sign}${line.amount}`]));
  const items = order.items.map(({ line, sku, name, quantity, unitPrice, amount }) => [
    line,
    name ?? sku,
    sku,
    quantity,
    unitPrice,
    amount,
  ]);
  const total = ['', 'Total', '', '', '', `${order.totalAmount} ${order.currency}`];
  return section(
    'Lines',
    table(['', 'article', 'sku', 'quantity', 'price', 'amount'], [...items, ...charges, total], {
      flexible: ['article', 'sku'],
      width: 100 - INDENT,
    }),
  )!;
}

/** Money of an order, and every operation behind it. */
export function paymentText(payment: Payment): string {
  const { currency } = payment;
  const amounts = facts([
    ['provider', payment.provider],
    ['status', payment.status],
    ['authorized', `${payment.authorized} ${currency}`],
    ['captured', `${payment.captured} ${currency}`],
    ['refunded', Number(payment.refunded) === 0 ? undefined : `${payment.refunded} ${currency}`],
    ['voided', Number(payment.voided) === 0 ? undefined : `${payment.voided} ${currency}`],
  ]);
  const rows = payment.operations.map((operation) => [
    operation.kind,
    operation.amount,
    operation.state,
    operation.attempts === 0 ? '' : operation.attempts,
    operation.nextAttemptAt && momentOf(operation.nextAttemptAt),
    operation.reason ?? operation.providerReference,
  ]);
  const operations = table(['operation', 'amount', 'state', 'tries', 'next try', 'reference or reason'], rows, {
    flexible: ['reference or reason'],
    width: 100 - INDENT,
  });
  return `${amounts}\n\n${operations}`;
}

export function shipmentTable(shipments: readonly Shipment[]): string {
  const rows = shipments.map(({ id, status, paused, location, carrier, trackingNumber, tracking, items }) => [
    id,
    // What the carrier said of it, while nothing else is said of its end.
    listed(status === 'SCHEDULED' ? (paused ? 'waits: on hold' : 'waits') : status, saidOf(status, tracking)),
    location,
    listed(carrier, trackingNumber),
    items.map(({ sku, quantity }) => `${quantity} × ${sku}`).join(', '),
  ]);
  return table(['shipment', 'status', 'location', 'carrier', 'items'], rows, {
    flexible: ['items', 'carrier'],
    width: 100 - INDENT,
  });
}

function saidOf(status: string, tracking: Shipment['tracking']): string | undefined {
  return status === 'DISPATCHED' || status === 'LOST' ? tracking?.status.replaceAll('_', ' ') : undefined;
}

export function claimTable(claims: NonNullable<Order['claims']>): string {
  const rows = claims.map(({ claimId, kind, resolution, items, followUpId, status, reason }) => [
    claimId,
    kind,
    followUpId === undefined ? resolution : listed(`${resolution}: ${formerNumber(followUpId)}`, status),
    items.map(({ sku, quantity }) => `${quantity} × ${sku}`).join(', '),
    reason,
  ]);
  return table(['claim', 'parcel', 'resolution', 'items', 'reason'], rows, {
    flexible: ['items', 'reason', 'resolution'],
    width: 100 - INDENT,
  });
}

export function returnTable({ returns }: Order): string {
  const rows = returns.map((entry) => [
    entry.returnId,
    entry.closed ? 'closed' : entry.received ? 'received' : 'on its way',
    entry.items.map(({ sku, quantity }) => `${quantity} × ${sku}`).join(', '),
    entry.reason,
  ]);
  return table(['return', 'status', 'items', 'reason'], rows, { flexible: ['items', 'reason'], width: 100 - INDENT });
}

function refundTable({ refunds, currency }: Order): string {
  const rows = refunds.map(({ refundId, amount, status, reason }) => [
    refundId,
    `${amount} ${currency}`,
    status,
    reason,
  ]);
  return table(['refund', 'amount', 'status', 'reason'], rows, { flexible: ['reason'], width: 100 - INDENT });
}

function actionsOf({ allowedActions, refusedActions }: Order): string {
  const refused = Object.entries(refusedActions).map(([action, why]): [string, string] => [
    action,
    `${why!.reason} (${why!.code})`,
  ]);
  return [
    section('Can be done', indentedList(allowedActions)),
    section('Cannot be done', refused.length === 0 ? undefined : facts(refused, 100 - INDENT)),
  ]
    .filter((part) => part !== undefined)
    .join('\n\n');
}

function indentedList(names: readonly string[]): string {
  return names.length === 0 ? 'nothing' : names.join(', ');
}
