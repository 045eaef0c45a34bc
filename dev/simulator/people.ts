import { formatAmount } from '#contracts/money.ts';
import type { SkuQuantity } from '#contracts/order-events.ts';
import type { Product } from '#contracts/peers.ts';
import { NO_STOCK } from '#inventory/rules/stock.ts';
import type { OrderCommand, RefundedLine } from '#orders/rules/commands.ts';
import { ONCE_PAID, OPEN_STATUSES } from '#orders/rules/lifecycle.ts';
import { refundable, returnable } from '#orders/rules/returns.ts';
import { place } from '#orders/rules/placement.ts';
import type { Order } from '#orders/rules/state.ts';
import type { Shipment, ShipmentStatus } from '#shipping/rules/model.ts';
import { actOnGoods, claim, GOODS_ACTIONS, receiveSome } from './goods.ts';
import { checkThawed } from './checks.ts';
import { fail } from './log.ts';
import { boundMs, START_MS } from './plan.ts';
import { Random } from './random.ts';
import { drawnRequest, varied } from './request.ts';
import type { Story } from './story.ts';

/** Customers, operators and warehouse people: they act when they like, on what they saw a moment ago. */

const ACTION_NAMES =
  'cancel cancel hold release amend complete return receive refund refund approve approve reject dispatch dispatch deliver';
type PersonsAction =
  | 'cancel'
  | 'hold'
  | 'release'
  | 'amend'
  | 'complete'
  | 'return'
  | 'receive'
  | 'refund'
  | 'approve'
  | 'reject'
  | 'dispatch'
  | 'deliver';
/** As often as they are wanted. */
const ACTIONS = ACTION_NAMES.split(' ') as PersonsAction[];
const LOCATIONS = ['east', 'west'] as const;
const AFTERWARDS = [
  'return',
  'return',
  'receive',
  'refund',
  'refund',
  'cancel',
] as const satisfies readonly PersonsAction[];
const REGARDLESS_ROUND = 12;
/** Enough that most orders with more lines find what they want. */
const STOCK_MORE = 30;
const IMPORTS_SEED = 0x0badcafe;
const LATER_SEED = 0x71ab5e9d;

export class People {
  readonly #story: Story;
  readonly #catalog = new Map<string, Product>();
  /** What people still want of orders that are complete. */
  readonly #wishes = new Map<string, number>();
  #rounds = 0;
  #supervised = false;
  /** Imports came later; with numbers of their own, they left every story without them as it was. */
  readonly #imports: Random;
  /** Refunds of lines came later still. */
  readonly #later: Random;

  constructor(story: Story, seed: number) {
    this.#story = story;
    this.#imports = new Random(seed ^ IMPORTS_SEED);
    this.#later = new Random(seed ^ LATER_SEED);
  }

