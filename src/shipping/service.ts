import { join } from 'node:path';
import { Lane } from '#platform/lane.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { shippingConfig, shippingSettings } from './config.ts';
import { shippingRoutes } from './routes.ts';
import { type CarrierDue, type Shipping, type ShippingCommand, shippingRules } from './rules.ts';
import { type SandboxCarrier, startSandboxCarrier } from './sandbox-carrier.ts';
import { shippingStore } from './store.ts';

/** Shipments, carriers, tracking. */
export const shipping: ServiceDefinition = {
  name: 'shipping',
  migrations: join(import.meta.dirname, 'migrations'),
  settings: shippingSettings,
  create({ env, database, bus, clock, logger, metrics }) {
    const config = shippingConfig(env);
    let sandboxCarrier: SandboxCarrier | undefined;
    const lane = new Lane<Shipping, ShippingCommand, CarrierDue>({
      name: 'shipping',
      rules: shippingRules({ delayMs: config.sandboxCarrierDelayMs }),
      opensWith: ['OrderReadyForShipment'],
      store: shippingStore,
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
