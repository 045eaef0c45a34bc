import { refuse } from '#contracts/errors.ts';
import { type Given, MANY_MAX, type ManyOrders } from '#contracts/many-orders.ts';
import type { Rules } from '#platform/processor/aggregate.ts';
import { foresee, type GivesEach, giveEach, refusedWith } from '#platform/processor/many.ts';
import { type Clock, contextAt } from '#platform/runtime/clock.ts';
import type { OrderCommand } from '#orders/rules/commands.ts';
import type { Order } from '#orders/rules/state.ts';
import { loadOrders } from '#orders/store.ts';
import { bulkCommand, type BulkCommandName, type ManyPeers } from './commands.ts';

/** Gives the command of a run to orders, or says what it would do; orders decide, or the service whose command it is. */

export interface GivesOrders extends GivesEach<Order, OrderCommand> {
  readonly rules: Rules<Order, OrderCommand>;
  readonly peers: ManyPeers;
  readonly clock: Clock;
}

export type Wanted = ManyOrders & { readonly command: BulkCommandName };

/** What becomes of each order, in the order of their ids. Rejects where the service that decides is away. */
export async function give(parts: GivesOrders, wanted: Wanted): Promise<readonly Given[]> {
  const outcomes = new Map<string, Given>();
  for (let start = 0; start < wanted.orderIds.length; start += MANY_MAX) {
    const orderIds = wanted.orderIds.slice(start, start + MANY_MAX);
    for (const one of await givenTo(parts, { ...wanted, orderIds })) outcomes.set(one.orderId, one);
  }
  return wanted.orderIds.map((id) => outcomes.get(id)!);
}

async function givenTo(parts: GivesOrders, wanted: Wanted): Promise<readonly Given[]> {
  const { elsewhere, commandOf } = bulkCommand(wanted.command);
  if (elsewhere) return elsewhereOf(parts, elsewhere, wanted);
  const command = commandOf!(wanted.arguments, wanted.by);
  if (wanted.dryRun) return foreseen(parts, command, wanted);
  return giveEach(
    parts,
    wanted,
    wanted.orderIds.map((orderId) => ({ orderId, command })),
  );
}

/** An order that does not exist is nobody's; whether it does, the orders know. */
async function elsewhereOf(
  { database, peers }: GivesOrders,
  call: keyof ManyPeers,
  wanted: Wanted,
): Promise<readonly Given[]> {
  const there = new Set((await loadOrders(database, [...wanted.orderIds])).map(({ id }) => id));
  const orderIds = wanted.orderIds.filter((id) => there.has(id));
  const { outcomes } = orderIds.length === 0 ? { outcomes: [] } : await peers[call]({ ...wanted, orderIds });
  return [...outcomes, ...wanted.orderIds.filter((id) => !there.has(id)).map(notThere)];
}

const notThere = (id: string): Given => refusedWith(id, refuse('ORDER_NOT_FOUND', 'There is no order with this id.'));

async function foreseen(
  { database, rules, clock }: GivesOrders,
  command: OrderCommand,
  { orderIds, runId, correlationid }: Wanted,
): Promise<Given[]> {
  const rows = new Map((await loadOrders(database, [...orderIds])).map((row) => [row.id, row]));
  const cause = { causationid: runId, correlationid };
  const context = contextAt(clock);
  return orderIds.map((id) => {
    const row = rows.get(id);
    if (!row) return notThere(id);
    const { given, after } = foresee(rules, row, command, { cause, context });
    return { ...given, status: after.state!.status };
  });
}
