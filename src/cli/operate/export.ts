import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import type { ListOrdersParameters, Order } from '#client/client.ts';
import { ENDS, type ImportedOrder } from '#orders/rules/imports.ts';
import { amountMinor, formatAmount, sumOf } from '#contracts/money.ts';
import type { Environment } from '#platform/runtime/settings.ts';
import { type ApiClient, type ClientOptions, connect } from '#cli/client.ts';
import { Progress } from '#cli/output.ts';
import { UsageError } from './import/mapping.ts';

/** `olms export orders`: orders as a file that can be imported again. */

export interface ExportOptions extends ClientOptions {
  readonly status?: string;
  readonly channel?: string;
  readonly createdFrom?: string;
  readonly createdTo?: string;
}

const PAGE = 100;
const AT_A_TIME = 8;

/** The columns of the preset `olms`, a row per line; what an order says once stands in its first. */
const COLUMNS = [
  'number',
  'createdAt',
  'status',
  'currency',
  'customerId',
  'email',
  'phone',
  'recipient',
  'company',
  'line1',
  'line2',
  'city',
  'region',
  'postalCode',
  'country',
  'sku',
  'name',
  'quantity',
  'unitPrice',
  'tax',
  'shipping',
  'discount',
  'totalAmount',
  'refundedAmount',
] as const;
type Row = Partial<Record<(typeof COLUMNS)[number], string>>;

/** Writes the orders to a file, `.csv` or `.json`, oldest first. Throws a {@link UsageError} before anything is read. */
export async function exportOrders(file: string, options: ExportOptions, env: Environment): Promise<number> {
  const isJson = /\.json$/i.test(file);
  if (!isJson && !/\.csv$/i.test(file))
    throw new UsageError(`${file}: the name of the file says what it is; end it in .csv or .json.`);
  const stream = await writable(file);
  const progress = new Progress();
  let client: ApiClient | undefined;
  let count = 0;
  try {
    client = await connect(options, env, AT_A_TIME);
    const { status, channel, createdFrom, createdTo } = options;
    const filter = { status, channel, createdFrom, createdTo, sort: 'createdAt', limit: PAGE } as ListOrdersParameters;
    await write(stream, isJson ? '[' : `${COLUMNS.join(',')}\r\n`);
    for await (const page of client.listOrders(filter).pages()) {
      for (let at = 0; at < page.items.length; at += AT_A_TIME) {
        const some = page.items.slice(at, at + AT_A_TIME);
        for (const order of await Promise.all(some.map(({ id }) => client!.readOrder({ id })))) {
          const text = isJson ? `${count === 0 ? '' : ','}\n${JSON.stringify(importable(order))}` : csvOf(order);
          await write(stream, text);
          count++;
        }
      }
      progress.update('orders', count, undefined);
    }
    if (isJson) await write(stream, '\n]\n');
  } finally {
    progress.end();
    stream.end();
    await once(stream, 'close');
    await client?.close();
  }
  process.stderr.write(`olms: ${count} orders in ${file}\n`);
  return 0;
}

async function writable(file: string): Promise<WriteStream> {
  try {
    const handle = await open(file, 'w', 0o600);
    return createWriteStream('', { fd: handle });
  } catch (error) {
    throw new UsageError(`${file} cannot be written: ${(error as Error).message}`);
  }
}

async function write(stream: WriteStream, text: string): Promise<void> {
  if (!stream.write(text)) await once(stream, 'drain');
}

/** What a customer knows the order by; an order without a reference goes by its id. */
function numberOf({ reference, id }: Order): string {
  return reference ?? id;
}

/** The order as `POST /orders/imports` takes it: where it has ended with its end, else as open. */
function importable(order: Order): ImportedOrder {
  const end = ENDS.find((status) => status === order.status);
  const done = order.refunds.filter(({ status }) => status === 'DONE');
  return {
    number: numberOf(order),
    createdAt: order.createdAt,
    ...(order.customerId !== undefined && { customerId: order.customerId }),
    currency: order.currency,
    channel: order.channel,
    reference: numberOf(order),
    items: order.items.map(({ sku, name, quantity, unitPrice }) => ({
      sku,
      ...(name !== undefined && { name }),
      quantity,
      unitPrice,
    })),
    ...(order.taxLines.length > 0 && { taxLines: order.taxLines }),
    ...(order.shippingLines.length > 0 && { shippingLines: order.shippingLines }),
    ...(order.discountLines.length > 0 && { discountLines: order.discountLines }),
    totalAmount: order.totalAmount,
    ...(order.shippingAddress && { shippingAddress: order.shippingAddress }),
    ...(order.contact && { contact: order.contact as ImportedOrder['contact'] }),
    ...(Object.keys(order.metadata).length > 0 && { metadata: order.metadata }),
    ...(end && {
      status: end,
      ...(done.length > 0 && { refunds: done.map(({ amount, reason }) => ({ amount, reason })) }),
    }),
    ...(order.endReason !== undefined && { endReason: order.endReason }),
  } as ImportedOrder;
}

function csvOf(order: Order): string {
  const sum = (lines: readonly { readonly amount: string }[]): string => {
    const minor = sumOf(lines, order.currency);
    return minor === 0n ? '' : formatAmount(minor, order.currency);
  };
  const { shippingAddress: address = {}, contact } = order;
  const once: Row = {
    createdAt: order.createdAt,
    status: order.status,
    currency: order.currency,
    customerId: order.customerId ?? '',
    email: contact?.email ?? '',
    phone: contact?.phone ?? '',
    recipient: address.name ?? '',
    company: address.company ?? '',
    line1: address.line1 ?? '',
    line2: address.line2 ?? '',
    city: address.city ?? '',
    region: address.region ?? '',
    postalCode: address.postalCode ?? '',
    country: address.country ?? '',
    tax: sum(order.taxLines),
    shipping: sum(order.shippingLines),
    discount: sum(order.discountLines),
    totalAmount: order.totalAmount,
    refundedAmount: amountMinor(order.refundedAmount, order.currency) === 0n ? '' : order.refundedAmount,
  };
  return order.items
    .map(({ sku, name, quantity, unitPrice }, index) => {
      const row: Row = {
        ...(index === 0 ? once : { currency: order.currency }),
        number: numberOf(order),
        sku,
        name: name ?? '',
        quantity: String(quantity),
        unitPrice,
      };
      return `${COLUMNS.map((column) => quoted(row[column] ?? '')).join(',')}\r\n`;
    })
    .join('');
}

function quoted(text: string): string {
  return /[",\r\n]|^\s|\s$|^[='+]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
