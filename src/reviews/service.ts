import { SOURCES } from '#contracts/order-events.ts';
import { join } from 'node:path';
import { type Environment, readSettings } from '#platform/runtime/settings.ts';
import { Processor } from '#platform/processor/processor.ts';
import { type ProcessorParts, replayable } from '#platform/processor/preview.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { reviewsAudit } from './audit.ts';
import { reviewsDiagnosis } from './diagnosis.ts';
import { reviewsSettings } from './settings.ts';
import { type ReviewDeadlines, watchReviewDeadlines } from './deadlines.ts';
import { decideReviews } from './many.ts';
import { measureReviews } from './metrics.ts';
import { reviewRoutes } from './routes.ts';
import { type Review, type ReviewCommand, type ReviewOpened, reviewRules } from './rules.ts';
import { reviewStore } from './store.ts';

/** Few orders are reviewed and none is charged before: lingering a moment makes the batches larger. */
const LINGER_MS = 20;

const NO_REBUILD =
  'a review that was closed because its order ended has no event of its own, so the log does not say when that was';

function partsOf(env: Environment): ProcessorParts<Review, ReviewCommand, ReviewOpened, never> {
  return { name: 'reviews', rules: reviewRules(readSettings(reviewsSettings, env)), store: reviewStore };
}

/** Manual review of flagged orders. */
export const reviews: ServiceDefinition = {
  name: 'reviews',
  summary: 'Manual review of flagged orders',
  tags: [{ name: 'reviews', description: 'Orders that wait for a person to look at them' }],
  paths: [{ path: '/reviews' }, { path: '/reviews/*' }, { path: '/exports/reviews' }],
  emits: SOURCES.reviews,
  offers: ['decideReviews'],
  migrations: join(import.meta.dirname, 'migrations'),
  settings: reviewsSettings,
  replays: (env) => [replayable(partsOf(env), NO_REBUILD)],
  audit: reviewsAudit,
  diagnosis: reviewsDiagnosis,
  create({ env, database, bus, clock, logger, metrics, tracing }) {
    let deadlines: ReviewDeadlines | undefined;
    const parts = partsOf(env);
    const { rules } = parts;
    const processor = new Processor<Review, ReviewCommand, ReviewOpened>({
      ...parts,
      opensWith: ['OrderCreated'],
      database,
      bus,
      clock,
      logger,
      metrics: metrics.processor('reviews'),
      tracing,
      perform: (effects) => deadlines?.opened(effects),
      lingerMs: LINGER_MS,
    });
    measureReviews(metrics, database, () => clock.nowMs());
    return {
      routes: (app) => reviewRoutes(app, { processor, database }),
      consumer: processor,
      peer: { decideReviews: (given) => decideReviews({ database, processor, logger, clock, rules }, given) },
      async start() {
        deadlines = watchReviewDeadlines({ database, processor, clock, logger });
        await processor.start();
      },
      async stop() {
        await deadlines?.stop();
        await processor.stop();
      },
      async settled() {
        await processor.settled();
        await deadlines?.settled();
        await processor.settled();
      },
    };
  },
};
