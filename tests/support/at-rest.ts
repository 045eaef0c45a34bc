import { FINAL_STATUSES } from '#orders/rules/lifecycle.ts';
import type { System } from '#system/system.ts';
import { until } from './until.ts';

/**
 * Waits until nothing more happens by itself in a system whose services share a database: every order has ended, but
 * for those that are `held`, no call of the payment provider is open and no mail is queued. A system settles with its
 * consumers; calls on the outside may be under way or wait for their next attempt, and what comes of them goes on.
 */
export async function atRest(system: System, held: readonly string[] = []): Promise<void> {
  let open: unknown;
  await until(
    'the system to be at rest',
    async () => {
      await system.settle();
      const [row] = await system.database.queryOnce<{ orders: number; payments: number; mails: number }>(
        `select
           (select count(*)::int from orders.order_states
            where status <> all($2::text[]) and not (order_id = any($1::uuid[]))) as orders,
           (select count(*)::int from payments.payments where next_attempt_at is not null) as payments,
           (select count(*)::int from notifications.notifications where status = 'queued') as mails`,
        [held, [...FINAL_STATUSES]],
      );
      open = row;
      return row!.orders === 0 && row!.payments === 0 && row!.mails === 0;
    },
    { timeoutMs: 30_000, describe: () => JSON.stringify(open) },
  );
}
