import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { formatAmount } from '#contracts/money.ts';
import { table } from '#cli/output.ts';
import { UsageError } from './mapping.ts';
import { type Reason, REASONS } from './reasons.ts';
import type { RefusedLine } from './request.ts';

/** What became of a file, to the last minor unit: counted as it goes, so that it is as small for a million lines as for one. */

export interface RefusedOrder {
  readonly invoice: string;
  readonly reason: string;
  readonly detail: string;
  readonly lines: number;
  readonly refusedLines: readonly RefusedLine[];
}

interface Sums {
  file: bigint;
  taken: bigint;
  refused: bigint;
}

interface Group {
  readonly reason: string;
  readonly meaning: string;
  count: number;
  readonly first: (string | number)[];
}

const FIRST_SHOWN = 5;
const NOTES: Readonly<Record<string, string>> = {
  email_left_out: 'orders whose e-mail address is none came without it',
  phone_left_out: 'orders whose phone number is none came without it',
};

/** Counts by reason, with the first few names of each. */
class Reasons {
  readonly #groups = new Map<string, Group>();

  add(reason: string, name: string | number, meaning: string): void {
    let group = this.#groups.get(reason);
    if (!group) this.#groups.set(reason, (group = { reason, meaning, count: 0, first: [] }));
    group.count++;
    if (group.first.length < FIRST_SHOWN) group.first.push(name);
  }

  groups(): readonly Group[] {
    return [...this.#groups.values()].sort((a, b) => b.count - a.count);
  }
}

const meaningOf = (reason: string): string => REASONS[reason as Reason] ?? 'refused by the system';

/** The file of every refused order, written as they come. */
export class Details {
  readonly #stream: WriteStream;
  #isFirst = true;

  private constructor(stream: WriteStream) {
    this.#stream = stream;
  }

  /** Opened before anything is sent: a report that cannot be written must not be missed afterwards. */
  static async open(path: string): Promise<Details> {
    try {
      const file = await open(path, 'w');
      return new Details(createWriteStream('', { fd: file }));
    } catch (error) {
      throw new UsageError(`--report ${path} cannot be written: ${(error as Error).message}`);
    }
  }

  async add(order: RefusedOrder): Promise<void> {
    const text = `${this.#isFirst ? '{"refusedOrders": [\n' : ',\n'}${JSON.stringify(order)}`;
    this.#isFirst = false;
    if (!this.#stream.write(text)) await once(this.#stream, 'drain');
  }

  async close(report: ImportReport): Promise<void> {
    const rest = JSON.stringify(report, undefined, 2).slice(1);
    this.#stream.end(`${this.#isFirst ? '{"refusedOrders": [' : '\n'}],${rest}\n`);
    await once(this.#stream, 'close');
  }
}

export class ImportReport {
  readonly file: string;
  readonly preset: string;
  readonly as: string;
  readonly dryRun: boolean;
  ordersTaken = 0;
  ordersRepeated = 0;
  ordersRefused = 0;
  linesTaken = 0;
  linesRefused = 0;
  productsCreated = 0;
  stockAdjusted = 0;
  /** Calls that had to be repeated. */
  repeats = 0;
  seconds = 0;
  waitedSeconds: number | undefined;
  statuses: Record<string, number> | undefined;
  unfinished: readonly string[] = [];
  /** Why the import ended before the file did. */
  stopped: string | undefined;
  /** Orders whose total in the system is not what the file says. */
  differences = 0;
  readonly #differing: { readonly invoice: string; readonly file: string; readonly system: string }[] = [];
  readonly #orderReasons = new Reasons();
  readonly #lineReasons = new Reasons();
  readonly #notes = new Map<string, number>();
  readonly #sums = new Map<string, Sums>();
  readonly #details: Details | undefined;

  constructor(file: string, preset: string, as: string, dryRun: boolean, details?: Details) {
    this.file = file;
    this.preset = preset;
    this.as = as;
    this.dryRun = dryRun;
    this.#details = details;
  }

  #sum(currency: string | undefined): Sums {
    const name = currency ?? '';
    let sums = this.#sums.get(name);
    if (!sums) this.#sums.set(name, (sums = { file: 0n, taken: 0n, refused: 0n }));
    return sums;
  }

  /** An order that the system took now, or before; `system` is what it is over there. */
  take(
    order: {
      readonly number: string;
      readonly currency: string;
      readonly total: bigint;
      readonly lines: number;
      readonly notes: readonly string[];
    },
    system: bigint,
    repeated: boolean,
  ): void {
    if (repeated) this.ordersRepeated++;
    else this.ordersTaken++;
    this.linesTaken += order.lines;
    const sums = this.#sum(order.currency);
    sums.file += order.total;
    sums.taken += system;
    if (order.total !== system) {
      this.differences++;
      const text = (minor: bigint): string => formatAmount(minor, order.currency);
      if (this.#differing.length < FIRST_SHOWN)
        this.#differing.push({ invoice: order.number, file: text(order.total), system: text(system) });
    }
    for (const note of order.notes) this.#notes.set(note, (this.#notes.get(note) ?? 0) + 1);
  }

  /** An order of which nothing was taken. */
  async refuse(
    order: {
      readonly number: string;
      readonly currency: string | undefined;
      readonly total: bigint;
      readonly lines: number;
    },
    reason: string,
    detail: string,
    refusedLines: readonly RefusedLine[] = [],
  ): Promise<void> {
    this.ordersRefused++;
    this.linesRefused += order.lines;
    if (order.currency !== undefined) {
      const sums = this.#sum(order.currency);
      sums.file += order.total;
      sums.refused += order.total;
    }
    this.#orderReasons.add(
      reason,
      order.number,
      meaningOf(reason) === 'refused by the system' ? detail : meaningOf(reason),
    );
    for (const { line, reason: why } of refusedLines) this.#lineReasons.add(why, line, meaningOf(why));
    const { number: invoice, lines } = order;
    await this.#details?.add({ invoice, reason, detail, lines, refusedLines });
  }

  get totals(): { currency: string; file: string; taken: string; refused: string; equal: boolean }[] {
    return [...this.#sums]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([currency, { file, taken, refused }]) => ({
        currency,
        file: formatAmount(file, currency),
        taken: formatAmount(taken, currency),
        refused: formatAmount(refused, currency),
        equal: file === taken + refused,
      }));
  }

