import { SOURCES } from '#contracts/order-events.ts';
import { Problem } from '#platform/http/problems.ts';
import { standardHeadProblem, WEBHOOK_MAX_BYTES } from '#platform/http/standard-webhooks.ts';
import { join } from 'node:path';
import { type DuePoller, startDuePoller } from '#platform/processor/due.ts';
import { Processor } from '#platform/processor/processor.ts';
import { type ProcessorParts, replayable } from '#platform/processor/preview.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { shippingAudit } from './audit.ts';
import { dispatchOrders } from './many.ts';
import { createCarriers } from './carriers/carriers.ts';
import { trackingLinks } from './carriers/links.ts';
import { webhookCarrier } from './carriers/webhook.ts';
import { feedRoutes } from './feed-routes.ts';
import { type ShippingConfig, shippingConfig, shippingSettings, slipSettings } from './settings.ts';
import { shippingRoutes } from './routes.ts';
import { measureMessages } from './metrics.ts';
import { shippingRules, type ShippingRulesOptions } from './rules.ts';
import type { CarrierDue, Shipment, Shipping, ShippingCommand } from './rules/model.ts';
import { slipRoutes } from './slips/routes.ts';
import { type SandboxCarrier, startSandboxCarrier } from './carriers/sandbox-clock.ts';
import { fillShipments, FILLED_PER_RUN, shippingStore } from './store.ts';
import { TrackingFeedIntake } from './tracking-feed.ts';

const FILL_EVERY_MS = 60_000;
const FILL_AGAIN_MS = 200;

const NO_REBUILD =
  'shipments are moved by commands of the warehouse and the carrier, and when a carrier is to take its next step is in no event';

function rulesOf({ sandboxCarrierDelayMs, feeds, links }: ShippingConfig): ShippingRulesOptions {
  const reporting = [...feeds].map(([name, secrets]) => webhookCarrier(name, secrets));
  return { carriers: createCarriers(sandboxCarrierDelayMs, reporting), links: trackingLinks(links) };
}

function partsOf(rules: ShippingRulesOptions): ProcessorParts<Shipping, ShippingCommand, CarrierDue, never> {
  return { name: 'shipping', rules: shippingRules(rules), store: shippingStore };
}

/** Shipments, carriers, tracking. */
export const shipping: ServiceDefinition = {
  name: 'shipping',
  summary: 'Shipments, carriers, tracking',
  tags: [{ name: 'shipments', description: 'Parcels of an order' }],
  paths: [
    { path: '/shipments' },
    { path: '/shipments/*' },
    { path: '/exports/shipments' },
    { path: '/orders/:id/returns/:returnId/slip' },
    // Signed by the carrier.
    {
      path: '/webhooks/carriers/:name',
      public: true,
      bodyMaxBytes: WEBHOOK_MAX_BYTES,
      refuse(headers) {
        const problem = standardHeadProblem(headers, Date.now());
        return problem === undefined ? undefined : new Problem('WEBHOOK_SIGNATURE_INVALID', problem);
      },
    },
  ],
  emits: SOURCES.shipping,
  offers: ['dispatchOrders'],
  needs: ['customersOfOrders', 'orderOnPaper', 'addressOfLocation'],
  migrations: join(import.meta.dirname, 'migrations'),
  settings: shippingSettings,
  standIns: (env) =>
    shippingConfig(env).sandboxCarrierDelayMs === undefined
      ? []
      : ['parcels: a sandbox carrier, which dispatches and delivers by itself (SANDBOX_CARRIER_DELAY_MS)'],
  replays: (env) => [replayable(partsOf(rulesOf(shippingConfig(env))), NO_REBUILD)],
  audit: shippingAudit,
  create({ env, database, bus, clock, logger, metrics, tracing, peers }) {
    const config = shippingConfig(env);
    let sandboxCarrier: SandboxCarrier | undefined;
    let filling: DuePoller | undefined;
    const carriage = rulesOf(config);
    const parts = partsOf(carriage);
    const { rules } = parts;
    const processor = new Processor<Shipping, ShippingCommand, CarrierDue>({
      ...parts,
      opensWith: ['OrderReadyForShipment'],
      database,
      bus,
      clock,
      logger,
      metrics: metrics.processor('shipping'),
      tracing,
      perform: (effects) => sandboxCarrier?.due(effects),
    });
    const counted = measureMessages(metrics, database, [...config.feeds.keys()]);
    const intake = new TrackingFeedIntake({ database, processor, clock, logger });
    if (config.feeds.size > 0)
      processor.onChange(({ state }) => {
        const isFed = ({ carrier }: Shipment): boolean => !!carrier && carriage.carriers.of(carrier).feed !== undefined;
        if (state?.shipments.some(isFed)) intake.numbered();
      });
    return {
      routes(app) {
        shippingRoutes(app, { processor, database, links: carriage.links });
        slipRoutes(app, { database, peers, ...slipSettings(env) });
        feedRoutes(app, { carriers: carriage.carriers, intake, clock, counted });
      },
      consumer: processor,
      peer: { dispatchOrders: (given) => dispatchOrders({ database, processor, logger, clock, rules }, given) },
      async start() {
        if (config.sandboxCarrierDelayMs !== undefined)
          sandboxCarrier = startSandboxCarrier({ database, processor, clock, logger });
        await processor.start();
        if (config.feeds.size > 0) intake.start();
        filling = startDuePoller({
          name: 'shipping list',
          everyMs: FILL_EVERY_MS,
          clock,
          logger,
          run: async () =>
            (await fillShipments(database)) === FILLED_PER_RUN ? clock.nowMs() + FILL_AGAIN_MS : undefined,
        });
      },
      async stop() {
        await sandboxCarrier?.stop();
        await intake.stop();
        await filling?.stop();
        await processor.stop();
      },
      async settled() {
        await processor.settled();
        await sandboxCarrier?.settled();
        await intake.settled();
        await processor.settled();
      },
    };
  },
};
