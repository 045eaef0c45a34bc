import { isDeepStrictEqual } from 'node:util';
import { Compile } from 'typebox/compile';
import type { Envelope } from '#contracts/envelope.ts';
import { amountMinor } from '#contracts/money.ts';
import type { EventData, OrderEvent } from '#contracts/order-events.ts';
import { EXTERNAL, ORDER_EVENTS, SOURCES } from '#contracts/order-events.ts';
import { emptyRow, foldEvent, type Row, type RulesContext } from '#platform/processor/aggregate.ts';
import { type Notification, OUTGOING } from '#notifications/rules.ts';
import { isForCustomer } from '#notifications/templates.ts';
import { LATE_FACTS, STATUSES } from '#orders/rules/lifecycle.ts';
import { fold } from '#orders/rules/evolve.ts';
import { accountOf } from '#orders/rules/settle.ts';
import { isDeciding, type Order } from '#orders/rules/state.ts';
import type { Payment } from '#payments/rules/model.ts';
import { fail } from './log.ts';
import type { Service } from './service.ts';
import { checkShortages } from './shortages.ts';
import type { Story } from './story.ts';
import { Worth } from './worth.ts';

/** What must hold: some of it always, all of it when nothing moves any more. */

const PLANNED = new Set([
  'duplicate',
  'the hold was released before',
  'the change was decided before',
  'an operator completed the order before the carrier reported',
  'the order is on hold for its shortage already',
  ...LATE_FACTS.map((fact) => fact.because),
]);

const SCHEMAS = new Map(Object.entries(ORDER_EVENTS).map(([type, { data }]) => [type, Compile(data)]));

export function checkPayment(story: Story, payment: Payment): void {
  const { orderId, authorized, captured, voided, refunded, amount } = payment;
  if (captured + voided > authorized)
    fail(`${orderId}: captured ${captured} and voided ${voided} of ${authorized} authorized`);
  if (refunded > captured) fail(`${orderId}: refunded ${refunded} of ${captured} captured`);
  if (authorized > amount) fail(`${orderId}: authorized ${authorized} of ${amount}`);
  for (const { key, calls } of payment.operations) {
    const left = story.outside.left.get(key) ?? 0;
    if (calls < left) fail(`${story.nameOf(orderId)}: ${left} calls left under ${key}, payments believe in ${calls}`);
  }
}

/** Reserved is the sum of live reservations, and never more than is there. */
export function checkReservations(story: Story): void {
  const { inventory } = story.services;
  const live = new Map<string, number>();
  for (const { state } of inventory.store.rows.values()) {
    if (state!.status !== 'RESERVED' && state!.allocations.length > 0)
      fail(`a ${state!.status} reservation still sets goods aside`);
    for (const { sku, location, quantity } of state!.allocations)
      live.set(`${sku} ${location}`, (live.get(`${sku} ${location}`) ?? 0) + quantity);
  }
  for (const [sku, { levels }] of inventory.store.shared) {
    for (const [location, { onHand, reserved, short = 0 }] of Object.entries(levels)) {
      const wanted = live.get(`${sku} ${location}`) ?? 0;
      if (reserved !== wanted)
        fail(`${reserved} ${sku} are reserved at ${location}, live reservations ask for ${wanted}`);
      if (reserved > onHand + short) fail(`${reserved} ${sku} are reserved at ${location} where ${onHand} are`);
    }
  }
}

export function checkEnd(story: Story): void {
  if (story.orderIds.length - story.followUps.size !== story.plan.orders) fail('an order was not taken');
  checkEverythingRead(story);
  checkReservations(story);
  checkStock(story);
  checkShortages(story);
  const own = new Map<string, OrderEvent[]>(story.orderIds.map((id) => [id, []]));
  for (const event of story.log.events) {
    if (!SCHEMAS.get(event.type)!.Check(event.data))
      fail(`${event.type} is not what its schema says: ${JSON.stringify(event.data)}`);
    own.get(event.subject)!.push(event as OrderEvent);
  }
  for (const id of story.orderIds) {
    const order = story.services.orders.state(id)!;
    const events = own.get(id)!;
    const worth = worthOf(story, id, events);
    checkOrder(story, id, order, events, worth);
    checkMoney(story, id, order, worth);
    checkDocuments(story, id, order, events);
  }
  checkFacts(story);
  checkNotifications(story);
  checkNumbers(story);
  checkRewind(story);
}