  /** 0: all taken, now or before; 3: some refused; 4: none taken; 5: the system went away; 1: taken, and not as the file says or not at an end. */
  get exitCode(): number {
    if (this.stopped !== undefined) return 5;
    if (this.ordersTaken + this.ordersRepeated === 0) return 4;
    if (this.ordersRefused > 0) return 3;
    return this.differences > 0 || this.unfinished.length > 0 ? 1 : 0;
  }

  toJSON(): Record<string, unknown> {
    return {
      ok: this.exitCode === 0,
      file: this.file,
      preset: this.preset,
      as: this.as,
      dryRun: this.dryRun,
      orders: { taken: this.ordersTaken, repeated: this.ordersRepeated, refused: this.ordersRefused },
      lines: { taken: this.linesTaken, refused: this.linesRefused },
      products: { created: this.productsCreated, stocked: this.stockAdjusted },
      totals: this.totals,
      ordersByReason: this.#orderReasons.groups(),
      linesByReason: this.#lineReasons.groups(),
      notes: Object.fromEntries(this.#notes),
      differences: this.#differing,
      statuses: this.statuses,
      unfinished: this.unfinished,
      stopped: this.stopped,
      repeats: this.repeats,
      seconds: this.seconds,
      waitedSeconds: this.waitedSeconds,
    };
  }

  toText(): string {
    const orders = this.ordersTaken + this.ordersRepeated;
    const rate = this.seconds > 0 ? `, ${Math.round(orders / this.seconds)}/s` : '';
    const parts: string[] = [
      `${this.file} (${this.preset}, as ${this.as})${this.dryRun ? ', dry run: nothing was kept' : ''}, ${this.seconds.toFixed(1)} s${rate}`,
      table(
        ['', this.dryRun ? 'good' : 'taken', 'repeated', 'refused'],
        [
          ['orders', this.ordersTaken, this.ordersRepeated, this.ordersRefused],
          ['lines', this.linesTaken, '', this.linesRefused],
        ],
      ),
    ];
    if (this.productsCreated + this.stockAdjusted > 0)
      parts.push(`${this.productsCreated} products created, ${this.stockAdjusted} given stock`);
    const groups = (title: string, reasons: Reasons, first: string): void => {
      const lines = reasons.groups().map(({ reason, meaning, count, first: names }) => {
        const named = `${names.join(', ')}${count > names.length ? ', …' : ''}`;
        return `  ${count} ${reason}: ${meaning} (${first} ${named})`;
      });
      if (lines.length > 0) parts.push([title, ...lines].join('\n'));
    };
    groups('orders refused', this.#orderReasons, 'order');
    groups('lines at fault', this.#lineReasons, 'line');
    for (const [note, count] of this.#notes) parts.push(`${count} ${NOTES[note] ?? note}`);
    if (this.totals.length > 0) {
      const rows = this.totals.map(({ currency, file, taken, refused, equal }) => [
        currency,
        file,
        taken,
        refused,
        equal ? 'equal' : 'DIFFERENT',
      ]);
      parts.push(table(['total', 'file', this.dryRun ? 'would be taken' : 'taken', 'refused', ''], rows));
    }
    for (const { invoice, file, system } of this.#differing)
      parts.push(`order ${invoice}: ${file} in the file, ${system} in the system`);
    if (this.statuses) {
      const counts = Object.entries(this.statuses).map(([status, count]) => `${count} ${status}`);
      parts.push(`after ${this.waitedSeconds!.toFixed(1)} s more: ${counts.join(', ')}`);
      const { unfinished } = this;
      if (unfinished.length > 0)
        parts.push(
          `not at an end yet: ${unfinished.slice(0, FIRST_SHOWN).join(', ')}${unfinished.length > FIRST_SHOWN ? ', …' : ''}`,
        );
    }
    return parts.join('\n\n');
  }
}
