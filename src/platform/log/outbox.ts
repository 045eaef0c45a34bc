import type { AuthType, Envelope } from '#contracts/envelope.ts';
import { type Columns, insertRows, type Write } from '#platform/database/statement.ts';

/** Columns of an event in a table. */
export const EVENT_COLUMNS: Columns = {
  id: 'uuid',
  source: 'text',
  type: 'text',
  subject: 'uuid',
  sequence: 'integer',
  time: 'timestamptz',
  correlationid: 'text',
  causationid: 'text',
  traceparent: 'text',
  authtype: 'text',
  authid: 'text',
  data: 'json',
};

/** The log entry of a save: events become visible exactly when the change they record does. */
export function appendEvents(events: readonly Envelope[]): Write {
  return insertRows('outbox', 'log.order_outbox', EVENT_COLUMNS, events as unknown as Record<string, unknown>[]);
}

export interface OutboxRow extends Record<string, unknown> {
  id: string;
  source: string;
  type: string;
  subject: string;
  sequence: number;
  time: Date;
  correlationid: string;
  causationid: string;
  traceparent: string | null;
  authtype: AuthType | null;
  authid: string | null;
  data: unknown;
}

/** Columns to select for {@link fromRow}. */
export const OUTBOX_COLUMNS =
  'id, source, type, subject, sequence, time, correlationid, causationid, traceparent, authtype, authid, data';

export function fromRow(row: OutboxRow): Envelope {
  return {
    id: row.id,
    source: row.source,
    type: row.type,
    subject: row.subject,
    sequence: row.sequence,
    time: row.time.toISOString(),
    correlationid: row.correlationid,
    causationid: row.causationid,
    ...(row.traceparent === null ? {} : { traceparent: row.traceparent }),
    ...(row.authtype === null ? {} : { authtype: row.authtype, authid: row.authid ?? '' }),
    data: row.data,
  };
}
