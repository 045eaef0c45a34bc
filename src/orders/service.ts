import { SOURCES } from '#contracts/order-events.ts';
import { REVIEW_DEADLINE } from '#contracts/review-deadline.ts';
import { fileURLToPath } from 'node:url';
import { type Environment, readSettings } from '#platform/runtime/settings.ts';
import { AT_INTERVAL, type DuePoller, startDuePoller } from '#platform/processor/due.ts';
import { Processor } from '#platform/processor/processor.ts';
import { type ProcessorParts, replayable } from '#platform/processor/preview.ts';
import type { Service, ServiceDefinition, ServiceDependencies } from '#platform/service.ts';
import { uuidv7 } from '#platform/runtime/uuid.ts';
import { ordersAudit } from './audit.ts';
import { ordersDiagnosis } from './diagnosis.ts';
import { deadlinesOf, ordersSettings } from './settings.ts';
import { BulkRunner } from './bulk/runner.ts';
import { startFollowUps } from './follow-ups.ts';
import { HISTORY_CONSUMER, HistoryMirror, historyReplay } from './history.ts';
import { Imports } from './imports.ts';
import { measureOpenOrders, orderCounter, ordersMetrics } from './metrics.ts';
import { Intake } from './intake.ts';
import { NextActions } from './next-actions.ts';
import type { Order } from './rules/state.ts';
import type { OrderCommand } from './rules/commands.ts';
import { OrderCache } from './order-cache.ts';
import { parseReviewTotals } from './rules/placement.ts';
import { orderRules } from './rules.ts';
import { parseRepeatedReferences } from './references.ts';
import { orderProjection } from './projection.ts';
import { orderRoutes } from './routes.ts';
import { loadOrders, orderStore } from './store.ts';
import { OrderNumbers } from './numbers.ts';
import { orderOnPaper } from './on-paper.ts';
import { customersOf, overdueOrders } from './store/lookups.ts';
import { ArticleWords, catchUpWords } from './store/words.ts';
import { Waiters } from './waiters.ts';

const TIMER_MS = 1_000;
const EXPIRED_PER_RUN = 500;
const WORDS_EVERY_MS = 60_000;

/** The orders service: the aggregate, its state machine, and the only writer of an order. */
export const orders: ServiceDefinition = {
  name: 'orders',
  summary: 'The order, from the request to the end; the only writer of an order',
  tags: [
    { name: 'orders', description: 'Orders, from the request to the end' },
    { name: 'exports', description: 'Lists as files' },
    { name: 'bulk', description: 'One command to many orders, and what became of each' },
  ],
  paths: [
    { path: '/orders' },
    { path: '/orders/*' },
    { path: '/bulk' },
    { path: '/bulk/*' },
    { path: '/exports/orders' },
    { path: '/exports/lines' },
    { path: '/exports/refunds' },
    { path: '/exports/returns' },
    { path: '/dashboard' },
    { path: '/returns' },
    { path: '/refunds' },
  ],
  vital: true,
  emits: SOURCES.orders,
  offers: ['customersOfOrders', 'orderOnPaper'],
  needs: [
    'lookupProducts',
    'renamedProducts',
    'checkArrival',
    'paymentProviders',
    'nextActions',
    'ordersOfDocument',
    'decideReviews',
    'dispatchOrders',
  ],
  migrations: fileURLToPath(new URL('migrations', import.meta.url)),
  settings: ordersSettings,
  replays: (env) => [replayable(partsOf(env), orderProjection), historyReplay],
  audit: ordersAudit,
  diagnosis: ordersDiagnosis,
  create: createOrders,
};

function partsOf(env: Environment): ProcessorParts<Order, OrderCommand, never, never> {
  const config = readSettings(ordersSettings, env);
  const store = orderStore(parseRepeatedReferences(config.repeatedReferences));
  return { name: 'orders', rules: orderRules(deadlinesOf(config), config.invoiceAt === 'dispatch'), store };
}

