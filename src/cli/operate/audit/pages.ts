import type { Envelope } from '#contracts/envelope.ts';
import type { AuditedOrder, ServiceAudit } from '#platform/audit.ts';
import { fromRow, OUTBOX_COLUMNS, type OutboxRow } from '#platform/log/outbox.ts';
import type { Place } from './places.ts';

/** An event and where it stands in the log of its database. */
export interface LogRow extends Envelope {
  readonly place: Place;
  readonly txid: number;
  readonly position: number;
}

/** An order with its events, and the row that each service keeps of it. */
export class OrderFile implements AuditedOrder {
  readonly id: string;
  readonly events: readonly LogRow[];
  readonly #rows: ReadonlyMap<ServiceAudit, ReadonlyMap<string, unknown>>;

  constructor(id: string, events: readonly LogRow[], rows: ReadonlyMap<ServiceAudit, ReadonlyMap<string, unknown>>) {
    this.id = id;
    this.events = events;
    this.#rows = rows;
  }

  /** The row that a service keeps; undefined where it keeps none, or its tables cannot be read. */
  rowOf<Row>(audit: ServiceAudit<Row>): Row | undefined {
    return this.#rows.get(audit)?.get(this.id) as Row | undefined;
  }

  /** Whether the tables of a service were read at all. */
  has(audit: ServiceAudit): boolean {
    return this.#rows.has(audit);
  }

  /** What is known about the order; another one later means that it moves. */
  get fingerprint(): string {
    const marks = [...this.#rows.keys()].map((audit) => {
      const row = this.rowOf(audit);
      return row === undefined ? '' : audit.orders?.mark?.(row)?.version;
    });
    return [this.events.length, ...marks].join(' ');
  }
}

/** Everything that is stored about these orders: for each database one query for its log, and one per service. */
export async function filesOf(places: readonly Place[], ids: readonly string[]): Promise<OrderFile[]> {
  const rows = new Map<ServiceAudit, ReadonlyMap<string, unknown>>();
  const logs = await Promise.all(
    places.map(async (place): Promise<LogRow[]> => {
      const { database, services } = place;
      for (const { audit } of services) if (audit.orders) rows.set(audit, await audit.orders.read(database, ids));
      const log = await database.query<OutboxRow & { txid: number; position: number }>(
        `select txid::text::bigint as txid, position, ${OUTBOX_COLUMNS} from log.order_outbox where subject = any($1::uuid[]) order by order_outbox.txid, position`,
        [ids],
      );
      return log.map((row) => ({ ...fromRow(row), place, txid: row.txid, position: row.position }));
    }),
  );
  const events = Map.groupBy(logs.flat(), (event) => event.subject);
  return ids.map((id) => new OrderFile(id, events.get(id) ?? [], rows));
}
