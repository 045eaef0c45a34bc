import type { Environment } from '#platform/runtime/settings.ts';
import { isUuid } from '#contracts/ids.ts';
import { formerNumber, isFormerNumber, readNumber } from '#contracts/order-number.ts';
import { type OrderSummary, Problem } from '#client/client.ts';
import { type ApiClient, type ClientOptions, withClient } from '#cli/client.ts';
import { ageOf, minuteOf, print, printJson, table } from '#cli/output.ts';

/** By which names people know an order, and how it is found by them. */

const isNumber = (text: string): boolean => readNumber(text) !== undefined || isFormerNumber(text);
const FOUND_MAX = 20;
const LOOKED_UP = 200;

/** A row of a list of orders, under {@link ORDER_COLUMNS}. */
export function orderRow(order: OrderSummary): unknown[] {
  return [
    order.number,
    order.reference,
    order.status,
    order.paymentStatus,
    `${order.totalAmount} ${order.currency}`,
    minuteOf(order.createdAt),
    ageOf(order.createdAt),
  ];
}
export const ORDER_COLUMNS = ['order', 'reference', 'status', 'payment', 'total', 'created', 'age'];

/** The id of the one order that is called so: by its id, its number, or its reference. Throws where none is, or several are. */
export async function orderNamed(client: ApiClient, name: string): Promise<string> {
  const text = name.trim();
  if (isUuid(text.toLowerCase())) return text.toLowerCase();
  if (isNumber(text)) {
    const { items } = await client.listOrders({ number: text });
    if (items.length === 1) return items[0]!.id;
  }
  const { items } = await client.listOrders({ text, limit: FOUND_MAX });
  const named = items.filter(({ reference }) => reference?.toLowerCase() === text.toLowerCase());
  const candidates = named.length > 0 ? named : items;
  if (candidates.length === 1) return candidates[0]!.id;
  if (candidates.length === 0)
    throw new Error(`No order is called ${JSON.stringify(text)}. Try: bin/olms find ${text}`);
  const list = table(ORDER_COLUMNS, candidates.map(orderRow));
  throw new Error(`Several orders are called ${JSON.stringify(text)}; name one of them:\n\n${list}`);
}

/** What these orders are called, by their ids; an order that cannot be looked up, by the end of its own. */
export async function namesOf(client: ApiClient, ids: readonly string[]): Promise<(id: string) => string> {
  const names = new Map<string, string>();
  const wanted = [...new Set(ids)];
  for (let from = 0; from < wanted.length; from += LOOKED_UP) {
    const id = wanted.slice(from, from + LOOKED_UP);
    for (const order of (await client.listOrders({ id, limit: LOOKED_UP })).items) names.set(order.id, order.number);
  }
  return (id) => names.get(id) ?? formerNumber(id);
}

interface Found {
  readonly order: OrderSummary;
  readonly by: string;
}

/** `olms find`: orders by whatever somebody has in hand. */
export async function find(
  text: string,
  options: ClientOptions & { readonly json?: boolean },
  env: Environment,
): Promise<void> {
  await withClient(options, env, async (client) => {
    const found = await search(client, text.trim());
    if (options.json) printJson(found.map(({ order, by }) => ({ ...order, foundBy: by })));
    else if (found.length > 0) {
      print(
        table(
          [...ORDER_COLUMNS, 'found by'],
          found.map(({ order, by }) => [...orderRow(order), by]),
        ),
      );
    }
    if (found.length > 0) return;
    process.exitCode = 1;
    process.stderr.write(
      `Nothing is called ${JSON.stringify(text)}: no order, number, reference, e-mail, phone, name, customer, article, shipment or review.\n`,
    );
  });
}

async function search(client: ApiClient, text: string): Promise<Found[]> {
  const found = new Map<string, Found>();
  const add = (by: string, orders: readonly OrderSummary[]): void => {
    for (const order of orders) if (!found.has(order.id) && found.size < FOUND_MAX) found.set(order.id, { order, by });
  };
  const ofOrder = async (by: string, orderId: string | undefined): Promise<void> => {
    if (orderId !== undefined) add(by, (await client.listOrders({ text: orderId })).items);
  };
  if (isUuid(text.toLowerCase())) {
    const id = text.toLowerCase();
    await ofOrder('id', id);
    await ofOrder('shipment', await unlessUnknown(async () => (await client.readShipment({ id })).orderId));
    await ofOrder('review', await unlessUnknown(async () => (await client.readReview({ id })).orderId));
  }
  if (isNumber(text)) add('number', (await client.listOrders({ number: text })).items);
  if (text.length <= 100) {
    add('customer', (await client.listOrders({ customerId: text, limit: FOUND_MAX })).items);
    add('article', (await client.listOrders({ sku: text, limit: FOUND_MAX })).items);
  }
  add('text', (await client.listOrders({ text, limit: FOUND_MAX })).items);
  return [...found.values()];
}

async function unlessUnknown(ask: () => Promise<string>): Promise<string | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return undefined;
    throw error;
  }
}
