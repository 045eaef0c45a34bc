import { fileURLToPath } from 'node:url';
import { type Environment, readSettings } from '#platform/config.ts';
import { type Job, startJob } from '#platform/job.ts';
import { Lane } from '#platform/lane.ts';
import { type LaneParts, laneReplay } from '#platform/replay.ts';
import type { Service, ServiceDefinition, ServiceDependencies } from '#platform/service.ts';
import { uuidv7 } from '#platform/uuid.ts';
import { deadlinesOf, ordersSettings } from './config.ts';
import { HISTORY_CONSUMER, HistoryMirror, historyReplay } from './history.ts';
import { Intake } from './intake.ts';
import type { Order, OrderCommand } from './order.ts';
import { OrderCache } from './order-cache.ts';
import { parseReviewTotals } from './placement.ts';
import { orderRules } from './reactions.ts';
import { orderProjection } from './projection.ts';
import { orderRoutes } from './routes.ts';
import { loadOrders, orderStore, overdueOrders } from './store.ts';
import { Waiters } from './waiters.ts';

const TIMER_MS = 1_000;
const EXPIRED_PER_RUN = 500;

/** The orders service: the aggregate, its state machine, and the only writer of an order. */
export const orders: ServiceDefinition = {
  name: 'orders',
  migrations: fileURLToPath(new URL('migrations', import.meta.url)),
  settings: ordersSettings,
  replays: (env) => [laneReplay(partsOf(env), orderProjection), historyReplay],
  create: createOrders,
};

function partsOf(env: Environment): LaneParts<Order, OrderCommand, never, never> {
  return { name: 'orders', rules: orderRules(deadlinesOf(readSettings(ordersSettings, env))), store: orderStore };
}

function createOrders({
  env,
  database,
  bus,
  clock,
  logger,
  metrics,
  peers,
  separateLogs,
  cache,
  backlogMs = () => 0,
}: ServiceDependencies): Service {
  const config = readSettings(ordersSettings, env);
  const lane = new Lane<Order, OrderCommand>({
    ...partsOf(env),
    database,
    bus,
    clock,
    logger,
    metrics: metrics.lane('orders'),
  });
  const intake = new Intake({
    database,
    bus,
    clock,
    peers,
    policy: {
      createdDeadlineMs: config.createdDeadlineMs,
      reviewTotals: parseReviewTotals(config.reviewTotals),
      defaultProvider: 'sandbox',
    },
    queueMax: config.intakeQueueMax,
    closed: () => {
      const behindMs = backlogMs();
      if (behindMs <= config.intakeLagMaxMs) return undefined;
      return `Orders are taken again when those before them are through: the log is ${Math.round(behindMs / 1000)} s behind.`;
    },
    onTaken: (rows) => lane.remember(rows),
  });
  const waiters = new Waiters(database, lane);
  const shown = cache?.shared
    ? new OrderCache({ cache, database, logger, load: async (id) => (await loadOrders(database, [id]))[0] })
    : undefined;
  if (shown) lane.onChange((row) => void shown.changed(row.id));
  const history = separateLogs ? new HistoryMirror(database, bus, logger) : undefined;
  let timer: Job | undefined;

  /** Turns passed deadlines into commands. */
  async function expireOverdue(): Promise<void> {
    const ids = await overdueOrders(database, clock.nowMs(), EXPIRED_PER_RUN);
    // The table says they are overdue; a remembered row that says otherwise is older.
    lane.forget(ids);
    await Promise.all(
      ids.map((orderId) => {
        const id = uuidv7();
        return lane.submit({ orderId, command: { type: 'expire' }, cause: { causationid: id, correlationid: id } });
      }),
    );
  }

  return {
    consumer: lane,
    ...(history && { consumers: { [HISTORY_CONSUMER]: history } }),
    routes: (app) =>
      orderRoutes(app, {
        database,
        lane,
        intake,
        waiters,
        ...(history && { readHistory: (id) => history.read(id) }),
        ...(shown && cache && { cached: { orders: shown, cache } }),
      }),
    async start() {
      await lane.start();
      await history?.start();
      timer = startJob({ name: 'orders deadlines', everyMs: TIMER_MS, logger, run: expireOverdue });
    },
    async stop() {
      await timer?.stop();
      await lane.stop();
      await history?.stop();
      shown?.close();
    },
    async settled() {
      await lane.settled();
      await history?.settled();
    },
  };
}
