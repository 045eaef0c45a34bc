import type { Environment } from '#platform/runtime/settings.ts';
import type { ListOrdersParameters, Order, OrderSummary } from '#client/client.ts';
import { type ApiClient, type ClientOptions, withClient } from '#cli/client.ts';
import { print, printJson, table } from '#cli/output.ts';
import { ORDER_COLUMNS, orderNamed, orderRow } from './find.ts';
import { amountsByLine, piecesByLine } from './pieces.ts';
import { type OrderPage, orderPage } from './order-text.ts';

/** `olms orders …`: what an operator asks of orders, over the API. */

export interface OrderOptions extends ClientOptions {
  readonly json?: boolean;
}

export interface ListOptions extends OrderOptions {
  readonly status?: string;
  readonly paymentStatus?: string;
  readonly fulfillmentStatus?: string;
  readonly customerId?: string;
  readonly channel?: string;
  readonly sku?: string;
  readonly text?: string;
  readonly createdFrom?: string;
  readonly createdTo?: string;
  readonly sort?: string;
  readonly limit?: number;
}

const PAGE_MAX = 200;
const LIMIT_DEFAULT = 50;
const FILTERS = [
  'status',
  'paymentStatus',
  'fulfillmentStatus',
  'customerId',
  'channel',
  'sku',
  'text',
  'createdFrom',
  'createdTo',
  'sort',
] as const;

export async function listOrders(options: ListOptions, env: Environment): Promise<void> {
  await withClient(options, env, async (client) => {
    const { limit = LIMIT_DEFAULT } = options;
    const filters = Object.fromEntries(FILTERS.map((filter) => [filter, options[filter]])) as ListOrdersParameters;
    const found: OrderSummary[] = [];
    let more = false;
    for await (const page of client.listOrders({ ...filters, limit: Math.min(limit, PAGE_MAX) }).pages()) {
      const left = limit - found.length;
      found.push(...page.items.slice(0, left));
      more = page.nextCursor !== null || page.items.length > left;
      if (found.length >= limit) break;
    }
    if (options.json) return printJson(found);
    if (found.length === 0) return print('no such orders');
    const rows = found.map((order) => [...orderRow(order), order.holds.map((hold) => hold.type).join(' ')]);
    print(table([...ORDER_COLUMNS, 'holds'], rows, { flexible: ['reference', 'holds'] }));
    if (more) process.stderr.write('There are more; --limit shows them.\n');
  });
}

export async function showOrder(
  name: string,
  options: OrderOptions & { readonly asOf?: string },
  env: Environment,
): Promise<void> {
  await withClient(options, env, async (client) => {
    const id = await orderNamed(client, name);
    const order = await client.readOrder({ id, asOf: options.asOf });
    if (options.json) return printJson(order);
    // What others know of an order is of now; as it was, only the order itself is kept.
    const page = options.asOf === undefined ? await around(client, order) : NOTHING_AROUND;
    print(orderPage({ order, ...page }));
  });
}

const NOTHING_AROUND = { payment: undefined, shipments: [], parked: [], unknown: [] };

/** What other services know of an order; one that is away is named instead. */
async function around(client: ApiClient, { id }: Order): Promise<Omit<OrderPage, 'order'>> {
  const unknown: string[] = [];
  const ask = async <Answer>(what: string, answer: PromiseLike<Answer>): Promise<Answer | undefined> => {
    try {
      return await answer;
    } catch (error) {
      unknown.push(`${what}: ${(error as Error).message}`);
      return undefined;
    }
  };
  const [payments, shipments, parked] = await Promise.all([
    ask('payments', client.listPayments({ orderId: id })),
    ask('parcels', client.listShipments({ orderId: id })),
    ask('parked events', client.listParkedOrders()),
  ]);
  return {
    payment: payments?.items[0],
    shipments: shipments?.items ?? [],
    parked: parked?.items.filter(({ orderId }) => orderId === id) ?? [],
    unknown,
  };
}

