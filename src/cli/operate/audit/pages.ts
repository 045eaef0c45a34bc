import type { Envelope } from '#contracts/envelope.ts';
import type { AuditedOrder, ServiceAudit } from '#platform/audit.ts';
import type { Database } from '#platform/database/database.ts';
import { fromRow, OUTBOX_COLUMNS, type OutboxRow } from '#platform/log/outbox.ts';
import type { ServiceDefinition } from '#platform/service.ts';

/** An event and where it stands in the log of the database. */
export interface LogRow extends Envelope {
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

  rowOf<Row>(audit: ServiceAudit<Row>): Row | undefined {
    return this.#rows.get(audit)?.get(this.id) as Row | undefined;
  }
}

/** The audits of all services whose tables are in this database, and the names of the others. */
export async function auditsHere(
  database: Database,
  definitions: readonly ServiceDefinition[],
): Promise<{ here: readonly ServiceAudit[]; elsewhere: ReadonlyMap<string, ServiceAudit> }> {
  const audited = definitions.flatMap(({ name, audit }) => (audit ? [{ name, audit }] : []));
  const rows = await database.query<{ present: boolean }>(
    'select to_regclass(name) is not null as present from unnest($1::text[]) with ordinality t (name, n) order by n',
    [audited.map(({ audit }) => audit.tables[0])],
  );
  const [here, elsewhere] = [true, false].map((present) =>
    audited.filter((_, index) => rows[index]!.present === present),
  );
  return {
    here: here!.map(({ audit }) => audit),
    elsewhere: new Map(elsewhere!.map(({ name, audit }) => [name, audit])),
  };
}

/** Everything that is stored about these orders: one query for the log and one per service. */
export async function filesOf(
  database: Database,
  audits: readonly ServiceAudit[],
  ids: readonly string[],
): Promise<OrderFile[]> {
  const log = await database.query<OutboxRow & { txid: number; position: number }>(
    `select txid::text::bigint as txid, position, ${OUTBOX_COLUMNS} from log.order_outbox where subject = any($1::uuid[]) order by order_outbox.txid, position`,
    [ids],
  );
  const events = Map.groupBy(
    log.map((row): LogRow => ({ ...fromRow(row), txid: row.txid, position: row.position })),
    (event) => event.subject,
  );
  const rows = new Map<ServiceAudit, ReadonlyMap<string, unknown>>();
  for (const audit of audits) if (audit.orders) rows.set(audit, await audit.orders.read(database, ids));
  return ids.map((id) => new OrderFile(id, events.get(id) ?? [], rows));
}
