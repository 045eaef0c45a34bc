import { type ErrorCode, isRefusal } from '#contracts/errors.ts';
import type { Database } from '#platform/database/database.ts';
import { type Cause, foldCommand, type Rules } from '#platform/processor/aggregate.ts';
import type { Context } from '#platform/runtime/clock.ts';
import type { OrderCommand } from '#orders/rules/commands.ts';
import type { Order } from '#orders/rules/state.ts';
import { loadOrders } from '#orders/store.ts';

/** What a command would do to many orders: decided by the rules on what is stored, and not saved. */

export interface Foreseen {
  readonly orderId: string;
  readonly outcome: 'would' | 'refused';
  /** The status that it would have afterwards, or has. */
  readonly status?: string;
  /** Types of the events that it would cause. */
  readonly events?: readonly string[];
  readonly code?: ErrorCode;
  readonly detail?: string;
}

const PAGE = 500;
const NOTHING_SHARED = new Map<string, never>();

export async function foresee(
  database: Database,
  rules: Rules<Order, OrderCommand>,
  command: OrderCommand,
  orderIds: readonly string[],
  { cause, context }: { readonly cause: Cause; readonly context: Context },
): Promise<Foreseen[]> {
  const foreseen: Foreseen[] = [];
  for (let start = 0; start < orderIds.length; start += PAGE) {
    const ids = orderIds.slice(start, start + PAGE);
    const rows = new Map((await loadOrders(database, ids)).map((row) => [row.id, row]));
    for (const orderId of ids) {
      const row = rows.get(orderId);
      if (!row) {
        foreseen.push({
          orderId,
          outcome: 'refused',
          code: 'ORDER_NOT_FOUND',
          detail: 'There is no order with this id.',
        });
        continue;
      }
      const folded = foldCommand(rules, row, command, cause, { ...context, shared: NOTHING_SHARED });
      foreseen.push(
        isRefusal(folded)
          ? { orderId, outcome: 'refused', status: row.state!.status, code: folded.refused, detail: folded.detail }
          : {
              orderId,
              outcome: 'would',
              status: folded.row.state!.status,
              events: folded.events.map(({ type }) => type),
            },
      );
    }
  }
  return foreseen;
}
