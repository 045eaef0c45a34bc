import { join } from 'node:path';
import { Lane } from '#platform/lane.ts';
import { type LaneParts, laneReplay } from '#platform/replay.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { billingSettings } from './config.ts';
import { billingProjection } from './projection.ts';
import { billingRoutes } from './routes.ts';
import { billingRules, countersOf, type Invoice } from './rules.ts';
import { billingStore } from './store.ts';

/** Nobody waits for an invoice by the millisecond: a moment's company makes the sets larger. */
const LINGER_MS = 20;

const PARTS: LaneParts<Invoice, never, never, number> = {
  name: 'billing',
  rules: billingRules,
  store: billingStore,
  sharedKeys: ({ event }) => (event ? countersOf(event.type) : []),
};

/** Invoice after the sale, credit note after a refund. */
export const billing: ServiceDefinition = {
  name: 'billing',
  migrations: join(import.meta.dirname, 'migrations'),
  settings: billingSettings,
  replays: () => [laneReplay(PARTS, billingProjection)],
  create({ database, bus, clock, logger, metrics, exclusive }) {
    const lane = new Lane<Invoice, never, never, number>({
      ...PARTS,
      opensWith: ['OrderCompleted'],
      // Kept counters are safe in any case: they move by compare-and-set. Where others move them too, keeping costs conflicts.
      keepShared: exclusive,
      database,
      bus,
      clock,
      logger,
      metrics: metrics.lane('billing'),
      lingerMs: LINGER_MS,
    });
    return {
      routes: (app) => billingRoutes(app, { database }),
      consumer: lane,
      start: () => lane.start(),
      stop: () => lane.stop(),
      settled: () => lane.settled(),
    };
  },
};
