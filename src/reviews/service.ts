import { join } from 'node:path';
import { readSettings } from '#platform/config.ts';
import { Lane } from '#platform/lane.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { reviewsSettings } from './config.ts';
import { type ReviewDeadlines, watchReviewDeadlines } from './deadlines.ts';
import { reviewRoutes } from './routes.ts';
import { type Review, type ReviewCommand, type ReviewOpened, reviewRules } from './rules.ts';
import { reviewStore } from './store.ts';

/** Few orders are reviewed and none is charged before: a moment's company makes the sets larger. */
const LINGER_MS = 20;

/** Manual review of flagged orders. */
export const reviews: ServiceDefinition = {
  name: 'reviews',
  migrations: join(import.meta.dirname, 'migrations'),
  settings: reviewsSettings,
  create({ env, database, bus, clock, logger, metrics }) {
    const config = readSettings(reviewsSettings, env);
    let deadlines: ReviewDeadlines | undefined;
    const lane = new Lane<Review, ReviewCommand, ReviewOpened>({
      name: 'reviews',
      rules: reviewRules(config),
      opensWith: ['OrderCreated'],
      store: reviewStore,
      database,
      bus,
      clock,
      logger,
      metrics: metrics.lane('reviews'),
      perform: (effects) => deadlines?.opened(effects),
      lingerMs: LINGER_MS,
    });
    return {
      routes: (app) => reviewRoutes(app, { lane, database }),
      consumer: lane,
      async start() {
        deadlines = watchReviewDeadlines({ database, lane, clock, logger });
        await lane.start();
      },
      async stop() {
        await deadlines?.stop();
        await lane.stop();
      },
      async settled() {
        await lane.settled();
        await deadlines?.settled();
        await lane.settled();
      },
    };
  },
};
