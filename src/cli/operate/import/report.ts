import { formatAmount } from '#contracts/money.ts';
import { table } from '#cli/output.ts';
import type { RefusedLine } from './group.ts';
import { type Reason, REASONS } from './lines.ts';

/** What became of a file, line by line and to the last minor unit. */

export interface RefusedOrder {
  readonly invoice: string;
  readonly reason: string;
  readonly lines: number;
  readonly detail?: string;
}

interface Sums {
  lines: bigint;
  orders: bigint;
}

interface Group {
  readonly reason: string;
  readonly meaning: string;
  readonly count: number;
  readonly first: readonly (string | number)[];
}

const FIRST_SHOWN = 5;

function grouped<Item>(
  items: readonly Item[],
  reasonOf: (item: Item) => string,
  nameOf: (item: Item) => string | number,
): Group[] {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const reason = reasonOf(item);
    const group = groups.get(reason);
    if (group) group.push(item);
    else groups.set(reason, [item]);
  }
  return [...groups]
    .map(([reason, members]) => ({
      reason,
      meaning: reason in REASONS ? REASONS[reason as Reason] : 'refused by the system',
      count: members.length,
      first: members.slice(0, FIRST_SHOWN).map(nameOf),
    }))
    .sort((a, b) => b.count - a.count);
}

export class ImportReport {
  readonly file: string;
  readonly preset: string;
  readonly dryRun: boolean;
  ordersTaken = 0;
  ordersRepeated = 0;
  linesTaken = 0;
  productsCreated = 0;
  stockAdjusted = 0;
  /** Calls that had to be repeated. */
  repeats = 0;
  seconds = 0;
  waitedSeconds: number | undefined;
  statuses: Record<string, number> | undefined;
  unfinished: readonly string[] = [];
  readonly refusedLines: RefusedLine[] = [];
  readonly refusedOrders: RefusedOrder[] = [];
  /** Orders that failed for no fault of the file. */
  readonly failedOrders: RefusedOrder[] = [];
  /** Orders whose total in the system is not what the file says. */
  readonly differences: { readonly invoice: string; readonly file: string; readonly system: string }[] = [];
  readonly notes = new Map<string, number>();
  readonly #sums = new Map<string, Sums>();

  constructor(file: string, preset: string, dryRun: boolean) {
    this.file = file;
    this.preset = preset;
    this.dryRun = dryRun;
  }

  add(currency: string, lines: bigint, orders: bigint): void {
    const sums = this.#sums.get(currency);
    if (!sums) return void this.#sums.set(currency, { lines, orders });
    sums.lines += lines;
    sums.orders += orders;
  }

  get totals(): { currency: string; lines: string; orders: string; equal: boolean }[] {
    return [...this.#sums]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([currency, { lines, orders }]) => ({
        currency,
        lines: formatAmount(lines, currency),
        orders: formatAmount(orders, currency),
        equal: lines === orders,
      }));
  }

  /** Refused lines are an answer; failures, differences and orders that never ended are not. */
  get ok(): boolean {
    const equal = this.differences.length === 0 && this.totals.every((total) => total.equal);
    return this.failedOrders.length === 0 && equal && this.unfinished.length === 0;
  }

  toJSON(): Record<string, unknown> {
    return {
      ok: this.ok,
      file: this.file,
      preset: this.preset,
      dryRun: this.dryRun,
      orders: {
        taken: this.ordersTaken,
        repeated: this.ordersRepeated,
        refused: this.refusedOrders.length,
        failed: this.failedOrders.length,
      },
      lines: { taken: this.linesTaken, refused: this.refusedLines.length },
      products: { created: this.productsCreated, stocked: this.stockAdjusted },
      totals: this.totals,
      linesByReason: grouped(
        this.refusedLines,
        (line) => line.reason,
        (line) => line.line,
      ),
      ordersByReason: grouped(
        this.refusedOrders,
        (order) => order.reason,
        (order) => order.invoice,
      ),
      notes: Object.fromEntries(this.notes),
      differences: this.differences,
      statuses: this.statuses,
      unfinished: this.unfinished,
      repeats: this.repeats,
      seconds: this.seconds,
      waitedSeconds: this.waitedSeconds,
    };
  }

  /** Everything, every refused line included. */
  details(): Record<string, unknown> {
    const { refusedLines, refusedOrders, failedOrders } = this;
    return { ...this.toJSON(), refusedLines, refusedOrders, failedOrders };
  }

  toText(): string {
    const { ordersTaken, ordersRepeated, refusedOrders, failedOrders, linesTaken, refusedLines } = this;
    const orders = ordersTaken + ordersRepeated;
    const rate = this.seconds > 0 ? `, ${Math.round(orders / this.seconds)}/s` : '';
    const parts: string[] = [
      `${this.file} (${this.preset})${this.dryRun ? ', dry run: nothing was sent' : ''}, ${this.seconds.toFixed(1)} s${rate}`,
      table(
        ['', this.dryRun ? 'good' : 'taken', 'repeated', 'refused', 'failed'],
        [
          ['orders', ordersTaken, ordersRepeated, refusedOrders.length, failedOrders.length],
          ['lines', linesTaken, '', refusedLines.length, ''],
        ],
      ),
    ];
    if (this.productsCreated + this.stockAdjusted > 0) {
      parts.push(`${this.productsCreated} products created, ${this.stockAdjusted} given stock`);
    }
    const groups = (title: string, list: readonly Group[], first: string): void => {
      if (list.length === 0) return;
      const rows = list.map(({ reason, meaning, count, first: names }) => [
        count,
        reason,
        meaning,
        `${first} ${names.join(', ')}${count > names.length ? ', …' : ''}`,
      ]);
      parts.push(table([title, 'reason', '', 'first'], rows));
    };
    const { linesByReason, ordersByReason } = this.toJSON() as { linesByReason: Group[]; ordersByReason: Group[] };
    groups('lines refused', linesByReason, 'line');
    groups('orders refused', ordersByReason, 'invoice');
    for (const { invoice, reason, detail } of failedOrders.slice(0, FIRST_SHOWN))
      parts.push(`failed: ${invoice} ${reason} ${detail ?? ''}`);
    for (const [note, count] of this.notes) parts.push(`${count} orders: ${note.replaceAll('_', ' ')}`);
    if (this.totals.length > 0) {
      const rows = this.totals.map(({ currency, lines, orders: taken, equal }) => [
        currency,
        lines,
        taken,
        equal ? 'equal' : 'DIFFERENT',
      ]);
      parts.push(table(['total', 'accepted lines', this.dryRun ? 'orders to send' : 'orders in the system', ''], rows));
    }
    for (const { invoice, file, system } of this.differences.slice(0, FIRST_SHOWN))
      parts.push(`invoice ${invoice}: ${file} in the file, ${system} in the system`);
    if (this.statuses) {
      const counts = Object.entries(this.statuses).map(([status, count]) => `${count} ${status}`);
      parts.push(`after ${this.waitedSeconds!.toFixed(1)} s more: ${counts.join(', ')}`);
      if (this.unfinished.length > 0)
        parts.push(
          `not at an end yet: ${this.unfinished.slice(0, FIRST_SHOWN).join(', ')}${this.unfinished.length > FIRST_SHOWN ? ', …' : ''}`,
        );
    }
    return parts.join('\n\n');
  }
}
