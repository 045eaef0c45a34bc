import { setTimeout as sleep } from 'node:timers/promises';
import { amountMinor } from '#contracts/money.ts';
import { STATUSES } from '#orders/rules/lifecycle.ts';
import { type ImportedOrders, type ImportOrders, type OrderSummary, Problem, type Stock } from '#client/client.ts';
import type { ApiClient } from '#cli/client.ts';
import { idTimeMs } from '#contracts/ids.ts';
import type { ImportKind } from '#orders/rules/imports.ts';
import type { ImportReport } from './report.ts';
import { type ReadOrder, uuidOf } from './request.ts';

export interface Article {
  readonly sku: string;
  name: string | undefined;
  /** Pieces that all lines of the file sell together. */
  quantity: number;
}

/** Sends what a file holds through the API, the way every channel does. */

const PATIENCE_MS = 300_000;
const PAGE = 200;
const POLL_FIRST_MS = 100;
const POLL_MAX_MS = 1_000;

/** Works on the items of a source, at most `limit` at a time. The first error ends it, once running work is done. */
export async function concurrently<Item>(
  source: Iterable<Item> | AsyncIterable<Item>,
  limit: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const items = (async function* (): AsyncGenerator<Item> {
    yield* source;
  })();
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (;;) {
      const { done, value } = await items.next();
      if (done || failures.length > 0) return;
      await work(value);
    }
  };
  const guarded = async (): Promise<void> => worker().catch((error: unknown) => void failures.push(error));
  await Promise.all(Array.from({ length: limit }, guarded));
  await items.return(undefined);
  if (failures.length > 0) throw failures[0];
}

export interface StockSettings {
  readonly create: boolean;
  /** Pieces each article starts with; `needed`: as many as the file sells; undefined: none are booked. */
  readonly initial: number | 'needed' | undefined;
  readonly source: string;
}

async function stockOf(client: ApiClient, sku: string): Promise<Stock | undefined> {
  try {
    return await client.readStock({ sku }, { patienceMs: PATIENCE_MS });
  } catch (error) {
    if (error instanceof Problem && error.code === 'PRODUCT_NOT_FOUND') return undefined;
    throw error;
  }
}

/**
 * Creates an article that is missing, and gives it its first stock where it never had any. What exists is
 * left alone: names that people corrected, and stock that was counted or sold since.
 */
export async function provide(
  client: ApiClient,
  { sku, name, quantity }: Article,
  settings: StockSettings,
  report: ImportReport,
): Promise<void> {
  const before = await stockOf(client, sku);
  if (!before) {
    if (!settings.create) return;
    await client.putProduct({ sku }, { name: name ?? sku }, { patienceMs: PATIENCE_MS });
    report.productsCreated++;
  }
  const pieces = settings.initial === 'needed' ? quantity : (settings.initial ?? 0);
  if (pieces === 0 || (before && before.locations.length > 0)) return;
  await client.adjustStock(
    { sku, delta: pieces, reason: `initial stock, import of ${settings.source}` },
    { idempotencyKey: `${settings.source}:stock:${uuidOf(sku)}`, patienceMs: PATIENCE_MS },
  );
  report.stockAdjusted++;
}

/** An order that the system took, now or in an earlier run. */
export interface TakenOrder {
  readonly id: string;
  readonly invoice: string;
  readonly createdMs: number;
}

/** What is sent together. The system takes at most 100 orders, and a body of a million bytes. */
const SET_MAX = 50;
const SET_BYTES_MAX = 300_000;

/** Sets of orders, as they come. */
export async function* setsOf(source: AsyncIterable<ReadOrder>): AsyncGenerator<readonly ReadOrder[]> {
  let set: ReadOrder[] = [];
  let bytes = 0;
  for await (const order of source) {
    const size = order.order ? JSON.stringify(order.order).length : 0;
    if (set.length > 0 && (set.length >= SET_MAX || bytes + size > SET_BYTES_MAX)) {
      yield set;
      [set, bytes] = [[], 0];
    }
    set.push(order);
    bytes += size;
  }
  if (set.length > 0) yield set;
}

export interface SendSettings {
  readonly source: string;
  readonly as: ImportKind;
  readonly dryRun: boolean;
  /** On a dry run: articles that are not there would be made. */
  readonly createProducts: boolean;
}

