import { shortened } from '#contracts/text.ts';
import { SOURCES } from '#contracts/order-events.ts';
import type { AuditedOrder, ServiceAudit } from '#platform/audit.ts';
import type { Database } from '#platform/database/database.ts';
import { fold } from './rules/evolve.ts';
import type { Order } from './rules/state.ts';
import { loadOrders, type StoredRow } from './store.ts';
import { type FollowUp, followUpsOf } from './store/follow-ups.ts';

/** An order as it is stored. A row that cannot even be read is a finding, not the end of the audit. */
export type AuditedRow =
  | { readonly stored: StoredRow; readonly followUps: ReadonlyMap<string, FollowUp> }
  | { readonly stored?: undefined; readonly followUps?: undefined; readonly unreadable: string };

/** An order is what its events say, and nothing else. */
export const ordersAudit = {
  checks: { fold: "folding an order's own events gives exactly the stored row" },
  tables: ['orders.order_states'],
  state: {
    of: 'orders',
    rows: [
      `select concat_ws('|', o.id, o.currency, o.total_amount, md5(o.body::text), s.status, s.payment_status,
         s.fulfillment_status, s.return_status, s.sequence, md5(s.detail::text)) as row
       from orders.orders o left join orders.order_states s on s.order_id = o.id order by o.id`,
    ],
  },
  sums: [
    {
      of: 'refunds',
      meaning: 'Refunds by reason',
      query: `select coalesce(r.refund->>'reasonCode', r.refund->>'reason') as reason, o.currency,
          sum((r.refund->>'amount')::numeric)::text as amount, count(*)::text as count
        from orders.orders o join orders.order_states s on s.order_id = o.id
          cross join lateral json_array_elements(s.detail->'refunds') r(refund)
        where r.refund->>'status' = 'DONE' group by 1, 2 order by 1, 2`,
    },
  ],
  orders: {
    source: SOURCES.orders,
    read: readRows,
    sequence: ({ stored }) => stored?.sequence,
    mark: ({ stored }) => stored && { version: stored.revision, seen: stored.consumed },
    examine(context, order, row) {
      context.examined('fold');
      examineFold(order, row, (detail) => context.violation('fold', order.id, detail));
    },
  },
} as const satisfies ServiceAudit<AuditedRow>;

async function readRows(database: Database, ids: readonly string[]): Promise<ReadonlyMap<string, AuditedRow>> {
  try {
    return await readOrders(database, ids);
  } catch {
    // One of them is broken: each by itself shows which.
    const rows = new Map<string, AuditedRow>();
    for (const id of ids) {
      try {
        for (const [, row] of await readOrders(database, [id])) rows.set(id, row);
      } catch (error) {
        rows.set(id, { unreadable: (error as Error).message });
      }
    }
    return rows;
  }
}

/** Orders, and what is stored of those that are to send goods again for them. */
async function readOrders(database: Database, ids: readonly string[]): Promise<Map<string, AuditedRow>> {
  const orders = await loadOrders(database, ids);
  const followUps = await followUpsOf(
    database,
    orders.flatMap(({ state }) => state!.claims?.flatMap(({ followUpId }) => followUpId ?? []) ?? []),
  );
  return new Map(orders.map((stored) => [stored.id, { stored, followUps }]));
}

function examineFold({ events }: AuditedOrder, row: AuditedRow | undefined, report: (detail: string) => void): void {
  if (!row) return report('has no state');
  if (!row.stored) return report(`cannot be read: ${row.unreadable}`);
  const { stored } = row;
  const own = events.filter((event) => event.source === SOURCES.orders);
  let folded: Order | undefined;
  try {
    folded = fold(own);
  } catch (error) {
    return report(`its events do not fold: ${(error as Error).message}`);
  }
  if (!folded) return report('has no events');
  const differences = differencesOf(stored.state!, folded);
  if (stored.sequence !== own.length)
    differences.push(`version: stored ${stored.sequence}, its events say ${own.length}`);
  const changedAt = own.at(-1)!.time;
  if (stored.updatedAt !== changedAt)
    differences.push(`last change: stored ${stored.updatedAt}, its events say ${changedAt}`);
  if (differences.length > 0) report(differences.join('; '));
}

const SHOWN_MAX = 120;

function differencesOf(stored: object, folded: object): string[] {
  const before = new Map(Object.entries(stored));
  const after = new Map(Object.entries(folded));
  const names = new Set([...before.keys(), ...after.keys()]);
  const shown = (text: string): string => shortened(text, SHOWN_MAX);
  return [...names].flatMap((name) => {
    const [here, there] = [canonical(before.get(name)), canonical(after.get(name))];
    // An order may be older than its column for the trace.
    if (name === 'traceId' && before.get(name) === undefined) return [];
    return here === there ? [] : [`${name}: stored ${shown(here)}, its events say ${shown(there)}`];
  });
}

/** JSON with sorted names, so that equal values are equal texts. */
function canonical(value: unknown): string {
  const sorted = (_: string, inner: unknown): unknown =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner;
  return JSON.stringify(value, sorted) ?? 'nothing';
}
