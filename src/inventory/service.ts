import { SOURCES } from '#contracts/order-events.ts';
import { fileURLToPath } from 'node:url';
import { uuidv7 } from '#platform/runtime/uuid.ts';
import type { Envelope } from '#contracts/envelope.ts';
import type { EventData } from '#contracts/order-events.ts';
import { Processor } from '#platform/processor/processor.ts';
import { type ProcessorParts, replayable } from '#platform/processor/preview.ts';
import type { Service, ServiceDefinition, ServiceDependencies } from '#platform/service.ts';
import { Shortages } from './shortages.ts';
import { Backorders } from './backorders.ts';
import { inventoryAudit } from './audit.ts';
import { type InventoryCommand, inventoryRules, type Reservation, type StockOfSku } from './rules.ts';
import { measureLine, stockCounter } from './metrics.ts';
import { inventoryRoutes } from './routes.ts';
import { inventoryStore } from './store.ts';
import { addressOfLocation, arrivalRefusal } from './store/locations.ts';
import { findProducts, renamedProducts } from './store/products.ts';

/** The inventory service: products, stock per location, reservations, the ledger. */
export const inventory: ServiceDefinition = {
  name: 'inventory',
  summary: 'Products, stock per location, reservations, the ledger',
  tags: [{ name: 'inventory', description: 'Products, locations, and stock per location' }],
  paths: ['/products', '/products/*', '/stock', '/stock/*', '/locations', '/locations/*', '/exports/movements'].map(
    (path) => ({ path }),
  ),
  emits: SOURCES.inventory,
  offers: ['lookupProducts', 'renamedProducts', 'checkArrival', 'addressOfLocation'],
  migrations: fileURLToPath(new URL('migrations', import.meta.url)),
  settings: {},
  replays: () => [replayable(PARTS, NO_REBUILD)],
  audit: inventoryAudit,
  create: createInventory,
};

/** SKUs whose stock an event or command may touch. */
function skusOf({ event }: { event?: Envelope }, reservation: Reservation | undefined): string[] {
  if (event?.type === 'OrderCreated' || event?.type === 'OrderReturnReceived')
    return (event.data as EventData<'OrderReturnReceived'>).items.map((item) => item.sku);
  if (event?.type === 'ShipmentFailed')
    return ((event.data as EventData<'ShipmentFailed'>).restocked ?? []).map((item) => item.sku);
  return [...new Set([...(reservation?.allocations ?? []), ...(reservation?.demand ?? [])].map((entry) => entry.sku))];
}

const NO_REBUILD =
  'stock is counted and adjusted by commands that are in its ledger and not in the log, and reservations depend on what was there';

const PARTS: ProcessorParts<Reservation, InventoryCommand, never, StockOfSku> = {
  name: 'inventory',
  rules: inventoryRules,
  store: inventoryStore,
  sharedKeys: skusOf,
};

function createInventory({ database, bus, clock, logger, metrics, tracing, soleWriter }: ServiceDependencies): Service {
  const processor = new Processor<Reservation, InventoryCommand, never, StockOfSku>({
    ...PARTS,
    opensWith: ['OrderCreated'],
    keepShared: soleWriter,
    database,
    bus,
    clock,
    logger,
    metrics: metrics.processor('inventory'),
    tracing,
    committed: stockCounter(metrics),
  });
  measureLine(metrics, database);
  const submit = (orderId: string, command: InventoryCommand): Promise<unknown> => {
    const id = uuidv7();
    return processor.submit({ orderId, command, cause: { causationid: id, correlationid: id } });
  };
  const backorders = new Backorders({ database, logger, retry: submit });
  const shortages = new Shortages({ database, logger, mark: submit });
  processor.onChange((row, events) => {
    const { status, demand } = row.state!;
    // An order that waits and changed without saying anything may need less than before.
    const waitsForLess = status === 'BACKORDERED' && !events.some(({ subject }) => subject === row.id);
    if ((status === 'RELEASED' || waitsForLess) && demand.length > 0) backorders.arrived(demand.map(({ sku }) => sku));
    for (const event of events) {
      if (event.type === 'StockShipped') shortages.moved();
      if (event.type !== 'StockReleased' && event.type !== 'StockReturned') continue;
      shortages.moved();
      backorders.arrived((event.data as EventData<'StockReleased'>).allocations.map(({ sku }) => sku));
    }
  });

  return {
    consumer: processor,
    peer: {
      lookupProducts: (keys) => findProducts(database, keys),
      renamedProducts: ({ since }) => renamedProducts(database, since),
      checkArrival: async (arrival) => ({ refusal: await arrivalRefusal(database, arrival) }),
      addressOfLocation: async ({ name }) => ({ address: await addressOfLocation(database, name) }),
    },
    routes: (app) =>
      inventoryRoutes(app, {
        database,
        onAdjusted(sku, delta) {
          processor.forgetShared([sku]);
          if (delta === undefined || delta > 0) backorders.arrived([sku]);
          shortages.adjusted();
        },
      }),
    async start() {
      await processor.start();
      backorders.start();
      shortages.start();
    },
    async stop() {
      await backorders.stop();
      await shortages.stop();
      await processor.stop();
    },
    settled: () => processor.settled(),
  };
}
