import type { Environment } from '#platform/runtime/settings.ts';
import type { ListOrdersParameters, Order, OrderSummary } from '#client/client.ts';
import { type ApiClient, type ClientOptions, withClient } from '#cli/client.ts';
import { print, printJson, table } from '#cli/output.ts';

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
    const rows = found.map((order) => [
      order.id,
      order.createdAt,
      order.status,
      order.paymentStatus,
      order.fulfillmentStatus,
      order.totalAmount,
      order.currency,
      order.itemCount,
      order.channel,
      order.reference,
      order.holds.map((hold) => hold.type).join(' '),
    ]);
    print(
      table(
        ['id', 'created', 'status', 'payment', 'fulfillment', 'total', '', 'items', 'channel', 'reference', 'holds'],
        rows,
      ),
    );
    if (more) process.stderr.write('There are more; --limit shows them.\n');
  });
}

export async function showOrder(
  id: string,
  options: OrderOptions & { readonly asOf?: string },
  env: Environment,
): Promise<void> {
  await withClient(options, env, async (client) => {
    const order = await client.readOrder({ id, asOf: options.asOf });
    if (options.json) printJson(order);
    else print(orderText(order));
  });
}

function orderText(order: Order): string {
  const facts: [string, unknown][] = [
    ['order', order.id],
    ['reference', order.reference],
    ['status', `${order.status}, payment ${order.paymentStatus}, fulfillment ${order.fulfillmentStatus}`],
    ['ended because', order.endReason],
    ['total', `${order.totalAmount} ${order.currency}`],
    ['customer', order.customerId],
    ['channel', order.channel],
    ['created', order.createdAt],
    ['changed', `${order.updatedAt}, version ${order.version}`],
    ['waits until', order.deadlineAt],
    ...order.holds.map((hold): [string, string] => ['hold', `${hold.type} by ${hold.by}: ${hold.reason}`]),
    ...order.shipments.map((shipment): [string, string] => [
      'shipment',
      `${shipment.carrier} ${shipment.trackingNumber}${shipment.delivered ? ', delivered' : ''}`,
    ]),
    ...order.refunds.map((refund): [string, string] => [
      'refund',
      `${refund.amount} ${refund.status}: ${refund.reason}`,
    ]),
    ['allowed', order.allowedActions.join(', ') || 'nothing'],
  ];
  const items = order.items.map(({ line, sku, name, quantity, unitPrice, amount }) => [
    line,
    sku,
    name,
    quantity,
    unitPrice,
    amount,
  ]);
  const [, ...lines] = table(
    ['', ''],
    facts.filter(([, value]) => value !== undefined),
  ).split('\n');
  return `${lines.join('\n')}\n\n${table(['line', 'sku', 'name', 'quantity', 'price', 'amount'], items)}`;
}

export async function showEvents(id: string, options: OrderOptions, env: Environment): Promise<void> {
  await withClient(options, env, async (client) => {
    const { items } = await client.listOrderEvents({ id });
    if (options.json) return printJson(items);
    const rows = items.map((event) => [
      event.time,
      event.source,
      Number(event.sequence),
      event.type,
      shortened(JSON.stringify(event.data)),
    ]);
    print(table(['time', 'source', 'number', 'event', 'data'], rows));
  });
}

const DATA_SHOWN = 100;

function shortened(text: string): string {
  return text.length <= DATA_SHOWN ? text : `${text.slice(0, DATA_SHOWN)}…`;
}

export interface ActionOptions extends OrderOptions {
  readonly reason?: string;
  readonly type?: string;
  readonly amount?: string;
}

export type OrderAction = 'cancel' | 'hold' | 'release' | 'complete' | 'refund';

/** Gives a command about an order and shows how the order stands then. */
export async function commandOrder(
  action: OrderAction,
  id: string,
  options: ActionOptions,
  env: Environment,
): Promise<void> {
  await withClient(options, env, async (client) => {
    const order = await give(client, action, id, options);
    if (options.json) printJson(order);
    else print(`${order.id} is ${order.status}, payment ${order.paymentStatus}, version ${order.version}`);
  });
}

function give(
  client: ApiClient,
  action: OrderAction,
  id: string,
  { reason, type, amount }: ActionOptions,
): Promise<Order> {
  const because = reason === undefined ? {} : { reason };
  switch (action) {
    case 'cancel':
      return client.cancelOrder({ id }, because);
    case 'hold':
      return client.holdOrder({ id }, { reason: reason!, ...(type !== undefined && { type }) });
    case 'release':
      return client.releaseOrder({ id }, { ...because, ...(type !== undefined && { type }) });
    case 'complete':
      return client.completeOrder({ id }, {});
    case 'refund':
      return client.requestRefund({ id }, { reason: reason!, ...(amount !== undefined && { amount }) });
  }
}
