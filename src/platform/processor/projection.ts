import type { Envelope } from '#contracts/envelope.ts';
import type { Columns } from '#platform/database/statement.ts';

/**
 * Tables of a service that follow from the log alone: what `olms replay --rebuild` builds beside the live ones,
 * compares with them, and mends them by. A service says here which of its tables do, and how events become rows;
 * src/cli/operate/replay/rebuild.ts does the rest.
 */
export interface ProjectionTable {
  readonly name: string;
  /** Column with the order's id; all rows of an order are built together. */
  readonly order: string;
  /** What identifies a row. */
  readonly key: readonly string[];
  /** What makes a row count as there, where that is less than its key. */
  readonly present?: readonly string[];
  /** Columns that are built, those of the key among them. */
  readonly columns: Columns;
  /** Columns that must agree; of the others only rows that are missing get their value. */
  readonly compared: readonly string[];
  /** Columns that are compared in another way: SQL on the live row `t` and the built row `s`, true where they differ. */
  readonly differs?: Readonly<Record<string, string>>;
  /** Columns whose values are not in any event, as SQL on the built row `s`, for rows that are missing. */
  readonly notInLog?: Readonly<Record<string, string>>;
  /** Rows count their saves: one that is mended counts one more, so that whoever remembers it is refused. */
  readonly versioned?: boolean;
  /** Rows number the service's events: one that knows more of them than the log is left alone. */
  readonly sequenced?: boolean;
  /** Rows that the log does not explain are removed; else they are only reported, because they may outlive the log. */
  readonly removesUnexplained?: boolean;
  /** Column that numbers the rows of an order in the order of their events; where that differs, all rows of the order are replaced. */
  readonly ordered?: string;
}

export type BuiltRows = Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;

/** Values of a service that follow from its other tables. */
export interface DerivedTable {
  readonly name: string;
  /** Rows (subject, detail) that do not agree. */
  readonly differences: string;
  readonly mend: string;
}

export interface Projection {
  readonly schema: string;
  /** The service's own source: its events are in its own log, whichever bus carries those of others. */
  readonly own?: string;
  /** Whether it takes events that others said, and so needs the log up to the consumer's offset. */
  readonly consumes: boolean;
  /** Types it took once and its consumer no longer reads. */
  readonly further?: readonly string[];
  readonly tables: readonly ProjectionTable[];
  readonly derived?: readonly DerivedTable[];
  /** Rows of an order by table, out of its events in the order of the log; undefined where the log is incomplete. */
  build(orderId: string, events: readonly Envelope[]): BuiltRows | undefined;
}