/** Nothing is left in an outbox, and every consumer has read all. */
function checkEverythingRead(story: Story): void {
  for (const { spec, store } of Object.values(story.services)) {
    if (story.relayed && store.published !== store.outbox.length)
      fail(`the relay of ${spec.name} has not published everything`);
    story.log.partitions.forEach((events, partition) => {
      for (let i = store.offsets[partition]!; i < events.length; i++) {
        if (spec.rules.consumes.includes(events[i]!.type as OrderEvent['type']))
          fail(`${spec.name} has not read ${events[i]!.type}`);
      }
    });
  }
}

/** On hand + shipped − returned = what was put on the shelf. */
function checkStock(story: Story): void {
  const gone = new Map<string, number>();
  const move = (sku: string, quantity: number): unknown => gone.set(sku, (gone.get(sku) ?? 0) + quantity);
  for (const id of story.orderIds) {
    const order = story.services.orders.state(id)!;
    // What another system shipped was never on a shelf here.
    if (order.origin?.kind === 'import' && order.allocations.length === 0) continue;
    for (const shipment of order.shipments) for (const { sku, quantity } of shipment.items) move(sku, quantity);
  }
  for (const event of story.log.events)
    if (event.type === 'OrderReturnReceived')
      for (const { sku, quantity } of (event.data as EventData<'OrderReturnReceived'>).items) move(sku, -quantity);
    else if (event.type === 'ShipmentFailed')
      for (const { sku, quantity } of (event.data as EventData<'ShipmentFailed'>).restocked ?? []) move(sku, -quantity);
  for (const [sku, { levels }] of story.services.inventory.store.shared) {
    let onHand = 0;
    for (const level of Object.values(levels)) onHand += level.onHand;
    const total = onHand + (gone.get(sku) ?? 0);
    if (total !== (story.adjusted.get(sku) ?? 0))
      fail(`${sku}: ${onHand} on hand and ${gone.get(sku) ?? 0} with customers, of ${story.adjusted.get(sku) ?? 0}`);
  }
}

const CHANGES = new Set(['OrderChangeRequested', 'OrderChanged', 'OrderChangeLapsed']);

