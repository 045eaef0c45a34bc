import type { Given, ManyOrders } from '#contracts/many-orders.ts';
import { refuse } from '#contracts/errors.ts';
import type { Row } from '#platform/processor/aggregate.ts';
import { foresee, type GivesEach, giveEach, refusedWith } from '#platform/processor/many.ts';
import { contextAt, type Clock } from '#platform/runtime/clock.ts';
import type { Shipping, ShippingCommand } from './rules/model.ts';
import type { ShippingRules } from './rules.ts';
import { shippingStore } from './store.ts';

/** Hands the parcels of many orders to a carrier, all that wait of each, or says what that would do. */
export async function dispatchOrders(
  parts: GivesEach<Shipping, ShippingCommand> & { readonly rules: ShippingRules; readonly clock: Clock },
  given: ManyOrders,
): Promise<{ readonly outcomes: readonly Given[] }> {
  const { orderIds } = given;
  const rows = await shippingStore.load(parts.database, orderIds);
  const none = orderIds
    .filter((id) => shipmentsOf(rows.get(id)).length === 0)
    .map((id) => refusedWith(id, refuse('SHIPMENT_NOT_FOUND', 'The order has no shipment.')));
  const there = orderIds.filter((id) => shipmentsOf(rows.get(id)).length > 0);
  const outcomes = given.dryRun
    ? there.map((id) => foreseen(parts, given, rows.get(id)!))
    : await dispatched(
        parts,
        given,
        there.map((id) => rows.get(id)!),
      );
  return { outcomes: [...outcomes, ...none] };
}

const shipmentsOf = (row: Row<Shipping> | undefined) => row?.state?.shipments ?? [];

function commandOf(
  { by, arguments: { carrier = '', trackingNumber = '' } }: ManyOrders,
  shipmentId: string,
): ShippingCommand {
  return { type: 'dispatch', shipmentId, carrier, trackingNumber, by };
}

async function dispatched(
  parts: GivesEach<Shipping, ShippingCommand>,
  given: ManyOrders,
  rows: readonly Row<Shipping>[],
): Promise<Given[]> {
  // Also those that have left: by their keys those are known that this run has dispatched before.
  const wanted = rows.flatMap((row) =>
    shipmentsOf(row).map(({ id }) => ({ orderId: row.id, part: id, command: commandOf(given, id) })),
  );
  const outcomes = Map.groupBy(await giveEach(parts, given, wanted), ({ orderId }) => orderId);
  return rows.map(({ id }) => together(outcomes.get(id)!));
}

function foreseen(
  { rules, clock }: { readonly rules: ShippingRules; readonly clock: Clock },
  given: ManyOrders,
  row: Row<Shipping>,
): Given {
  const cause = { causationid: given.runId, correlationid: given.correlationid };
  const context = contextAt(clock);
  let now = row;
  const outcomes: Given[] = [];
  for (const { id } of shipmentsOf(row)) {
    const { given: one, after } = foresee(rules, now, commandOf(given, id), { cause, context });
    outcomes.push(one);
    now = after;
  }
  const events = outcomes.flatMap((one) => one.events ?? []);
  return { ...together(outcomes), ...(events.length > 0 && { events }) };
}

/** What becomes of an order: parcels that had left before are in nobody's way. */
function together(outcomes: readonly Given[]): Given {
  return (
    outcomes.find(({ outcome }) => outcome === 'later') ??
    outcomes.find(({ outcome }) => outcome !== 'refused') ??
    outcomes.find(({ code }) => code !== 'SHIPMENT_NOT_DISPATCHABLE') ??
    outcomes[0]!
  );
}
