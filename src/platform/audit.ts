import type { Envelope } from '#contracts/envelope.ts';
import type { Database } from './database/database.ts';

/** What an audit runs in: one read-only snapshot of the database that holds the service's tables. */
export interface AuditContext {
  readonly database: Database;
  /** So many things were held against a check of {@link ServiceAudit.checks}. */
  examined(check: string, count?: number): void;
  /** Something does not agree: what, and how it differs. */
  violation(check: string, subject: string, detail: string): void;
  /** How far a long run is: so many of so many things are done. */
  progress(what: string, done: number, total?: number): void;
}

/** An order and everything that the logs say about it; what one service emitted stands in the order of its numbers. */
export interface AuditedOrder {
  readonly id: string;
  readonly events: readonly Envelope[];
}

/** What a service keeps of each order, and what its row alone must agree with. */
export interface OrderRows<Row> {
  /** Whose events its rows count; undefined where it emits none about orders. */
  readonly source?: string;
  /** The rows of these orders by order id, read by one query. */
  read(database: Database, orderIds: readonly string[]): Promise<ReadonlyMap<string, Row>>;
  /** How many events of the source the row counts. */
  sequence?(row: Row): number | undefined;
  /** How often the row was saved, and the highest number it has consumed of each source; undefined where it cannot be read. */
  mark?(row: Row): RowMark | undefined;
  /** Holds one order's row against the log. */
  examine?(context: AuditContext, order: AuditedOrder, row: Row | undefined): void;
}

export interface RowMark {
  readonly version: number;
  readonly seen: Readonly<Record<string, number>>;
}

/** What a service can say about its own tables: run by `olms audit`, beside a running system. */
export interface ServiceAudit<Row = unknown> {
  /** What must hold, in one sentence, by the name of the check. */
  readonly checks: Readonly<Record<string, string>>;
  /** Its tables with a column `order_id`, the first one always there: each of their rows must belong to an order. */
  readonly tables: readonly string[];
  readonly orders?: OrderRows<Row>;
  /** What its state comes to. */
  readonly state?: AuditedState;
  /** What people count, from the service's own tables: the views for reports must come to the same. */
  readonly sums?: readonly AuditedSums[];
  /** Everything that is not about one order. */
  run?(context: AuditContext): Promise<void>;
}

/** What is stored, as rows of text in an order that is always the same: equal states give equal digests. */
export interface AuditedState {
  /** `orders`, `stock`, `money`: what the digest is of. */
  readonly of: string;
  /**
   * Queries with one column `row`. They leave out what says nothing about the state: when a row was written, how often,
   * and what it has read.
   */
  readonly rows: readonly string[];
}

/** Sums by what they are of. */
export interface AuditedSums {
  /** `revenue`, `refunds`, `stock`. */
  readonly of: string;
  /** The same in words. */
  readonly meaning: string;
  /** A query whose columns are texts, in the order in which they are shown. */
  readonly query: string;
}

/** Columns that every row about an order has. */
export interface CountedRow extends Record<string, unknown>, RowMark {
  readonly sequence: number;
}

/** The columns of a table with one row per order, by order id, beside those of {@link CountedRow}. */
export async function rowsByOrder<Row extends CountedRow>(
  database: Database,
  table: string,
  columns: readonly string[],
  orderIds: readonly string[],
): Promise<ReadonlyMap<string, Row>> {
  const rows = await database.query<Row & { order_id: string }>(
    `select ${['order_id', 'version', 'sequence', 'seen', ...columns].join(', ')} from ${table} where order_id = any($1::uuid[])`,
    [orderIds],
  );
  return new Map(rows.map((row) => [row.order_id, row]));
}

/** How rows of {@link rowsByOrder} are counted and marked. */
export function counted<Row extends CountedRow>(): Required<Pick<OrderRows<Row>, 'sequence' | 'mark'>> {
  return { sequence: ({ sequence }) => sequence, mark: ({ version, seen }) => ({ version, seen }) };
}
