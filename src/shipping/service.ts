import { SOURCES } from '#contracts/order-events.ts';
import { join } from 'node:path';
import type { Environment } from '#platform/runtime/settings.ts';
import { type DuePoller, startDuePoller } from '#platform/processor/due.ts';
import { Processor } from '#platform/processor/processor.ts';
import { type ProcessorParts, replayable } from '#platform/processor/preview.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { shippingAudit } from './audit.ts';
import { dispatchOrders } from './many.ts';
import { shippingConfig, shippingSettings } from './settings.ts';
import { shippingRoutes } from './routes.ts';
import { shippingRules } from './rules.ts';
import type { CarrierDue, Shipping, ShippingCommand } from './rules/model.ts';
import { type SandboxCarrier, startSandboxCarrier } from './sandbox-carrier.ts';
import { fillShipments, FILLED_PER_RUN, shippingStore } from './store.ts';

const FILL_EVERY_MS = 60_000;
const FILL_AGAIN_MS = 200;

const NO_REBUILD =
  'shipments are moved by commands of the warehouse and the carrier, and when a carrier is to take its next step is in no event';

function partsOf(env: Environment): ProcessorParts<Shipping, ShippingCommand, CarrierDue, never> {
  const { sandboxCarrierDelayMs } = shippingConfig(env);
  return { name: 'shipping', rules: shippingRules({ delayMs: sandboxCarrierDelayMs }), store: shippingStore };
}

/** Shipments, carriers, tracking. */
export const shipping: ServiceDefinition = {
  name: 'shipping',
  summary: 'Shipments, carriers, tracking',
  tags: [{ name: 'shipments', description: 'Parcels of an order' }],
  paths: [{ path: '/shipments' }, { path: '/shipments/*' }],
  emits: SOURCES.shipping,
  offers: ['dispatchOrders'],
  needs: ['customersOfOrders'],
  migrations: join(import.meta.dirname, 'migrations'),
  settings: shippingSettings,
  standIns: (env) =>
    shippingConfig(env).sandboxCarrierDelayMs === undefined
      ? []
      : ['parcels: a sandbox carrier, which dispatches and delivers by itself (SANDBOX_CARRIER_DELAY_MS)'],
  replays: (env) => [replayable(partsOf(env), NO_REBUILD)],
  audit: shippingAudit,
  create({ env, database, bus, clock, logger, metrics, tracing }) {
    const config = shippingConfig(env);
    let sandboxCarrier: SandboxCarrier | undefined;
    let filling: DuePoller | undefined;
    const parts = partsOf(env);
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
    return {
      routes: (app) => shippingRoutes(app, { processor, database }),
      consumer: processor,
      peer: { dispatchOrders: (given) => dispatchOrders({ database, processor, logger, clock, rules }, given) },
      async start() {
        if (config.sandboxCarrierDelayMs !== undefined)
          sandboxCarrier = startSandboxCarrier({ database, processor, clock, logger });
        await processor.start();
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
        await filling?.stop();
        await processor.stop();
      },
      async settled() {
        await processor.settled();
        await sandboxCarrier?.settled();
        await processor.settled();
      },
    };
  },
};
