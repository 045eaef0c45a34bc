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

/** An order and everything that the log says about it, oldest first. */
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
  /** Holds one order's row against the log. */
  examine?(context: AuditContext, order: AuditedOrder, row: Row | undefined): void;
}

/** What a service can say about its own tables: run by `olms audit`, beside a running system. */
export interface ServiceAudit<Row = unknown> {
  /** What must hold, in one sentence, by the name of the check. */
  readonly checks: Readonly<Record<string, string>>;
  /** Its tables with a column `order_id`, the first one always there: each of their rows must belong to an order. */
  readonly tables: readonly string[];
  readonly orders?: OrderRows<Row>;
  /** Everything that is not about one order. */
  run?(context: AuditContext): Promise<void>;
}

/** The columns of a table with one row per order, by order id. */
export async function rowsByOrder<Row extends Record<string, unknown>>(
  database: Database,
  table: string,
  columns: string,
  orderIds: readonly string[],
): Promise<ReadonlyMap<string, Row>> {
  const rows = await database.query<Row & { order_id: string }>(
    `select order_id, ${columns} from ${table} where order_id = any($1::uuid[])`,
    [orderIds],
  );
  return new Map(rows.map((row) => [row.order_id, row]));
}
