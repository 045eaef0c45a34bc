import type { Envelope } from '#contracts/envelope.ts';
import type { Database } from '#platform/database/database.ts';
import { fromRow, OUTBOX_COLUMNS, type OutboxRow } from './outbox.ts';

/** More events than any order has; a bound, not a page. */
const HISTORY_MAX = 10_000;

/** Everything the log says about an order, in log order. */
export async function readHistory(database: Database, orderId: string): Promise<Envelope[]> {
  const rows = await database.query<OutboxRow>(
    `select ${OUTBOX_COLUMNS} from log.order_outbox where subject = $1 order by txid, position limit ${HISTORY_MAX}`,
    [orderId],
  );
  return rows.map(fromRow);
}
