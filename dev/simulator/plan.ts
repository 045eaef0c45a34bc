import type { Deadlines } from '#orders/rules/commands.ts';
import type { CaptureMode } from '#payments/rules/model.ts';
import type { Random } from './random.ts';
import type { Trouble } from './world.ts';

/** What a story is made of, drawn once at its beginning. */
export interface Plan {
  /** One embedded process, two processes on one database, or services apart with a relay each. */
  readonly shape: 'one process' | 'two processes' | 'kafka';
  readonly replicas: number;
  readonly partitions: number;
  readonly orders: number;
  readonly skus: number;
  readonly locations: number;
  readonly batchMax: number;
  readonly delayMaxMs: number;
  readonly capture: CaptureMode;
  /** Each parcel gets an invoice of its own. */
  readonly invoicesDispatches: boolean;
  /** Undefined: people dispatch and deliver. */
  readonly carrierDelayMs: number | undefined;
  readonly deadlines: Deadlines;
  readonly reviewDeadlineMs: number;
  readonly mail: boolean;
  /** Nobody looks after orders that are not paid; deadlines have to. */
  readonly careless: boolean;
  readonly supervisorMs: number;
  /** Within this time people act on an order. */
  readonly actingMs: number;
  /** Orders have uneven prices and charges of every kind, and people do what came later: the numbers for that are `variety`'s. */
  readonly varied: boolean;
  readonly troubles: Readonly<Record<Trouble, { left: number; readonly chance: number }>>;
}

/** When every story begins. */
export const START_MS = Date.UTC(2026, 10, 22, 12);
const HOUR_MS = 3_600_000;
const TROUBLES = [
  'crashBeforeCommit',
  'crashAfterCommit',
  'lostCommitReply',
  'slowCommit',
  'relayCrash',
  'lateDelivery',
  'kill',
  'network',
] as const satisfies readonly Trouble[];

function deadlinesOf(random: Random): Omit<Deadlines, 'payAgain'> {
  const kind = random.pick([0, 0, 0, 1, 2, 2]);
  const each = (productionMs: number): number =>
    kind === 0 ? productionMs : kind === 1 ? random.duration(20, 20_000) : random.duration(100, productionMs);
  return {
    CREATED: each(HOUR_MS),
    BACKORDERED: each(48 * HOUR_MS),
    RESERVED: each(HOUR_MS),
    PAYMENT_PENDING: each(24 * HOUR_MS),
    manualPayment: 14 * 24 * HOUR_MS,
    PAID: each(72 * HOUR_MS),
    READY_FOR_SHIPMENT: each(72 * HOUR_MS),
    PARTIALLY_SHIPPED: each(72 * HOUR_MS),
    SHIPPED: each(240 * HOUR_MS),
    held: each(72 * HOUR_MS),
    change: each(HOUR_MS / 4),
    returns: each(240 * HOUR_MS),
  };
}

function troublesOf(random: Random, breaker: Random): Plan['troubles'] {
  const quiet = random.chance(0.2);
  const budgets = Object.fromEntries(
    TROUBLES.map((trouble) => {
      const frequent = trouble === 'slowCommit' || trouble === 'lateDelivery' || trouble === 'network';
      return [
        trouble,
        {
          left: quiet || random.chance(0.4) ? 0 : random.between(1, frequent ? 12 : 3),
          chance: frequent ? 0.15 : 0.06,
        },
      ];
    }),
  ) as unknown as Omit<Plan['troubles'], 'breakerOpen'>;
  return { ...budgets, breakerOpen: { left: breaker.chance(0.3) ? breaker.between(1, 12) : 0, chance: 0.4 } };
}

/** `breaker` draws what concerns the circuit breaker alone, `variety` whether there is any. */
export function planOf(random: Random, breaker: Random, variety: Random): Plan {
  const shape = random.pick(['one process', 'one process', 'two processes', 'kafka', 'kafka'] as const);
  const plan: Plan = {
    shape,
    replicas: shape === 'one process' ? 1 : shape === 'two processes' ? 2 : random.between(1, 2),
    partitions: shape === 'kafka' ? random.between(1, 3) : 1,
    orders: random.pick([1, 1, 2, 2, 3, 4, 5]),
    skus: random.between(1, 2),
    locations: random.pick([1, 2, 2]),
    batchMax: random.pick([1, 2, 4, 16]),
    delayMaxMs: random.pick([2, 10, 100, 1_500]),
    capture: random.chance(0.3) ? 'on_dispatch' : 'automatic',
    carrierDelayMs: random.pick([0, 0, 20, 1_000, undefined, undefined]),
    deadlines: { ...deadlinesOf(random), payAgain: 0 },
    reviewDeadlineMs: random.duration(100, 48 * HOUR_MS),
    mail: random.chance(0.5),
    careless: random.chance(0.4),
    supervisorMs: random.duration(500, HOUR_MS),
    actingMs: random.duration(50, 2 * HOUR_MS),
    varied: variety.chance(0.75),
    troubles: troublesOf(random, breaker),
    invoicesDispatches: breaker.chance(0.3),
  };
  // Paying again came later: drawn last, it left every story without it as it was.
  const payAgain = breaker.chance(0.5) ? breaker.between(100, HOUR_MS) : 0;
  return { ...plan, deadlines: { ...plan.deadlines, payAgain } };
}

/** After this much virtual time no order may be open. */
export function boundMs({ deadlines, reviewDeadlineMs, supervisorMs, varied }: Plan): number {
  const waiting = Object.values(deadlines).reduce((sum: number, ms: number) => sum + ms, 0);
  // An order may be followed by another one.
  return (varied ? 6 : 3) * waiting + reviewDeadlineMs + 100 * supervisorMs + 24 * HOUR_MS;
}