export async function showEvents(name: string, options: OrderOptions, env: Environment): Promise<void> {
  await withClient(options, env, async (client) => {
    const { items } = await client.listOrderEvents({ id: await orderNamed(client, name) });
    if (options.json) return printJson(items);
    const rows = items.map((event) => {
      const { by, ...data } = event.data as { readonly by?: string };
      return [
        event.time.slice(0, 23).replace('T', ' '),
        event.source.replace('/olms/', ''),
        event.sequence,
        event.type,
        by,
        JSON.stringify(data),
      ];
    });
    print(table(['time (UTC)', 'service', '', 'event', 'by', 'data'], rows, { flexible: ['data', 'by'] }));
  });
}

export interface ActionOptions extends OrderOptions {
  readonly reason?: string;
  readonly customerMessage?: string;
  readonly type?: string;
  readonly amount?: string;
  /** Of a cancellation `line` or `line=quantity`, of a refund `line=amount`. */
  readonly line?: readonly string[];
  /** Everything that can still be stopped. */
  readonly rest?: boolean;
  /** As many of them as can still be stopped. */
  readonly atMost?: boolean;
  readonly kind?: string;
  readonly reasonCode?: string;
}

export type OrderAction = 'cancel' | 'hold' | 'release' | 'complete' | 'refund';

/** Gives a command about an order and shows how the order stands then. */
export async function commandOrder(
  action: OrderAction,
  name: string,
  options: ActionOptions,
  env: Environment,
): Promise<void> {
  await withClient(options, env, async (client) => {
    const order = await give(client, action, await orderNamed(client, name), options);
    if (options.json) printJson(order);
    else
      print(
        `${order.number} is ${order.status}, payment ${order.paymentStatus}, total ${order.totalAmount} ${order.currency}, version ${order.version}`,
      );
  });
}

function give(client: ApiClient, action: OrderAction, id: string, options: ActionOptions): Promise<Order> {
  const { reason, customerMessage, type, amount, line = [], rest } = options;
  const because = reason === undefined ? {} : { reason };
  const message = customerMessage === undefined ? {} : { customerMessage };
  switch (action) {
    case 'cancel':
      if (line.length > 0 || rest) return cancelItems(client, id, options);
      return client.cancelOrder({ id }, { ...because, ...message });
    case 'hold':
      return client.holdOrder({ id }, { reason: reason!, ...(type !== undefined && { type }) });
    case 'release':
      return client.releaseOrder({ id }, { ...because, ...(type !== undefined && { type }) });
    case 'complete':
      return client.completeOrder({ id }, {});
    case 'refund':
      return client.requestRefund(
        { id },
        {
          reason: reason!,
          ...message,
          ...(amount !== undefined && { amount }),
          ...(line.length > 0 && { lines: amountsByLine(line, '--line') }),
          ...(options.kind !== undefined && { kind: options.kind as 'owed' }),
          ...(options.reasonCode !== undefined && { reasonCode: options.reasonCode as 'other' }),
        },
      );
  }
}

/** Pieces of lines, or all that can still be stopped. A line without a quantity: all of it that has not left. */
async function cancelItems(
  client: ApiClient,
  id: string,
  { reason, customerMessage, line = [], rest, atMost }: ActionOptions,
): Promise<Order> {
  if (reason === undefined) throw new Error('Give --reason: a cancellation of a part says why.');
  if (rest && line.length > 0) throw new Error('Give either --line or --rest.');
  const named = piecesByLine(line, '--line');
  const { items } = await client.readOrder({ id });
  const pieces = named.map(({ line: number, quantity }) => {
    const item = items.find((candidate) => candidate.line === number);
    // What there is none of is refused by the system, with all that it says.
    return { line: number, quantity: quantity ?? (item?.allowed.cancel || item?.quantity || 1) };
  });
  return client.cancelItems(
    { id },
    {
      reason,
      ...(pieces.length > 0 && { items: pieces }),
      ...(atMost && { atMost }),
      ...(customerMessage !== undefined && { customerMessage }),
    },
  );
}
