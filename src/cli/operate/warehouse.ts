import type { Environment } from '#platform/runtime/settings.ts';
import type { Shipment, Stock } from '#client/client.ts';
import { type ApiClient, withClient } from '#cli/client.ts';
import { print, printJson, table } from '#cli/output.ts';
import { orderNamed } from './find.ts';
import { returnTable, shipmentTable } from './order-text.ts';
import type { OrderOptions } from './orders.ts';
import { piecesBySku } from './pieces.ts';

/** `olms shipments`, `olms returns` and `olms stock`: goods, over the API. */

export async function listShipments(name: string, options: OrderOptions, env: Environment): Promise<void> {
  await withClient(options, env, async (client) => {
    const { items } = await client.listShipments({ orderId: await orderNamed(client, name) });
    if (options.json) printJson(items);
    else print(items.length === 0 ? 'nothing of this order is packed yet' : shipmentTable(items));
  });
}

export interface DispatchOptions extends OrderOptions {
  readonly carrier: string;
  readonly tracking: string;
}

export type ShipmentAction = 'dispatch' | 'deliver' | 'lost' | 'damaged' | 'returned-to-sender' | 'correct';

export interface MoveOptions extends OrderOptions, Partial<DispatchOptions> {
  readonly reason?: string;
  /** False: what came back does not go back to its shelf. */
  readonly restock?: boolean;
}

/** Records that a parcel was handed over, that it arrived, what went wrong with it, or what it is really called. */
export async function moveShipment(
  action: ShipmentAction,
  id: string,
  options: MoveOptions,
  env: Environment,
): Promise<void> {
  await withClient(options, env, async (client) => {
    const shipment = await moved(client, action, id, options);
    if (options.json) printJson(shipment);
    else print(`shipment ${shipment.id} is ${shipment.status}`);
  });
}

function moved(
  client: ApiClient,
  action: ShipmentAction,
  id: string,
  { carrier, tracking, reason, restock }: MoveOptions,
): Promise<Shipment> {
  const because = reason === undefined ? {} : { reason };
  switch (action) {
    case 'dispatch':
      return client.dispatchShipment({ id }, { carrier: carrier!, trackingNumber: tracking! });
    case 'deliver':
      return client.deliverShipment({ id }, {});
    case 'correct':
      return client.correctTracking(
        { id },
        { trackingNumber: tracking!, reason: reason!, ...(carrier !== undefined && { carrier }) },
      );
    case 'lost':
      return client.loseShipment({ id }, because);
    case 'damaged':
      return client.damageShipment({ id }, because);
    case 'returned-to-sender':
      return client.returnShipment({ id }, { ...because, ...(restock === false && { restock }) });
  }
}

export async function listReturns(name: string, options: OrderOptions, env: Environment): Promise<void> {
  await withClient(options, env, async (client) => {
    const order = await client.readOrder({ id: await orderNamed(client, name) });
    if (options.json) printJson(order.returns);
    else print(order.returns.length === 0 ? 'nothing of this order comes back' : returnTable(order));
  });
}

export interface ReturnOptions extends OrderOptions {
  readonly reason: string;
  /** `SKU=quantity`, once for each article; none: everything that can come back. */
  readonly item?: readonly string[];
}

export async function requestReturn(name: string, options: ReturnOptions, env: Environment): Promise<void> {
  const { reason, item = [] } = options;
  const items = piecesBySku(item, '--item');
  await withClient(options, env, async (client) => {
    const id = await orderNamed(client, name);
    const order = await client.requestReturn({ id }, { reason, ...(items.length > 0 && { items }) });
    if (options.json) printJson(order.returns);
    else print(returnTable(order));
  });
}

export interface ReceiveOptions extends OrderOptions {
  readonly location?: string;
  readonly refund: boolean;
}

export async function receiveReturn(
  name: string,
  returnId: string,
  { location, refund, ...options }: ReceiveOptions,
  env: Environment,
): Promise<void> {
  await withClient(options, env, async (client) => {
    const id = await orderNamed(client, name);
    const body = { ...(location !== undefined && { location }), ...(!refund && { refund }) };
    const order = await client.receiveReturn({ id, returnId }, body);
    if (options.json) printJson(order);
    else print(`${returnTable(order)}\n\nrefunded ${order.refundedAmount} ${order.currency} so far`);
  });
}

export async function closeReturn(
  name: string,
  returnId: string,
  { reason, ...options }: OrderOptions & { readonly reason?: string },
  env: Environment,
): Promise<void> {
  await withClient(options, env, async (client) => {
    const id = await orderNamed(client, name);
    const order = await client.closeReturn({ id, returnId }, reason === undefined ? {} : { reason });
    if (options.json) printJson(order.returns);
    else print(returnTable(order));
  });
}

export async function listStock(
  sku: string | undefined,
  options: OrderOptions & { readonly limit?: number },
  env: Environment,
): Promise<void> {
  await withClient(options, env, async (client) => {
    const { limit = 200 } = options;
    const found: Stock[] = [];
    if (sku === undefined) {
      for await (const stock of client.listStock({ limit: Math.min(limit, 200) })) {
        found.push(stock);
        if (found.length >= limit) break;
      }
    } else found.push(await client.readStock({ sku }));
    if (options.json) return printJson(sku === undefined ? found : found[0]);
    if (found.length === 0) return print('there are no articles');
    const rows = found.flatMap((stock) => [
      [stock.sku, 'all', stock.onHand, stock.reserved, stock.available, stock.waiting || ''],
      ...(stock.locations.length > 1 || sku !== undefined
        ? stock.locations.map((at) => ['', at.location, at.onHand, at.reserved, at.available, ''])
        : []),
    ]);
    print(table(['sku', 'location', 'on hand', 'reserved', 'available', 'waited for'], rows, { flexible: ['sku'] }));
  });
}

export interface AdjustOptions extends OrderOptions {
  readonly reason: string;
  readonly location?: string;
  readonly delta?: number;
  readonly onHand?: number;
}

export async function adjustStock(sku: string, options: AdjustOptions, env: Environment): Promise<void> {
  const { reason, location, delta, onHand } = options;
  if ((delta === undefined) === (onHand === undefined)) throw new Error('Give either --delta or --on-hand.');
  await withClient(options, env, async (client) => {
    const adjustment = await client.adjustStock({
      sku,
      reason,
      ...(location !== undefined && { location }),
      ...(delta === undefined ? { onHand: onHand! } : { delta }),
    });
    if (options.json) return printJson(adjustment);
    const stock = await client.readStock({ sku });
    print(`${sku}: ${stock.onHand} on hand, ${stock.reserved} reserved, ${stock.available} available`);
  });
}
