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
  const numberOf = numbersOf(given);
  const goes = (id: string): boolean => shipmentsOf(rows.get(id)).some((parcel) => numberOf(parcel.id) !== undefined);
  const there = orderIds.filter(goes);
  const unnamed = orderIds
    .filter((id) => shipmentsOf(rows.get(id)).length > 0 && !goes(id))
    .map((id) => refusedWith(id, refuse('SHIPMENT_NOT_FOUND', 'No parcel of the order is named in trackingNumbers.')));
  const outcomes = given.dryRun
    ? there.map((id) => foreseen(parts, given, rows.get(id)!, numberOf))
    : await dispatched(
        parts,
        given,
        there.map((id) => rows.get(id)!),
        numberOf,
      );
  return { outcomes: [...outcomes, ...none, ...unnamed] };
}

const shipmentsOf = (row: Row<Shipping> | undefined) => row?.state?.shipments ?? [];

/** The number of a parcel by its id; undefined where it is not among those that go. */
type NumberOf = (shipmentId: string) => string | undefined;

function numbersOf({ arguments: { trackingNumber, trackingNumbers } }: ManyOrders): NumberOf {
  if (trackingNumbers === undefined) return () => trackingNumber ?? '';
  const numbers = new Map(trackingNumbers.map((one) => [one.shipmentId.toLowerCase(), one.trackingNumber]));
  return (shipmentId) => numbers.get(shipmentId);
}

/** What is asked of the parcels of an order that go. */
function dispatchesOf(
  { by, arguments: { carrier = '' } }: ManyOrders,
  row: Row<Shipping>,
  numberOf: NumberOf,
): Extract<ShippingCommand, { type: 'dispatch' }>[] {
  return shipmentsOf(row).flatMap(({ id: shipmentId }) => {
    const trackingNumber = numberOf(shipmentId);
    return trackingNumber === undefined ? [] : [{ type: 'dispatch', shipmentId, carrier, trackingNumber, by }];
  });
}

async function dispatched(
  parts: GivesEach<Shipping, ShippingCommand>,
  given: ManyOrders,
  rows: readonly Row<Shipping>[],
  numberOf: NumberOf,
): Promise<Given[]> {
  // Also those that have left: by their keys those are known that this run has dispatched before.
  const wanted = rows.flatMap((row) =>
    dispatchesOf(given, row, numberOf).map((command) => ({ orderId: row.id, part: command.shipmentId, command })),
  );
  const outcomes = Map.groupBy(await giveEach(parts, given, wanted), ({ orderId }) => orderId);
  return rows.map(({ id }) => together(outcomes.get(id)!));
}

function foreseen(
  { rules, clock }: { readonly rules: ShippingRules; readonly clock: Clock },
  given: ManyOrders,
  row: Row<Shipping>,
  numberOf: NumberOf,
): Given {
  const cause = { causationid: given.runId, correlationid: given.correlationid };
  const context = contextAt(clock);
  let now = row;
  const outcomes: Given[] = [];
  for (const command of dispatchesOf(given, row, numberOf)) {
    const { given: one, after } = foresee(rules, now, command, { cause, context });
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