function createOrders({
  env,
  database,
  bus,
  clock,
  logger,
  metrics,
  tracing,
  peers,
  publicUrl = () => '',
  separateLogs,
  cache,
  backlogMs = () => 0,
}: ServiceDependencies): Service {
  const config = readSettings(ordersSettings, env);
  const mayRepeat = parseRepeatedReferences(config.repeatedReferences);
  const parts = partsOf(env);
  const processor = new Processor<Order, OrderCommand>({
    ...parts,
    database,
    bus,
    clock,
    logger,
    metrics: metrics.processor('orders'),
    tracing,
    committed: orderCounter(metrics),
  });
  const { created, takingSeconds } = ordersMetrics(metrics);
  measureOpenOrders(metrics, database, () => clock.nowMs());
  const articles = new ArticleWords();
  const intake = new Intake({
    database,
    bus,
    clock,
    logger,
    tracing,
    peers,
    policy: {
      createdDeadlineMs: config.createdDeadlineMs,
      reviewDeadlineMs: readSettings({ deadlineMs: REVIEW_DEADLINE } as const, env).deadlineMs,
      reviewTotals: parseReviewTotals(config.reviewTotals),
      defaultProvider: 'sandbox',
    },
    mayRepeat,
    articles,
    numbers: config.numbers === 'on' ? new OrderNumbers(database) : undefined,
    queueMax: config.intakeQueueMax,
    closed: () => {
      const behindMs = backlogMs();
      if (behindMs <= config.intakeLagMaxMs) return undefined;
      return `Orders are taken again when those before them are through: the log is ${Math.round(behindMs / 1000)} s behind.`;
    },
    observe: (seconds) => takingSeconds.observe(seconds),
    onTaken(rows) {
      created.inc(rows.length);
      processor.remember(rows);
    },
  });
  const gives = { database, processor, clock, logger, peers, rules: parts.rules };
  const bulk = new BulkRunner(gives);
  const waiters = new Waiters(database, processor);
  const shown = cache?.shared
    ? new OrderCache({ cache, database, logger, load: async (id) => (await loadOrders(database, [id]))[0] })
    : undefined;
  if (shown) processor.onChange((row) => void shown.changed(row.id));
  const history = separateLogs ? new HistoryMirror(database, bus, logger) : undefined;
  let deadlines: DuePoller | undefined;
  let followUps: DuePoller | undefined;
  let words: DuePoller | undefined;

  /** Turns passed deadlines into commands. */
  async function expireOverdue(): Promise<void> {
    const ids = await overdueOrders(database, clock.nowMs(), EXPIRED_PER_RUN);
    // The table says they are overdue; a remembered row that says otherwise is older.
    processor.forget(ids);
    await Promise.all(
      ids.map((orderId) => {
        const id = uuidv7();
        return processor.submit({
          orderId,
          command: { type: 'expire' },
          cause: { causationid: id, correlationid: id },
        });
      }),
    );
  }

  return {
    consumer: processor,
    peer: {
      customersOfOrders: async ({ ids }) => ({ customers: await customersOf(database, ids) }),
      async orderOnPaper({ orderId }) {
        const [row] = await loadOrders(database, [orderId]);
        return { order: row && orderOnPaper(orderId, row.state!) };
      },
    },
    ...(history && { consumers: { [HISTORY_CONSUMER]: history } }),
    routes: (app) =>
      orderRoutes(app, {
        database,
        processor,
        peers,
        mayRepeat,
        intake,
        imports: new Imports({ database, clock, intake }),
        waiters,
        gives,
        bulk,
        nextActions: new NextActions(database, peers, logger),
        publicUrl,
        ...(history && { readHistory: (id) => history.read(id) }),
        ...(shown && cache && { cached: { orders: shown, cache } }),
      }),
    async start() {
      await processor.start();
      await history?.start();
      deadlines = startDuePoller({
        name: 'orders deadlines',
        everyMs: TIMER_MS,
        firstDueMs: AT_INTERVAL,
        clock,
        logger,
        run: expireOverdue,
      });
      words = startDuePoller({
        name: 'orders words',
        everyMs: WORDS_EVERY_MS,
        clock,
        logger,
        // Half of the time at most, as a migration that fills rows.
        async run() {
          const startedMs = clock.nowMs();
          const found = await catchUpWords(database, articles);
          return found === 0 ? undefined : 2 * clock.nowMs() - startedMs;
        },
      });
      bulk.start();
      followUps = startFollowUps({ database, processor, intake, clock, logger });
    },
    answerNow: () => waiters.close(),
    async stop() {
      await deadlines?.stop();
      await bulk.stop();
      await followUps?.stop();
      await words?.stop();
      await processor.stop();
      await history?.stop();
      shown?.close();
    },
    async settled() {
      await bulk.settled();
      await processor.settled();
      await history?.settled();
    },
  };
}
