import type { Envelope } from '#contracts/envelope.ts';
import { type EventData, EXTERNAL } from '#contracts/order-events.ts';
import { billingRules, countersOf, type Invoice } from '#billing/rules.ts';
import { type Level, NO_STOCK } from '#inventory/rules/stock.ts';
import { inventoryRules, type InventoryCommand, type Reservation, type StockOfSku } from '#inventory/rules.ts';
import { type Correspondence, type Notification, notificationRules } from '#notifications/rules.ts';
import { readConfig } from '#notifications/settings.ts';
import type { Order } from '#orders/rules/state.ts';
import type { OrderCommand } from '#orders/rules/commands.ts';
import { nextDeadline } from '#orders/rules/deadlines.ts';
import { orderRules } from '#orders/rules.ts';
import { nextAttemptOf, type Payment, type PaymentCommand, type PaymentEffect } from '#payments/rules/model.ts';
import { eventsToRead, paymentRules } from '#payments/rules.ts';
import { type Review, type ReviewCommand, reviewRules } from '#reviews/rules.ts';
import { rulesWithSandbox } from '#shipping/rules.ts';
import { type CarrierDue, nextDueMs, type Shipping, type ShippingCommand } from '#shipping/rules/model.ts';
import { checkPayment, checkReservations } from './checks.ts';
import { checkLines } from './lines.ts';
import { shortPlaces } from './shortages.ts';
import type { Faults } from './faults.ts';
import { followUp } from './goods.ts';
import { payAgain } from './pay-again.ts';
import type { Story } from './story.ts';
import { Service } from './service.ts';
import type { Spec } from './world.ts';

const { writing: WRITING } = readConfig({});

/** The services of a story: their own rules, and beside them what their SQL and their jobs do. */

export interface Services {
  readonly orders: Service<Order, OrderCommand, never, never>;
  readonly inventory: Service<Reservation, InventoryCommand, never, StockOfSku>;
  readonly payments: Service<Payment, PaymentCommand, PaymentEffect, never>;
  readonly shipping: Service<Shipping, ShippingCommand, CarrierDue, never>;
  readonly reviews: Service<Review, ReviewCommand, unknown, never>;
  readonly notifications: Service<Correspondence, never, unknown, readonly Notification[]>;
  readonly billing: Service<Invoice, never, never, number>;
}

export function createServices(story: Story): Services {
  const { plan, faults } = story;
  const replicas = plan.replicas;
  const make = <State, Command, Effect, Value>(
    spec: Spec<State, Command, Effect, Value>,
  ): Service<State, Command, Effect, Value> => new Service(spec, story, replicas);
  const orders = orderRules(plan.deadlines, plan.invoicesDispatches);
  const paying = paymentRules({
    capture: plan.capture,
    providers: new Set(['sandbox']),
    timeoutMs: 2_000,
    cancelSafetyMs: 30_000,
    actionMs: 1_800_000,
  });
  const payments = { ...paying, consumes: eventsToRead(paying, plan.capture, false) };
  const reviews = reviewRules({ deadlineMs: plan.reviewDeadlineMs });
  const shipping = rulesWithSandbox(plan.carrierDelayMs);
  return {
    orders: make({
      name: 'orders',
      rules: faults.orders ? faults.orders(orders) : orders,
      dueAt: (order) => {
        const dueAt = nextDeadline(order);
        return dueAt === undefined ? undefined : Date.parse(dueAt);
      },
      dueCommand: () => ({ command: { type: 'expire' } }),
      lookEveryMs: 1_000,
      onSaved: (changes, events) => {
        followUp(story, changes, events);
        payAgain(story, events);
      },
    }),
    inventory: make({
      name: 'inventory',
      rules: faults.inventory ? faults.inventory(inventoryRules) : inventoryRules,
      opensWith: ['OrderCreated'],
      sharedKeys: skusOf,
      saveShared: (stored, changes) => saveStock(stored, changes, faults),
      onSaved: (changes, events) => {
        checkReservations(story);
        checkLines(story, changes, events);
        const left = changes.some(
          ({ before, after: { state } }) =>
            (state!.status === 'RELEASED' && state!.demand.length > 0) ||
            (state!.status === 'BACKORDERED' && before.state?.status === 'BACKORDERED'),
        );
        if (left || events.some(({ type }) => type === 'StockReleased' || type === 'StockReturned'))
          story.stockArrived();
        else if (shortPlaces(story).length > 0 && events.some(({ type }) => type === 'StockShipped'))
          story.stockArrived();
      },
    }),
    payments: make({
      name: 'payments',
      rules: faults.payments ? faults.payments(payments) : payments,
      opensWith: ['OrderPaymentRequested', 'OrderImported'],
      perform: (effects, replica) => {
        for (const effect of effects) story.outside.call(effect, replica);
      },
      dueAt: nextAttemptOf,
      dueCommand: (payment) => {
        const operation = payment.operations.find((candidate) => candidate.nextAttemptAt !== undefined);
        return (
          operation && {
            command: { type: 'due' },
            cause: { causationid: operation.id, correlationid: operation.correlationid },
          }
        );
      },
      lookEveryMs: 1_000,
      onSaved: (changes) => {
        for (const { after } of changes) {
          checkPayment(story, after.state!);
          if (after.state!.provider === EXTERNAL) story.actByHand(after.id);
        }
      },
    }),
    shipping: make({
      name: 'shipping',
      rules: faults.shipping ? faults.shipping(shipping) : shipping,
      opensWith: ['OrderReadyForShipment'],
      dueAt: nextDueMs,
      dueCommand: (state) => ({ command: { type: 'carry' }, ...(state.cause && { cause: state.cause }) }),
      lookEveryMs: 1_000,
    }),
    reviews: make<Review, ReviewCommand, unknown, never>({
      name: 'reviews',
      rules: faults.reviews ? faults.reviews(reviews) : reviews,
      opensWith: ['OrderCreated'],
      dueAt: (review) => (review.status === 'pending' ? Date.parse(review.deadlineAt) : undefined),
      dueCommand: () => ({ command: { type: 'expire' } }),
      lookEveryMs: 10_000,
    }),
    notifications: make<Correspondence, never, unknown, readonly Notification[]>({
      name: 'notifications',
      rules: notificationRules({ carried: new Set(plan.mail ? ['email'] : []), writing: WRITING }),
      unversioned: true,
      saveShared: (_, changes) => {
        for (const change of changes) for (const notification of change.after) notify(story, notification);
        return true;
      },
    }),
    billing: make({
      name: 'billing',
      rules: faults.billing ? faults.billing(billingRules) : billingRules,
      opensWith: ['OrderCompleted'],
      sharedKeys: ({ event }, invoice) => (event ? countersOf(event, invoice, { nowMs: 0 }) : []),
      saveShared: (stored, changes) => {
        for (const { key, before } of changes) if (stored.get(key) !== before) return false;
        for (const { key, after } of changes) stored.set(key, after);
        return true;
      },
    }),
  };
}

