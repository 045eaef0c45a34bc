import type { Environment } from '#platform/runtime/settings.ts';
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

interface OrderSummary extends Record<string, unknown> {
  readonly id: string;
  readonly status: string;
  readonly paymentStatus: string;
  readonly fulfillmentStatus: string;
  readonly holds: readonly { readonly type: string; readonly reason: string; readonly by: string }[];
  readonly totalAmount: string;
  readonly currency: string;
  readonly channel: string;
  readonly reference?: string;
  readonly customerId: string;
  readonly itemCount: number;
  readonly version: number;
  readonly createdAt: string;
  readonly updatedAt: string;
}

interface OrderDetail extends OrderSummary {
  readonly items: readonly {
    readonly line: number;
    readonly sku: string;
    readonly name?: string;
    readonly quantity: number;
    readonly unitPrice: string;
    readonly amount: string;
  }[];
  readonly shipments: readonly {
    readonly shipmentId: string;
    readonly carrier: string;
    readonly trackingNumber: string;
    readonly delivered: boolean;
  }[];
  readonly refunds: readonly {
    readonly refundId: string;
    readonly amount: string;
    readonly status: string;
    readonly reason: string;
  }[];
  readonly endReason?: string;
  readonly deadlineAt?: string;
  readonly allowedActions: readonly string[];
}

interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
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
    const found: OrderSummary[] = [];
    let rest = options.limit ?? LIMIT_DEFAULT;
    let cursor: string | null = null;
    do {
      const query = new URLSearchParams({ limit: String(Math.min(rest, PAGE_MAX)) });
      for (const filter of FILTERS) if (options[filter] !== undefined) query.set(filter, options[filter]);
      if (cursor !== null) query.set('cursor', cursor);
      const page: Page<OrderSummary> = await client.get(`/orders?${query}`);
      found.push(...page.items);
      rest -= page.items.length;
      cursor = page.nextCursor;
    } while (cursor !== null && rest > 0);
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
    if (cursor !== null) process.stderr.write('There are more; --limit shows them.\n');
  });
}

export async function showOrder(
  id: string,
  options: OrderOptions & { readonly asOf?: string },
  env: Environment,
): Promise<void> {
  await withClient(options, env, async (client) => {
    const query = options.asOf === undefined ? '' : `?asOf=${encodeURIComponent(options.asOf)}`;
    const order = await client.get<OrderDetail>(`${pathOf(id)}${query}`);
    if (options.json) printJson(order);
    else print(orderText(order));
  });
}

function orderText(order: OrderDetail): string {
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

interface LogEntry {
  readonly time: string;
  readonly source: string;
  readonly sequence: number;
  readonly type: string;
  readonly data: unknown;
}

export async function showEvents(id: string, options: OrderOptions, env: Environment): Promise<void> {
  await withClient(options, env, async (client) => {
    const { items } = await client.get<Page<LogEntry>>(`${pathOf(id)}/events`);
    if (options.json) return printJson(items);
    const rows = items.map((event) => [
      event.time,
      event.source,
      event.sequence,
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
): Promise<OrderDetail> {
  const because = reason === undefined ? {} : { reason };
  const path = pathOf(id);
  switch (action) {
    case 'cancel':
      return client.post(`${path}/cancel`, because);
    case 'hold':
    case 'release':
      return client.post(`${path}/${action}`, { ...because, ...(type !== undefined && { type }) });
    case 'complete':
      return client.post(`${path}/complete`, {});
    case 'refund':
      return client.post(`${path}/refunds`, { ...because, ...(amount !== undefined && { amount }) });
  }
}

function pathOf(id: string): string {
  return `/orders/${encodeURIComponent(id)}`;
}
