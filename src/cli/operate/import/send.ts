import { setTimeout as sleep } from 'node:timers/promises';
import { amountMinor } from '#contracts/money.ts';
import { STATUSES } from '#orders/rules/lifecycle.ts';
import { type Order, type OrderSummary, Problem, type Stock, UnreachableError } from '#client/client.ts';
import type { ApiClient } from '#cli/client.ts';
import type { Article, FileOrder } from './group.ts';
import type { ImportReport } from './report.ts';
import { type OrderToSend, requestOf, type RequestSettings, uuidOf } from './request.ts';

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

/** Sends one order of the file and writes down what became of it. Throws only where going on makes no sense. */
export async function sendOrder(
  client: ApiClient | undefined,
  order: FileOrder,
  settings: RequestSettings,
  report: ImportReport,
): Promise<TakenOrder | undefined> {
  report.refusedLines.push(...order.refused);
  const toSend = requestOf(order, settings);
  if (typeof toSend === 'string') {
    report.refusedOrders.push({ invoice: order.invoice, reason: toSend, lines: order.lines.length });
    refuseLines(order, toSend, report);
    return undefined;
  }
  if (!client) {
    accept(toSend, toSend.total, report);
    report.ordersTaken++;
    return undefined;
  }
  try {
    let isRepeated = false;
    const answer: Order = await client.placeOrder(toSend.request, {
      idempotencyKey: toSend.key,
      patienceMs: PATIENCE_MS,
      onAnswer: ({ headers }) => (isRepeated = headers.get('idempotency-replayed') === 'true'),
    });
    if (isRepeated) report.ordersRepeated++;
    else report.ordersTaken++;
    accept(toSend, amountMinor(answer.totalAmount, toSend.currency), report);
    return { id: answer.id, invoice: order.invoice, createdMs: Date.parse(answer.createdAt) };
  } catch (error) {
    const refused = error instanceof Problem;
    if (!refused && !(error instanceof UnreachableError)) throw error;
    const reason = refused ? error.code : 'UNREACHABLE';
    report.failedOrders.push({ invoice: order.invoice, reason, lines: order.lines.length, detail: error.message });
    refuseLines(order, reason, report);
    // Neither a wrong key nor a system that is gone gets better with the next order.
    if (!refused || error.status >= 500 || error.status === 401 || error.status === 403) throw error;
    return undefined;
  }
}

function accept(
  { request, currency, total, invoice, notes }: OrderToSend,
  inSystem: bigint,
  report: ImportReport,
): void {
  report.linesTaken += request.items.length;
  report.add(currency, total, inSystem);
  if (total !== inSystem) report.differences.push({ invoice, file: String(total), system: String(inSystem) });
  for (const note of notes) report.notes.set(note, (report.notes.get(note) ?? 0) + 1);
}

function refuseLines({ invoice, lines }: FileOrder, reason: string, report: ImportReport): void {
  for (const { line } of lines) report.refusedLines.push({ line, invoice, reason });
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
