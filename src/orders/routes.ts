import type { FastifyInstance } from 'fastify';
import type { Envelope } from '#contracts/envelope.ts';
import type { Peers } from '#contracts/peers.ts';
import type { Cache } from '#platform/cache/cache.ts';
import type { Database } from '#platform/database/database.ts';
import type { Processor } from '#platform/processor/processor.ts';
import type { Imports } from './imports.ts';
import type { GivesOrders } from './bulk/give.ts';
import { bulkRoutes } from './bulk/routes.ts';
import type { BulkRunner } from './bulk/runner.ts';
import type { Intake } from './intake.ts';
import type { NextActions } from './next-actions.ts';
import type { OrderCache } from './order-cache.ts';
import type { MayRepeat } from './references.ts';
import { commandRoutes } from './routes/commands.ts';
import { dashboardRoute } from './routes/dashboard.ts';
import { exportRoutes } from './routes/exports.ts';
import { importRoute } from './routes/imports.ts';
import { listRoute } from './routes/list.ts';
import { partsRoutes } from './routes/parts.ts';
import { placeRoute } from './routes/place.ts';
import { readRoutes } from './routes/read.ts';
import type { OrderCommand } from './rules/commands.ts';
import type { Order } from './rules/state.ts';
import type { Waiters } from './waiters.ts';

export interface OrderRoutesOptions {
  readonly database: Database;
  readonly processor: Processor<Order, OrderCommand>;
  readonly peers: Pick<Peers, 'checkArrival' | 'lookupProducts' | 'ordersOfDocument'>;
  readonly mayRepeat: MayRepeat;
  readonly intake: Intake;
  readonly imports: Imports;
  readonly waiters: Waiters;
  readonly gives: GivesOrders;
  readonly bulk: BulkRunner;
  readonly nextActions: NextActions;
  /** Where other processes serve orders too. */
  readonly cached?: { readonly orders: OrderCache; readonly cache: Cache };
  /** Base URL of the API as it is reached from outside. */
  readonly publicUrl: () => string;
  /** Every event about an order; by default what this database's log holds. */
  readonly readHistory?: (orderId: string) => Promise<Envelope[]>;
}

/** The HTTP API of orders; one file per kind of route. */
export function orderRoutes(app: FastifyInstance, options: OrderRoutesOptions): void {
  placeRoute(app, options);
  importRoute(app, options);
  listRoute(app, options);
  partsRoutes(app, options.database);
  readRoutes(app, options);
  commandRoutes(app, options);
  bulkRoutes(app, { gives: options.gives, peers: options.peers, runner: options.bulk });
  exportRoutes(app, options);
  dashboardRoute(app, options.database, options.cached?.cache);
}
