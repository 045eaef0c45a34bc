import type { Envelope } from '#contracts/envelope.ts';
import type { EventData } from '#contracts/order-events.ts';
import { beginning } from '#orders/beginning.ts';
import { STATUSES } from '#orders/rules/lifecycle.ts';
import { isOpen, type Operation } from '#payments/rules/operation.ts';
import { People } from './people.ts';
import { checkEnd } from './checks.ts';
import type { Faults } from './faults.ts';
import { giveTurns, type Waiting } from './lines.ts';
import { unreported } from './shortages.ts';
import { fail, Log, StoryFailure } from './log.ts';
import { PaymentOutside } from './outside.ts';
import { type Plan, planOf, START_MS } from './plan.ts';
import { Ids, Random } from './random.ts';
import { begun, ended } from './begin.ts';
import { Scheduler } from './scheduler.ts';
import { createServices, type Services } from './services.ts';
import type { Service } from './service.ts';
import { restartDelayMs } from './service.ts';
import type { Trouble, World } from './world.ts';

/** One story: a few orders that compete for few goods, from their first event until nothing moves any more. */

const STEPS_MAX = 60_000;
const BACKORDER_SWEEP_MS = 30_000;
const BY_HAND_MS = 600_000;
/** Chosen so that the breaker stays closed in the stories that are held as regressions. */
const BREAKER_SEED = 0x03030303;
/** Chosen so that the stories that are held as regressions have no variety, and stay as they were. */
const VARIETY_SEED = 0x22875d30;

export interface StoryOptions {
  readonly seed: number;
  readonly faults?: Faults;
  readonly trace?: boolean;
}

export interface StoryResult {
  readonly seed: number;
  readonly failure: string | undefined;
  readonly steps: number;
  readonly virtualMs: number;
  /** Equal for equal stories: every choice goes into it. */
  readonly fingerprint: string;
  readonly events: readonly Envelope[];
  readonly statuses: readonly string[];
  readonly troubles: Readonly<Partial<Record<Trouble, number>>>;
  readonly conflicts: number;
  readonly repeated: number;
  readonly trace: readonly string[];
}

interface Process {
  readonly replicas: { alive: boolean; readonly name: string; crash(): void; start(): void }[];
  alive: boolean;
}

type AnyService = Service<unknown, unknown, unknown, unknown>;

export class Story implements World {
  readonly plan: Plan;
  readonly #seed: number;
  readonly random: Random;
  /** The breaker came later; with numbers of its own, it left every story that it does not strike as it was. */
  readonly #breaker: Random;
  /** For what came later still: charges, parts of orders that are cancelled, lost or come back. */
  readonly variety: Random;
  readonly ids: Ids;
  readonly scheduler = new Scheduler(START_MS);
  readonly log: Log;
  readonly faults: Faults;
  readonly batchMax: number;
  readonly soleWriter: boolean;
  readonly relayed: boolean;
  readonly services: Services;
  readonly outside: PaymentOutside;
  /** Order ids in the order they were placed. */
  readonly orderIds: string[] = [];
  /** Who waited for which goods when inventory saved last. */
  waitedBefore: Waiting = new Map();
  /** Who waited for which goods when a backorder was given its turn, by the request's cause. */
  readonly turnsGiven = new Map<string, Waiting>();
  /** Those of them that follow others, or are about to. */
  readonly followUps = new Set<string>();
  /** Somebody looks after an order that came when nobody looked any more. */
  supervise: () => void = () => {};
  readonly notified = new Map<string, number>();
  /** Goods added to or taken from a shelf by people, by SKU. */
  readonly adjusted = new Map<string, number>();
  /** `consumer event-id` → why the event changed nothing there. */
  readonly ignoredBy = new Map<string, string>();
  readonly troubles: Partial<Record<Trouble, number>> = {};
  conflicts = 0;
  readonly #traced: string[] | undefined;
  readonly #all: readonly AnyService[];
  readonly #types = new Map<string, AnyService[]>();
  readonly #processes: Process[] = [];
  #sweeps = 0;
  readonly #byHand = new Set<string>();