/** Sends a set, writes down what became of each order, and returns those that were taken. Throws only where going on makes no sense. */
export async function sendSet(
  client: ApiClient,
  set: readonly ReadOrder[],
  settings: SendSettings,
  report: ImportReport,
): Promise<TakenOrder[]> {
  for (const order of set)
    if (order.refused) await report.refuse(order, order.refused.reason, order.refused.detail, order.refusedLines);
  const sent = set.filter((order) => order.order !== undefined);
  const taken: TakenOrder[] = [];
  if (sent.length > 0) await send(client, sent, settings, report, taken);
  return taken;
}

async function send(
  client: ApiClient,
  sent: readonly ReadOrder[],
  settings: SendSettings,
  report: ImportReport,
  taken: TakenOrder[],
): Promise<void> {
  const { source, as, dryRun, createProducts } = settings;
  let answer: ImportedOrders;
  try {
    const orders = sent.map(({ order }) => order!) as ImportOrders['orders'];
    answer = await client.importOrders({ source, as, ...(dryRun && { dryRun }), orders }, { patienceMs: PATIENCE_MS });
  } catch (error) {
    // What one order holds must not keep the others out.
    if (!(error instanceof Problem) || error.status >= 500 || error.status === 401 || error.status === 403) throw error;
    if (sent.length === 1) return report.refuse(sent[0]!, error.code, error.message);
    const half = sent.length >>> 1;
    await send(client, sent.slice(0, half), settings, report, taken);
    return send(client, sent.slice(half), settings, report, taken);
  }
  for (const [index, { number, outcome, id, totalAmount, code, detail }] of answer.orders.entries()) {
    const order = sent[index]!;
    const currency = order.currency!;
    const isNew = outcome === 'refused' && code === 'UNKNOWN_SKU' && dryRun && createProducts;
    if (outcome === 'refused' && !isNew) {
      await report.refuse(order, code ?? 'REFUSED', detail ?? '');
      continue;
    }
    const system = totalAmount === undefined ? order.total : amountMinor(totalAmount, currency);
    report.take({ ...order, currency }, system, outcome === 'repeated');
    if (id !== undefined) taken.push({ id, invoice: number, createdMs: idTimeMs(id) });
  }
}

/** Waits until every order has ended, or the time is up; counts statuses and names who has not. */
export async function waitForEnd(
  client: ApiClient,
  taken: readonly TakenOrder[],
  options: { readonly channel: string; readonly seconds: number; readonly onEnded: (ended: number) => void },
): Promise<{ statuses: Record<string, number>; unfinished: string[] }> {
  const open = new Map(taken.map((order) => [order.id, order]));
  const statuses: Record<string, number> = {};
  const untilMs = Date.now() + options.seconds * 1000;
  for (let pauseMs = POLL_FIRST_MS; ; pauseMs = Math.min(pauseMs * 2, POLL_MAX_MS)) {
    const last = Date.now() + pauseMs > untilMs;
    for await (const { id, status } of listed(client, open, options.channel)) {
      if (!open.has(id) || !(STATUSES[status].final || last)) continue;
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (STATUSES[status].final) open.delete(id);
    }
    options.onEnded(taken.length - open.size);
    if (open.size === 0 || last) return { statuses, unfinished: [...open.values()].map(({ invoice }) => invoice) };
    await sleep(pauseMs);
  }
}

/** The orders of the channel from the oldest open one to the newest: lists are cheaper than one call each. */
async function* listed(
  client: ApiClient,
  open: ReadonlyMap<string, TakenOrder>,
  channel: string,
): AsyncGenerator<OrderSummary> {
  if (open.size === 0) return;
  let from = Number.POSITIVE_INFINITY;
  let to = 0;
  for (const { createdMs } of open.values()) {
    from = Math.min(from, createdMs);
    to = Math.max(to, createdMs + 1);
  }
  const [createdFrom, createdTo] = [new Date(from).toISOString(), new Date(to).toISOString()];
  yield* client.listOrders(
    { channel, createdFrom, createdTo, sort: 'createdAt', limit: PAGE },
    { patienceMs: PATIENCE_MS },
  );
}
