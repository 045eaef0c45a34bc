import { join } from 'node:path';
import { type Environment, readSettings } from '#platform/config.ts';
import { Lane } from '#platform/lane.ts';
import { type LaneParts, laneReplay } from '#platform/replay.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { reviewsSettings } from './config.ts';
import { type ReviewDeadlines, watchReviewDeadlines } from './deadlines.ts';
import { reviewRoutes } from './routes.ts';
import { type Review, type ReviewCommand, type ReviewOpened, reviewRules } from './rules.ts';
import { reviewStore } from './store.ts';

/** Few orders are reviewed and none is charged before: a moment's company makes the sets larger. */
const LINGER_MS = 20;

const NO_REBUILD =
  'a review that was closed because its order ended has no event of its own, so the log does not tell when that was';

function partsOf(env: Environment): LaneParts<Review, ReviewCommand, ReviewOpened, never> {
  return { name: 'reviews', rules: reviewRules(readSettings(reviewsSettings, env)), store: reviewStore };
}

/** Manual review of flagged orders. */
export const reviews: ServiceDefinition = {
  name: 'reviews',
  migrations: join(import.meta.dirname, 'migrations'),
  settings: reviewsSettings,
  replays: (env) => [laneReplay(partsOf(env), NO_REBUILD)],
  create({ env, database, bus, clock, logger, metrics }) {
    let deadlines: ReviewDeadlines | undefined;
    const lane = new Lane<Review, ReviewCommand, ReviewOpened>({
      ...partsOf(env),
      opensWith: ['OrderCreated'],
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