  constructor({ seed, faults = {}, trace }: StoryOptions) {
    this.#seed = seed;
    this.random = new Random(seed);
    this.ids = new Ids(this.random);
    this.#breaker = new Random(seed ^ BREAKER_SEED);
    this.variety = new Random(seed ^ VARIETY_SEED);
    this.plan = planOf(this.random, this.#breaker, this.variety);
    this.faults = faults;
    this.#traced = trace ? [] : undefined;
    this.batchMax = this.plan.batchMax;
    this.soleWriter = this.plan.shape === 'one process';
    this.relayed = this.plan.shape === 'kafka';
    this.log = new Log(this.plan.partitions, (partition, event) => this.#published(partition, event));
    this.outside = new PaymentOutside(this);
    this.services = createServices(this);
    this.#all = Object.values(this.services) as unknown as AnyService[];
    for (const service of this.#all)
      for (const type of service.types) this.#types.set(type, [...(this.#types.get(type) ?? []), service]);
    this.#arrangeProcesses();
    this.note(() => `seed ${seed}: ${JSON.stringify(this.plan)}`);
  }

  run(): StoryResult {
    let failure: string | undefined;
    try {
      new People(this, this.#seed).begin();
      while (this.scheduler.step()) if (this.scheduler.steps > STEPS_MAX) fail('the story does not come to rest');
      checkEnd(this);
    } catch (error) {
      failure = error instanceof StoryFailure ? error.message : String((error as Error).stack);
      this.note(() => `FAILED: ${failure}`);
    }
    return {
      seed: 0,
      failure,
      steps: this.scheduler.steps,
      virtualMs: this.scheduler.nowMs - START_MS,
      fingerprint: `${this.random.next().toString(16)}-${this.scheduler.steps}-${this.log.events.length}`,
      events: this.log.events,
      statuses: this.orderIds.map((id) => this.services.orders.state(id)?.status ?? 'lost'),
      troubles: this.troubles,
      conflicts: this.conflicts,
      repeated: this.log.repeated,
      trace: this.#traced ?? [],
    };
  }

  // World -------------------------------------------------------------------------------------------------

  strikes(trouble: Trouble): boolean {
    const budget = this.plan.troubles[trouble];
    const random = trouble === 'breakerOpen' ? this.#breaker : this.random;
    if (budget.left === 0 || !random.chance(budget.chance)) return false;
    budget.left--;
    this.troubles[trouble] = (this.troubles[trouble] ?? 0) + 1;
    return true;
  }

  delay(): number {
    if (this.strikes('lateDelivery')) return this.random.duration(50, 600_000);
    return this.random.below(this.plan.delayMaxMs);
  }

  note(text: () => string): void {
    if (this.#traced) this.#traced.push(`${String(this.scheduler.nowMs - START_MS).padStart(9)}  ${text()}`);
  }

  ignored(consumer: string, event: Envelope, because: string): void {
    if (because === 'duplicate') return;
    this.note(() => `${consumer} ignores ${event.type} ${event.sequence}: ${because}`);
    if (consumer === 'shipping' && event.type === 'OrderCancellationRequested') {
      const { shipments } = this.services.shipping.state(event.subject)!;
      if (shipments.length > 0 && shipments.every((shipment) => shipment.status === 'SCHEDULED'))
        fail(`${this.nameOf(event.subject)} could have been stopped, and was not`);
    }
    const key = `${consumer} ${event.id}`;
    if (!this.ignoredBy.has(key)) this.ignoredBy.set(key, because);
  }

  /** Short names of orders in traces. */
  nameOf(orderId: string): string {
    return `order ${this.orderIds.indexOf(orderId) + 1}`;
  }

  #published(partition: number, event: Envelope): void {
    this.note(
      () =>
        `${this.nameOf(event.subject)}: ${event.source.slice(6)} ${event.sequence} ${event.type} ${JSON.stringify(event.data)}`,
    );
    for (const service of this.#types.get(event.type) ?? []) {
      for (const replica of service.replicas) if (replica.partitions.includes(partition)) replica.wake(this.delay());
    }
  }

  // Processes ---------------------------------------------------------------------------------------------

  #arrangeProcesses(): void {
    const partitions = this.log.partitions.map((_, index) => index);
    if (this.relayed) {
      for (const service of this.#all) {
        for (const replica of service.replicas) this.#processes.push({ replicas: [replica], alive: true });
        this.#rebalance(service);
      }
    } else {
      for (let i = 0; i < this.plan.replicas; i++) {
        this.#processes.push({ replicas: this.#all.map((service) => service.replicas[i]!), alive: true });
        // Every process reads the whole log; the offsets let one of them win.
        for (const service of this.#all) service.replicas[i]!.assign(partitions);
      }
    }
    for (const service of this.#all)
      service.kill = ({ name }) =>
        this.kill(this.#processes.find((process) => process.replicas.some((replica) => replica.name === name))!);
  }

  /** Partitions go to the replicas that are up, in some order. */
  #rebalance(service: AnyService): void {
    const up = service.replicas.filter((replica) => replica.alive);
    const shares = new Map(up.map((replica): [typeof replica, number[]] => [replica, []]));
    this.log.partitions.forEach((_, partition) => {
      if (up.length > 0) shares.get(up[(partition + this.random.below(2)) % up.length]!)!.push(partition);
    });
    for (const [replica, share] of shares) replica.assign(share);
  }

  kill(process: Process): void {
    if (!process.alive) return;
    process.alive = false;
    for (const replica of process.replicas) replica.crash();
    this.scheduler.after(restartDelayMs(this.random), () => {
      process.alive = true;
      for (const replica of process.replicas) {
        this.note(() => `${replica.name} starts again`);
        replica.start();
        if (this.relayed) this.#rebalanceOf(replica.name);
      }
    });
    if (this.relayed)
      for (const replica of process.replicas)
        this.scheduler.after(this.random.duration(1, 200), () => this.#rebalanceOf(replica.name));
  }

  killSome(): void {
    const process = this.random.pick(this.#processes);
    this.note(() => `kill -9 of ${process.replicas.map((replica) => replica.name).join(', ')}`);
    this.kill(process);
  }

  /** A rebalance without a crash: a replica was slow, or one was added. */
  rebalanceSome(): void {
    if (this.relayed) this.#rebalance(this.random.pick(this.#all));
  }

  #rebalanceOf(name: string): void {
    const service = this.#all.find((candidate) => candidate.replicas.some((replica) => replica.name === name))!;
    this.#rebalance(service);
  }

  // What the services' own jobs do beside the rules ---------------------------------------------------------

  /** An order is taken: its row and its first event, in one save. */
  take(
    data: EventData<'OrderCreated'>,
    elsewhere?: 'history' | 'open',
    id = this.ids.next(this.scheduler.nowMs),
  ): string | undefined {
    const { orders } = this.services;
    if (!orders.replicas.some((replica) => replica.alive)) return undefined;
    const now = this.scheduler.nowMs;
    const cause = this.ids.next(now);
    this.orderIds.push(id);
    this.log.commanded(cause);
    const newId = (): string => this.ids.next(now);
    const events = elsewhere === 'history' ? ended(data, newId) : begun(data, elsewhere === 'open');
    const causes = { causationid: cause, correlationid: cause };
    const { row, event, following = [] } = beginning(id, events, causes, { nowMs: now, newId });
    orders.insert(row, [event, ...following]);
    return id;
  }

  /** Somebody counts, and finds more or less than there was: perhaps less than is set aside. */
  adjust(sku: string, location: string, delta: number): void {
    const { inventory } = this.services;
    const stock = inventory.store.shared.get(sku)!;
    const level = stock.levels[location] ?? { onHand: 0, reserved: 0 };
    const onHand = Math.max(0, level.onHand + delta);
    const moved = onHand - level.onHand;
    if (moved === 0) return;
    const short = Math.max(0, level.reserved - onHand);
    inventory.store.shared.set(sku, {
      ...stock,
      levels: { ...stock.levels, [location]: { onHand, reserved: level.reserved, ...(short > 0 && { short }) } },
      ...(moved < 0 && { lineMoves: stock.lineMoves + 1, losses: stock.losses + 1 }),
    });
    this.adjusted.set(sku, (this.adjusted.get(sku) ?? 0) + moved);
    this.note(() => `stock of ${sku} at ${location} changes by ${moved}`);
    for (const replica of inventory.replicas) replica.forgetShared(sku);
    if (moved > 0 || short > 0) this.stockArrived();
  }

  /** What was paid elsewhere is given back there by a person, who records it some time later. */
  actByHand(orderId: string): void {
    const { payments } = this.services;
    const open = (): readonly Operation[] => payments.state(orderId)?.operations.filter(isOpen) ?? [];
    if (this.#byHand.has(orderId) || open().length === 0) return;
    this.#byHand.add(orderId);
    this.scheduler.after(BY_HAND_MS, () => {
      this.#byHand.delete(orderId);
      for (const { key } of open())
        payments.submit(orderId, { type: 'outcome', key, result: { type: 'approved', reference: 'by hand' } });
      // The process that was asked may die of it.
      this.actByHand(orderId);
    });
  }

  /** Waiting orders try again: soon where the process lives on, at the next regular sweep in any case. */
  stockArrived(): void {
    if (!this.random.chance(0.2)) this.scheduler.after(this.delay(), () => this.#retryBackorders());
    if (this.#sweeps === 0) this.scheduler.after(BACKORDER_SWEEP_MS, () => this.#sweep());
    this.#sweeps = 2;
  }

  #sweep(): void {
    this.#retryBackorders();
    if (--this.#sweeps > 0) this.scheduler.after(BACKORDER_SWEEP_MS, () => this.#sweep());
  }

  #retryBackorders(): void {
    const { inventory } = this.services;
    for (const { orderId, missing } of unreported(this)) inventory.submit(orderId, { type: 'markShort', missing });
    giveTurns(this);
  }

  isOpen(orderId: string): boolean {
    const order = this.services.orders.state(orderId);
    return order !== undefined && !STATUSES[order.status].final;
  }
}

export function runStory(options: StoryOptions): StoryResult {
  return { ...new Story(options).run(), seed: options.seed };
}
