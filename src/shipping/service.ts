import { join } from 'node:path';
import type { Environment } from '#platform/config.ts';
import { Lane } from '#platform/lane.ts';
import { type LaneParts, laneReplay } from '#platform/replay.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { shippingConfig, shippingSettings } from './config.ts';
import { shippingRoutes } from './routes.ts';
import { type CarrierDue, type Shipping, type ShippingCommand, shippingRules } from './rules.ts';
import { type SandboxCarrier, startSandboxCarrier } from './sandbox-carrier.ts';
import { shippingStore } from './store.ts';

const NO_REBUILD =
  'shipments are moved by commands of the warehouse and the carrier, and when a carrier is to take its next step is in no event';

function partsOf(env: Environment): LaneParts<Shipping, ShippingCommand, CarrierDue, never> {
  const { sandboxCarrierDelayMs } = shippingConfig(env);
  return { name: 'shipping', rules: shippingRules({ delayMs: sandboxCarrierDelayMs }), store: shippingStore };
}

/** Shipments, carriers, tracking. */
export const shipping: ServiceDefinition = {
  name: 'shipping',
  migrations: join(import.meta.dirname, 'migrations'),
  settings: shippingSettings,
  replays: (env) => [laneReplay(partsOf(env), NO_REBUILD)],
  create({ env, database, bus, clock, logger, metrics }) {
    const config = shippingConfig(env);
    let sandboxCarrier: SandboxCarrier | undefined;
    const lane = new Lane<Shipping, ShippingCommand, CarrierDue>({
      ...partsOf(env),
      opensWith: ['OrderReadyForShipment'],
      database,
      bus,
      clock,
      logger,
      metrics: metrics.lane('shipping'),
      perform: (effects) => sandboxCarrier?.due(effects),
    });
    return {
      routes: (app) => shippingRoutes(app, { lane, database }),
      consumer: lane,
      async start() {
        if (config.sandboxCarrierDelayMs !== undefined)
          sandboxCarrier = startSandboxCarrier({ database, lane, clock, logger });
        await lane.start();
      },
      async stop() {
        await sandboxCarrier?.stop();
        await lane.stop();
      },
      async settled() {
        await lane.settled();
        await sandboxCarrier?.settled();
        await lane.settled();
      },
    };
  },
};