  begin(): void {
    const { plan, random, scheduler, services } = this.#story;
    services.billing.store.shared.set('invoice', 0).set('credit-note', 0);
    for (let i = 0; i < plan.skus; i++) {
      const sku = `SKU-${i + 1}`;
      this.#catalog.set(sku, { id: sku, sku, name: `Thing ${i + 1}` });
      services.inventory.store.shared.set(sku, NO_STOCK);
      for (let place = 0; place < plan.locations; place++)
        this.#story.adjust(
          sku,
          LOCATIONS[place]!,
          random.between(0, plan.locations === 1 ? 8 : 4) + (plan.varied ? this.#story.variety.below(STOCK_MORE) : 0),
        );
      for (let n = random.below(3); n > 0; n--) {
        scheduler.after(random.duration(1, 4 * plan.actingMs), () =>
          this.#story.adjust(sku, random.pick(LOCATIONS), random.between(-2, 4)),
        );
      }
    }
    // In a rush everybody buys at once, and the shelf is counted meanwhile.
    const rush = random.chance(0.35) ? random.below(plan.actingMs) : undefined;
    for (let i = 0; i < plan.orders; i++) {
      scheduler.after(rush === undefined ? random.below(plan.actingMs) : rush + random.below(10), () => this.#buy());
    }
    if (rush !== undefined)
      scheduler.after(rush + random.below(50), () => this.#story.adjust('SKU-1', LOCATIONS[0], random.between(-4, 2)));
    for (let n = plan.troubles.kill.left; n > 0; n--)
      scheduler.after(random.duration(1, plan.actingMs), () => this.#story.strikes('kill') && this.#story.killSome());
    if (random.chance(0.3)) scheduler.after(random.duration(1, plan.actingMs), () => this.#story.rebalanceSome());
    this.#story.supervise = () => !this.#supervised && this.#supervise(plan.supervisorMs);
    this.#story.supervise();
  }

  #buy(): void {
    const { plan, random, scheduler } = this.#story;
    const drawn = drawnRequest(random, [...this.#catalog.keys()], () => this.#story.ids.next(scheduler.nowMs));
    const data = place(
      plan.varied ? varied(drawn, this.#story.variety) : drawn,
      { bySku: (sku) => this.#catalog.get(sku), byId: (id) => this.#catalog.get(id) },
      {
        createdDeadlineMs: plan.deadlines.CREATED,
        reviewDeadlineMs: plan.reviewDeadlineMs,
        reviewTotals: new Map([['EUR', 200_000n]]),
        defaultProvider: 'sandbox',
      },
      { nowMs: scheduler.nowMs, newId: () => this.#story.ids.next(scheduler.nowMs) },
    );
    if ('length' in data) return fail(`an order is not taken: ${data[0]!.detail}`);
    const id = this.#story.take(data, this.#elsewhere());
    if (id === undefined) return scheduler.after(500, () => this.#buy());
    this.#wishes.set(id, (random.chance(0.5) ? 0 : random.below(5)) + (plan.varied ? this.#story.variety.below(6) : 0));
    for (let n = random.below(4); n > 0; n--)
      scheduler.after(random.duration(1, plan.actingMs), () => this.#act(id, random.pick(ACTIONS)));
    if (!plan.varied) return;
    const { variety } = this.#story;
    for (let n = variety.below(5); n > 0; n--) {
      const action = variety.pick(GOODS_ACTIONS);
      scheduler.after(variety.duration(1, plan.actingMs), () => actOnGoods(this.#story, id, action));
    }
  }

  /** A few orders were taken in another system: some ended there, some are to be fulfilled here. */
  #elsewhere(): 'history' | 'open' | undefined {
    const chance = this.#imports.below(100);
    return chance < 3 ? 'history' : chance < 9 ? 'open' : undefined;
  }

  #order(id: string, command: OrderCommand): void {
    const { services, ids, scheduler } = this.#story;
    services.orders.submit(id, command, { key: ids.next(scheduler.nowMs) });
  }

  #act(id: string, action: PersonsAction): void {
    const { services, random } = this.#story;
    const order = services.orders.state(id)!;
    const by = 'somebody';
    const reason = 'so it is';
    switch (action) {
      case 'cancel':
        return this.#order(id, { type: 'cancel', reason, by });
      case 'hold':
        return this.#order(id, { type: 'hold', hold: random.pick(['manual', 'fraud']), reason, by });
      case 'release':
        return this.#order(id, { type: 'release', hold: order.holds.at(-1)?.type ?? 'manual', reason, by });
      case 'amend':
        return this.#order(id, {
          type: 'amend',
          changes: random.chance(0.5)
            ? { reference: random.chance(0.5) ? 'PO-2' : null }
            : { contact: { phone: '+49 30 2', email: null }, shippingAddress: { city: 'Bonn' } },
          by,
        });
      case 'complete':
        return this.#order(id, { type: 'complete', by });
      case 'return':
        return this.#order(id, {
          type: 'requestReturn',
          reason,
          by,
          ...(random.chance(0.5) && { items: this.#some(returnable(order)) }),
          ...this.#someLines(order),
        });
      case 'receive': {
        if (this.#story.plan.varied && this.#story.variety.chance(0.6)) return receiveSome(this.#story, id, order);
        const awaited = order.returns.find((entry) => !entry.received);
        return (
          awaited &&
          this.#order(id, {
            type: 'receiveReturn',
            returnId: awaited.returnId,
            location: random.pick(LOCATIONS),
            refund: random.chance(0.6),
            by,
          })
        );
      }
      case 'refund': {
        const most = refundable(order);
        const lines = this.#refundedLines(order, most);
        if (lines.length > 0) return this.#order(id, { type: 'requestRefund', reason, by, lines });
        const amount = random.chance(0.5) && most > 1n ? formatAmount(most / 2n, order.currency) : undefined;
        return this.#order(id, { type: 'requestRefund', reason, by, ...(amount !== undefined && { amount }) });
      }
      case 'approve':
      case 'reject':
        return void services.reviews.submit(id, { type: action, reason, by });
      case 'dispatch': {
        const waiting = this.#oneOf(id, 'SCHEDULED');
        if (!waiting) return undefined;
        const some = random.chance(0.2) && { items: [{ sku: random.pick(waiting.items).sku, quantity: 1 }] };
        return void services.shipping.submit(id, {
          type: 'dispatch',
          shipmentId: waiting.id,
          carrier: random.pick(['sandbox', 'dhl']),
          trackingNumber: 'T1',
          by,
          ...some,
        });
      }
      case 'deliver': {
        const onItsWay = this.#oneOf(id, 'DISPATCHED');
        return void (onItsWay && services.shipping.submit(id, { type: 'deliver', shipmentId: onItsWay.id, by }));
      }
    }
  }

  #oneOf(id: string, status: ShipmentStatus): Shipment | undefined {
    const shipments =
      this.#story.services.shipping.state(id)?.shipments.filter((shipment) => shipment.status === status) ?? [];
    return shipments.length === 0 ? undefined : this.#story.random.pick(shipments);
  }

  #some(items: readonly SkuQuantity[]): SkuQuantity[] {
    const { random } = this.#story;
    return items
      .slice(0, random.between(1, 2))
      .map(({ sku, quantity }) => ({ sku, quantity: random.between(1, quantity) }));
  }

  /** Now and then pieces of lines instead of SKUs, more than there are among them. */
  #someLines(order: Order): { items?: undefined; lines?: { line: number; quantity: number }[] } {
    const { plan, variety } = this.#story;
    if (!plan.varied || variety.chance(0.4)) return {};
    const lines = order.items
      .filter(() => variety.chance(0.7))
      .map(({ line, quantity }) => ({ line, quantity: variety.between(1, variety.chance(0.5) ? 1 : quantity) }));
    return { items: undefined, lines };
  }

  /** Now and then money is given for lines: what pieces are worth, or an amount, perhaps more than there is. */
  #refundedLines({ items, currency }: Order, most: bigint): RefundedLine[] {
    const chances = this.#later;
    if (chances.chance(0.6)) return [];
    return items
      .filter(() => chances.chance(0.5))
      .map(({ line, quantity }) =>
        most < 4n || chances.chance(0.5)
          ? { line, quantity: chances.between(1, quantity) }
          : { line, amount: formatAmount(most / BigInt(chances.between(1, 4)), currency) },
      );
  }

  /** Somebody looks after what waits, ever more rarely; a careless one only after what is paid. */
  #supervise(afterMs: number): void {
    this.#supervised = true;
    const { scheduler, orderIds, plan } = this.#story;
    scheduler.after(afterMs, () => {
      const open = orderIds.filter((id) => this.#story.isOpen(id));
      if (open.length > 0 && scheduler.nowMs - START_MS > boundMs(plan))
        fail(
          `${this.#story.nameOf(open[0]!)} is still ${this.#story.services.orders.state(open[0]!)!.status} when it must have ended`,
        );
      this.#rounds++;
      for (const id of open) this.#lookAfter(id);
      const wishing = orderIds.filter((id) => !open.includes(id) && this.#wishesMore(id));
      for (const id of wishing) {
        this.#wishes.set(id, this.#wishes.get(id)! - 1);
        const awaited = this.#story.services.orders.state(id)!.returnStatus === 'REQUESTED';
        this.#act(id, awaited ? 'receive' : this.#story.random.pick(AFTERWARDS));
      }
      if (open.length > 0 || wishing.length > 0 || orderIds.length - this.#story.followUps.size < plan.orders)
        this.#supervise(Math.min(Math.round(afterMs * 1.25), 8 * 3_600_000));
      else this.#supervised = false;
    });
  }

  #wishesMore(id: string): boolean {
    return this.#story.services.orders.state(id)!.status === 'COMPLETED' && this.#wishes.get(id)! > 0;
  }

  #lookAfter(id: string): void {
    const { services, random, plan } = this.#story;
    checkThawed(this.#story, id);
    const order = services.orders.state(id)!;
    const paid = ONCE_PAID.has(order.status) && OPEN_STATUSES.has(order.status);
    if (plan.careless && !paid) return;
    if (random.chance(0.5) && this.#rounds < REGARDLESS_ROUND) return;
    const review = services.reviews.state(id);
    if (review?.status === 'pending') return this.#act(id, random.chance(0.7) ? 'approve' : 'reject');
    const hold =
      order.status !== 'SHIPPED' &&
      order.holds.find(
        ({ type }) =>
          type !== 'review' &&
          type !== 'cancellation' &&
          type !== 'change' &&
          (type !== 'overdue' || random.chance(0.1)),
      );
    if (hold) return this.#order(id, { type: 'release', hold: hold.type, reason: 'looked at', by: 'supervisor' });
    if (!paid) return;
    if (plan.varied) this.#lookAfterGoods(id, order);
    if (order.status === 'SHIPPED' && random.chance(0.1)) return this.#act(id, 'complete');
    if (order.status === 'READY_FOR_SHIPMENT' && random.chance(0.2)) this.#act(id, 'cancel');
    this.#act(id, 'deliver');
    this.#act(id, 'dispatch');
  }

  /** What else is found when somebody looks: pieces that nobody wants any more, parcels that were lost. */
  #lookAfterGoods(id: string, order: Order): void {
    const { variety } = this.#story;
    if (order.status === 'PARTIALLY_SHIPPED' && variety.chance(0.4)) actOnGoods(this.#story, id, 'cancelRest');
    if (variety.chance(0.2)) actOnGoods(this.#story, id, variety.pick(GOODS_ACTIONS));
    if (order.shipments.some(({ problem, delivered }) => problem !== undefined && !delivered) && variety.chance(0.5))
      claim(this.#story, id, order, this.#rounds >= REGARDLESS_ROUND);
  }
}
