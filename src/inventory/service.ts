import { SOURCES } from '#contracts/order-events.ts';
import { fileURLToPath } from 'node:url';
import { uuidv7 } from '#platform/runtime/uuid.ts';
import type { Envelope } from '#contracts/envelope.ts';
import type { EventData } from '#contracts/order-events.ts';
import { startJob, type Job } from '#platform/runtime/job.ts';
import { Processor } from '#platform/processor/processor.ts';
import { type ProcessorParts, replayable } from '#platform/processor/preview.ts';
import type { Service, ServiceDefinition, ServiceDependencies } from '#platform/service.ts';
import { inventoryAudit } from './audit.ts';
import { type InventoryCommand, inventoryRules, type Reservation, type StockOfSku } from './rules.ts';
import { inventoryRoutes } from './routes.ts';
import { backorderedFor, inventoryStore } from './store.ts';
import { arrivalRefusal } from './store/locations.ts';
import { findProducts } from './store/products.ts';

const BACKORDERS_PER_PAGE = 500;
const FIRST_ID = '00000000-0000-0000-0000-000000000000';
const BACKORDER_SWEEP_MS = 30_000;

/** The inventory service: products, stock per location, reservations, the ledger. */
export const inventory: ServiceDefinition = {
  name: 'inventory',
  summary: 'Products, stock per location, reservations, the ledger',
  tags: [{ name: 'inventory', description: 'Products, locations, and stock per location' }],
  paths: ['/products', '/products/*', '/stock', '/stock/*', '/locations', '/locations/*'].map((path) => ({ path })),
  emits: SOURCES.inventory,
  offers: ['lookupProducts', 'checkArrival'],
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

function createInventory({ database, bus, clock, logger, metrics, soleWriter }: ServiceDependencies): Service {
  const processor = new Processor<Reservation, InventoryCommand, never, StockOfSku>({
    ...PARTS,
    opensWith: ['OrderCreated'],
    keepShared: soleWriter,
    database,
    bus,
    clock,
    logger,
    metrics: metrics.processor('inventory'),
  });
  const arrived = new Set<string>();
  let backorders: Job | undefined;
  const stockArrived = (skus: readonly string[]): void => {
    for (const sku of skus) arrived.add(sku);
    backorders?.pokeAt(Date.now());
  };
  processor.onChange((_row, events) => {
    for (const event of events) {
      if (event.type !== 'StockReleased' && event.type !== 'StockReturned') continue;
      stockArrived((event.data as EventData<'StockReleased'>).allocations.map((allocation) => allocation.sku));
    }
  });

  /** Retries waiting orders, first come first served, for SKUs that got more stock. */
  async function retryBackorders(): Promise<void> {
    const skus = [...arrived];
    arrived.clear();
    // All of them: who cannot be served yet must not keep those behind from what they wait for.
    for (let after: string | undefined = FIRST_ID; after !== undefined;) {
      const waiting: string[] = await backorderedFor(database, skus, after, BACKORDERS_PER_PAGE);
      await Promise.all(
        waiting.map((orderId) => {
          const id = uuidv7();
          const cause = { causationid: id, correlationid: id };
          // The processor takes commands in the order they come, so a batch is served in that order too.
          return processor.submit({ orderId, command: { type: 'retryBackorder' }, cause });
        }),
      );
      after = waiting.length < BACKORDERS_PER_PAGE ? undefined : waiting.at(-1);
    }
  }

  return {
    consumer: processor,
    peer: {
      lookupProducts: (keys) => findProducts(database, keys),
      checkArrival: async (arrival) => ({ refusal: await arrivalRefusal(database, arrival) }),
    },
    routes: (app) =>
      inventoryRoutes(app, {
        database,
        onAdjusted(sku, delta) {
          processor.forgetShared([sku]);
          if (delta !== undefined && delta <= 0) return;
          stockArrived([sku]);
        },
      }),
    async start() {
      await processor.start();
      backorders = startJob({
        name: 'inventory backorders',
        everyMs: BACKORDER_SWEEP_MS,
        logger,
        run: retryBackorders,
      });
    },
    async stop() {
      await backorders?.stop();
      await processor.stop();
    },
    settled: () => processor.settled(),
  };
}