/** Goods are kept from leaving only while a change of the order is being decided, as far as shipping has read. */
export function checkThawed(story: Story, id: string): void {
  const row = story.services.shipping.store.rows.get(id);
  if (!row?.state?.holds.includes('change')) return;
  const last = story.log.events.findLast(({ subject, type }) => subject === id && CHANGES.has(type));
  if (last && last.type !== 'OrderChangeRequested' && (row.consumed[SOURCES.orders] ?? 0) >= last.sequence)
    fail(`the parcels of ${story.nameOf(id)} wait for a change that was decided (${last.type})`);
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

/** What each step of the order was worth; fails where an event says another amount. */
function worthOf(story: Story, id: string, [created, ...events]: readonly OrderEvent[]): Worth {
  const worth = new Worth(story.nameOf(id), created!.data as EventData<'OrderCreated' | 'OrderImported'>);
  for (const event of events) worth.apply(event);
  return worth;
}

function checkOrder(story: Story, id: string, order: Order, events: readonly OrderEvent[], worth: Worth): void {
  const name = story.nameOf(id);
  if (!STATUSES[order.status].final) fail(`${name} never ends; it is ${order.status}`);
  if (order.holds.length > 0 || order.deadlineAt !== undefined || isDeciding(order))
    fail(`${name} is ${order.status} and still waits for something`);
  const ownEvents = events.filter((event) => event.source === SOURCES.orders);
  // By way of JSON, as the log stores them.
  if (
    !isDeepStrictEqual(
      plain(fold(ownEvents.map((event) => ({ type: event.type, data: plain(event.data) })))),
      plain(order),
    )
  )
    fail(`${name}: its events do not give the stored order`);
  if (ownEvents.length !== story.services.orders.store.rows.get(id)!.sequence)
    fail(`${name}: its version is not the number of its events`);
  if (events[0]!.type === 'OrderImported') {
    if (events.some(({ source, type }) => source === SOURCES.inventory && type !== 'StockReturned'))
      fail(`${name} is of the past, and moved stock`);
    return;
  }
  const review = story.services.reviews.state(id);
  if (review?.status === 'pending') fail(`${name}: its review was never decided`);
  if (order.reviewReasons.length > 0) {
    const asked = events.findIndex((event) => event.type === 'OrderPaymentRequested');
    const approved = events.findIndex((event) => event.type === 'ReviewApproved');
    if (asked >= 0 && (approved < 0 || approved > asked)) fail(`${name} is charged before its review was approved`);
  }
  const reservation = story.services.inventory.state(id)!;
  if (reservation.status === 'RESERVED' || reservation.status === 'BACKORDERED')
    fail(`${name} is ${order.status} and its reservation ${reservation.status}`);
  if (order.status === 'COMPLETED') {
    if (worth.open > 0) fail(`${name} is COMPLETED, and ${worth.open} pieces have neither left nor been cancelled`);
  } else if (order.shipments.length > 0) fail(`${name} is ${order.status}, and parcels of it have left`);
}

function checkMoney(story: Story, id: string, order: Order, worth: Worth): void {
  const name = story.nameOf(id);
  const ours = story.services.payments.state(id);
  const sums = { authorized: 0n, captured: 0n, voided: 0n, refunded: 0n };
  // What was paid elsewhere is in no provider's books.
  if (ours?.provider === EXTERNAL) Object.assign(sums, ours);
  let charges = 0;
  for (const charge of story.outside.books.charges.values()) {
    if (charge.orderId !== id || charge.status !== 'approved') continue;
    charges++;
    for (const field of ['authorized', 'captured', 'voided', 'refunded'] as const) sums[field] += charge[field];
  }
  if (charges > 1) fail(`${name} is charged ${charges} times`);
  for (const field of ['authorized', 'captured', 'voided', 'refunded'] as const) {
    if ((ours?.[field] ?? 0n) !== sums[field])
      fail(`${name}: our books say ${ours?.[field] ?? 0n} ${field}, the provider's ${sums[field]}`);
  }
  const total = amountMinor(order.totalAmount, order.currency);
  const left = sums.authorized - sums.captured - sums.voided;
  if (left !== 0n) fail(`${name} is ${order.status} with ${left} authorized and neither captured nor given up`);
  if (worth.standing !== total) fail(`${name} is over ${total}, what stands of it is worth ${worth.standing}`);
  if (order.status === 'COMPLETED') {
    worth.checkEnd();
    if (sums.captured < total) fail(`${name} is COMPLETED with ${sums.captured} of ${total} captured`);
    const owed = sums.captured - sums.refunded - (total - worth.credited);
    if (owed !== worth.leftToPerson)
      fail(
        `${name}: of ${sums.captured} captured ${sums.refunded} went back; over ${total} with ${worth.credited} credited that leaves ${owed} owed, ${worth.leftToPerson} is left to people`,
      );
  } else if (sums.captured !== sums.refunded) {
    fail(`${name} is ${order.status} and holds money: ${JSON.stringify(plainSums(sums))}`);
  }
  if (amountMinor(order.refundedAmount, order.currency) !== sums.refunded)
    fail(`${name} says ${order.refundedAmount} refunded, the provider ${sums.refunded}`);
  if (order.paymentStatus !== (ours?.status ?? 'NONE'))
    fail(`${name} says its payment is ${order.paymentStatus}, payments ${ours?.status ?? 'nothing'}`);
  if (order.refunds.some((refund) => refund.status === 'REQUESTED')) fail(`${name}: a refund was never decided`);
}

function plainSums(sums: Readonly<Record<string, bigint>>): Record<string, string> {
  return Object.fromEntries(Object.entries(sums).map(([name, value]) => [name, String(value)]));
}

/** One invoice per completed order, or one per parcel; less its credit notes it is over what the order was paid and not given back. */
function checkDocuments(story: Story, id: string, order: Order, events: readonly OrderEvent[]): void {
  const name = story.nameOf(id);
  const minor = (amount: string): bigint => amountMinor(amount, order.currency);
  const invoices = events.filter((event) => event.type === 'InvoiceIssued');
  const parts = events.filter((event) => event.type === 'OrderPartSold').length;
  const isSold =
    order.status === 'COMPLETED' && order.origin?.kind !== 'replacement' && events[0]!.type !== 'OrderImported';
  if (invoices.length !== (isSold ? (parts > 0 ? parts : 1) : 0))
    fail(`${name} is ${order.status} with ${invoices.length} invoices`);
  if (invoices.length === 0) return;
  let net = 0n;
  for (const invoice of invoices) net += minor(invoice.data.totalAmount);
  for (const event of events) if (event.type === 'CreditNoteIssued') net -= minor(event.data.amount);
  const { captured, refunded } = story.services.payments.state(id)!;
  // What the provider refused to give back of what was cancelled is on no document.
  if (net !== captured - refunded - accountOf(order).uninvoiced)
    fail(`${name}: its documents are over ${net}, it was paid ${captured} and given back ${refunded}`);
}

/** Every fact of another service about an order changed it, or changes nothing for a planned reason. */
function checkFacts(story: Story): void {
  const causes = new Set<string>();
  for (const event of story.log.events) if (event.source === SOURCES.orders) causes.add(event.causationid);
  for (const event of story.log.events) {
    if (!story.services.orders.types.has(event.type) || causes.has(event.id)) continue;
    const because = story.ignoredBy.get(`orders ${event.id}`);
    if (because === undefined || !PLANNED.has(because))
      fail(`${story.nameOf(event.subject)} lost ${event.type} (${because ?? 'no reason'})`);
  }
}

function checkNotifications(story: Story): void {
  const notified = new Set<string>();
  for (const [key, times] of story.notified) {
    if (times > 1) fail(`the notification ${key} went out ${times} times`);
    notified.add(key.slice(0, key.indexOf(' ')));
  }
  for (const event of story.log.events)
    if (isForCustomer(event) && !notified.has(event.id) && !isPast(story, event))
      fail(`nobody was notified of ${event.type}`);
}

/** Of what happened in another system nobody is notified. */
function isPast(story: Story, { subject, type }: OrderEvent | Envelope): boolean {
  const { origin } = story.services.orders.state(subject)!;
  return origin !== undefined && (type === 'OrderCreated' || type === 'OrderPaid');
}

/** What a service has read, it can read again from any place (`olms replay`): nothing is said, done or changed twice. */
function checkRewind(story: Story): void {
  const notified = new Set([...story.notified.keys()].map((key) => key.slice(0, key.indexOf(' '))));
  for (const service of Object.values(story.services) as unknown as Service<unknown, unknown, unknown, unknown>[]) {
    const rows = new Map<string, Row<unknown>>();
    const context: RulesContext<unknown> = {
      nowMs: story.scheduler.nowMs,
      newId: () => story.ids.next(story.scheduler.nowMs),
      shared: { get: () => undefined },
    };
    for (const entries of story.log.partitions) {
      for (const event of entries.slice(story.random.below(entries.length + 1))) {
        if (!service.types.has(event.type)) continue;
        const before = rows.get(event.subject) ?? service.load(event.subject) ?? emptyRow(event.subject);
        const { row, events, effects, shared } = foldEvent(service.rules, before, event, context);
        const again = `${service.spec.name} reads ${event.type} of ${story.nameOf(event.subject)} again`;
        if (events.length > 0) fail(`${again} and says ${events.map(({ type }) => type).join(', ')}`);
        if (effects.length > 0 && service.spec.name !== 'notifications') fail(`${again} and acts`);
        // Notifications are written where none of their event is: src/notifications/store.ts.
        const notifications = shared?.get(OUTGOING) as readonly Notification[] | undefined;
        if (shared && !notifications) fail(`${again} and moves shared values`);
        if (notifications?.some(({ eventId }) => !notified.has(eventId))) fail(`${again} and notifies somebody`);
        if (!isDeepStrictEqual(row.state, before.state)) fail(`${again} and changes its state`);
        rows.set(event.subject, row);
      }
    }
  }
}

/** Numbers of documents have no gaps and no repetitions. */
function checkNumbers(story: Story): void {
  const numbers: string[] = [];
  for (const event of story.log.events) {
    if (event.type === 'InvoiceIssued') numbers.push((event.data as EventData<'InvoiceIssued'>).invoiceNumber);
    if (event.type === 'CreditNoteIssued') numbers.push((event.data as EventData<'CreditNoteIssued'>).creditNoteNumber);
  }
  for (const prefix of ['INV', 'CRN']) {
    const used = numbers
      .filter((number) => number.startsWith(prefix))
      .map((number) => Number(number.slice(4)))
      .sort((a, b) => a - b);
    used.forEach(
      (number, index) => number !== index + 1 && fail(`${prefix} numbers have gaps or repetitions: ${used.join(', ')}`),
    );
  }
}
