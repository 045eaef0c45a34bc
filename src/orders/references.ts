import type { Database } from '#platform/database/database.ts';
import { type Columns, insertRows, type Write } from '#platform/database/statement.ts';
import type { Row } from '#platform/processor/aggregate.ts';
import type { Status } from './rules/lifecycle.ts';
import type { Order } from './rules/state.ts';

/**
 * The reference of an order is its name in the channel that sent it, so a channel that sends one twice means the same
 * order twice. The first order holds it; a table with a unique key decides, in the statement that takes the order.
 */

export interface Claim {
  readonly channel: string;
  readonly reference: string;
  readonly orderId: string;
}

/** Whether orders of a channel may share a reference. */
export type MayRepeat = (channel: string) => boolean;

/** `web,pos` → those channels; `*` → all of them. Throws on what cannot be the name of a channel. */
export function parseRepeatedReferences(text: string): MayRepeat {
  const channels = new Set(
    text
      .split(',')
      .map((channel) => channel.trim())
      .filter((channel) => channel !== ''),
  );
  for (const channel of channels)
    if (!/^([A-Za-z0-9._-]{1,50}|\*)$/.test(channel))
      throw new Error(`Configuration: ORDERS_REPEATED_REFERENCES: "${channel}" is not the name of a channel`);
  return (channel) => channels.has(channel) || channels.has('*');
}

/** An order that ended so took neither money nor goods: the next attempt may have its reference. */
const LETS_GO: readonly Status[] = ['REJECTED', 'PAYMENT_FAILED'];
const LET_GO = `s.status in (${LETS_GO.map((status) => `'${status}'`).join(', ')})`;

/** The reference of an order as something to hold; undefined where it has none. */
export function claimOf({ id, state }: Row<Order>): Claim | undefined {
  const { channel, reference } = state!;
  return reference === undefined ? undefined : { channel, reference, orderId: id };
}

const COLUMNS: Columns = { channel: 'text', reference: 'text', order_id: 'uuid' };

/** Takes references; where another order holds one of them, the whole save is a conflict. No two of the claims may be for the same. */
export function claimReferences(name: string, claims: readonly Claim[]): Write {
  const rows = claims.map(({ channel, reference, orderId }) => ({ channel, reference, order_id: orderId }));
  const onConflict = `(channel, reference) do update set order_id = excluded.order_id
    where exists (select from orders.order_states s where s.order_id = order_references.order_id and ${LET_GO})`;
  return { ...insertRows(name, 'orders.order_references', COLUMNS, rows, { onConflict }), expect: claims.length };
}

/** Gives up what these orders hold. */
export function releaseReferences(name: string, claims: readonly Claim[]): Write {
  return {
    name,
    sql: `delete from orders.order_references t using unnest($1::text[], $2::text[], $3::uuid[]) as r(channel, reference, order_id)
      where t.channel = r.channel and t.reference = r.reference and t.order_id = r.order_id`,
    params: [
      claims.map(({ channel }) => channel),
      claims.map(({ reference }) => reference),
      claims.map(({ orderId }) => orderId),
    ],
  };
}

/** A channel and a reference as one text; the name of a channel holds no space. */
export function referenceKey({ channel, reference }: Omit<Claim, 'orderId'>): string {
  return `${channel} ${reference}`;
}

/** The orders that hold references and do not let go of them, by {@link referenceKey}. */
export async function referenceHolders(
  database: Database,
  claims: readonly Omit<Claim, 'orderId'>[],
): Promise<ReadonlyMap<string, string>> {
  const rows = await database.query<{ channel: string; reference: string; order_id: string }>(
    `select t.channel, t.reference, t.order_id from unnest($1::text[], $2::text[]) as r(channel, reference)
     join orders.order_references t on t.channel = r.channel and t.reference = r.reference
     join orders.order_states s on s.order_id = t.order_id and not ${LET_GO}`,
    [claims.map(({ channel }) => channel), claims.map(({ reference }) => reference)],
  );
  return new Map(rows.map((row) => [referenceKey(row), row.order_id]));
}

/** What a caller is answered whose reference another order holds. */
export function referenceTaken({ channel, reference }: Omit<Claim, 'orderId'>, holder: string): string {
  return (
    `Order ${holder} of channel ${channel} has the reference "${reference}". A request is repeated with its own ` +
    'Idempotency-Key; another order needs a reference of its own, or a channel that ORDERS_REPEATED_REFERENCES names.'
  );
}
