import { SOURCES } from '#contracts/order-events.ts';
import { join } from 'node:path';
import { Processor } from '#platform/processor/processor.ts';
import { type ProcessorParts, replayable } from '#platform/processor/preview.ts';
import { type Clock, systemClock } from '#platform/runtime/clock.ts';
import type { Environment } from '#platform/runtime/settings.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { documentsToMail } from './documents/to-mail.ts';
import { billingAudit } from './audit.ts';
import { billingSettings, issuerOf, seriesOf } from './settings.ts';
import { billingProjection } from './projection.ts';
import { billingRoutes } from './routes.ts';
import { billingRulesOf, countersOf, type Invoice } from './rules.ts';
import { billingStoreOf, ordersOfDocument } from './store.ts';

/** Nobody waits for an invoice by the millisecond: lingering a moment makes the batches larger. */
const LINGER_MS = 20;

function partsOf(env: Environment, clock: Clock): ProcessorParts<Invoice, never, never, number> {
  const series = seriesOf(env);
  return {
    name: 'billing',
    rules: billingRulesOf(series),
    store: billingStoreOf(issuerOf(env)),
    sharedKeys: ({ event }, invoice) => (event ? countersOf(event, invoice, { series, nowMs: clock.nowMs() }) : []),
  };
}

/** Invoice after the sale, credit note after a refund. */
export const billing: ServiceDefinition = {
  name: 'billing',
  summary: 'Invoices after the sale, credit notes after refunds',
  tags: [{ name: 'invoices', description: 'Invoices and credit notes' }],
  paths: [
    { path: '/orders/:id/invoice' },
    { path: '/invoices' },
    { path: '/invoices/*' },
    { path: '/exports/invoices' },
  ],
  emits: SOURCES.billing,
  offers: ['ordersOfDocument', 'documentsToMail'],
  needs: ['customersOfOrders'],
  migrations: join(import.meta.dirname, 'migrations'),
  settings: billingSettings,
  replays: (env) => [replayable(partsOf(env, systemClock), billingProjection)],
  audit: billingAudit,
  create({ env, database, bus, clock, logger, metrics, tracing, soleWriter }) {
    const processor = new Processor<Invoice, never, never, number>({
      ...partsOf(env, clock),
      opensWith: ['OrderCompleted', 'OrderPartSold'],
      // Kept counters are safe in any case: they move by compare-and-set. Where others move them too, keeping costs conflicts.
      keepShared: soleWriter,
      database,
      bus,
      clock,
      logger,
      metrics: metrics.processor('billing'),
      tracing,
      lingerMs: LINGER_MS,
    });
    const parts = { database, issuer: issuerOf(env) };
    return {
      routes: (app) => billingRoutes(app, parts),
      peer: {
        ordersOfDocument: ({ number }) => ordersOfDocument(database, number),
        documentsToMail: documentsToMail(parts),
      },
      consumer: processor,
      start: () => processor.start(),
      stop: () => processor.stop(),
      settled: () => processor.settled(),
    };
  },
};