function notify({ notified, faults }: Story, { eventId, channel }: Notification): void {
  const key = `${eventId} ${channel}`;
  const before = notified.get(key) ?? 0;
  if (before === 0 || faults.uniqueNotifications === false) notified.set(key, before + 1);
}

/** As the SQL does: by differences, never more set aside than is there, and nobody takes past a line that they have not seen. */
function saveStock(
  stored: Map<string, StockOfSku>,
  changes: readonly { key: string; before: StockOfSku | undefined; after: StockOfSku }[],
  faults: Faults,
): boolean {
  const next = new Map<string, StockOfSku>();
  for (const { key, before = NO_STOCK, after } of changes) {
    const present = stored.get(key) ?? NO_STOCK;
    const levels = { ...present.levels };
    const taken = (after.takes ?? 0) - (before.takes ?? 0);
    let takes = taken > 0;
    for (const [location, level] of Object.entries(after.levels)) {
      const old = before.levels[location] ?? { onHand: 0, reserved: 0 };
      const now: Level = present.levels[location] ?? { onHand: 0, reserved: 0 };
      const onHand = now.onHand + level.onHand - old.onHand;
      const reserved = now.reserved + level.reserved - old.reserved;
      const lacking = reserved - onHand;
      const short = Math.max(0, Math.min(now.short ?? 0, lacking));
      if ((lacking > short || reserved < 0) && faults.stockGuard !== false) return false;
      if (level.reserved > old.reserved) takes = true;
      levels[location] = { onHand, reserved, ...(short > 0 && { short }) };
    }
    const lineMoves = after.lineMoves - before.lineMoves;
    if (takes && present.lineMoves !== before.lineMoves) return false;
    const places = Object.keys(present.levels).length;
    if (lineMoves > 0 && places !== Object.keys(before.levels).length) return false;
    next.set(key, {
      levels,
      waiting: present.waiting + after.waiting - before.waiting,
      lineMoves: present.lineMoves + lineMoves,
      losses: present.losses,
      ...((present.takes ?? 0) + taken > 0 && { takes: (present.takes ?? 0) + taken }),
    });
  }
  for (const [key, stock] of next) stored.set(key, stock);
  return true;
}

/** The shared keys of src/inventory/service.ts: SKUs whose stock an event or command may touch. */
function skusOf({ event }: { event?: Envelope }, reservation: Reservation | undefined): string[] {
  if (event?.type === 'OrderCreated' || event?.type === 'OrderReturnReceived')
    return (event.data as EventData<'OrderReturnReceived'>).items.map((item) => item.sku);
  if (event?.type === 'ShipmentFailed')
    return ((event.data as EventData<'ShipmentFailed'>).restocked ?? []).map((item) => item.sku);
  return [...new Set([...(reservation?.allocations ?? []), ...(reservation?.demand ?? [])].map((entry) => entry.sku))];
}
