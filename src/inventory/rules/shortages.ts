import type { Allocation } from '#contracts/order-events.ts';
import type { Ignored, Outcome } from '#platform/processor/aggregate.ts';
import type { InventoryRules, Reservation, ReservationRules } from '#inventory/rules.ts';
import type { StockOfSku } from './stock.ts';

/**
 * Goods that were set aside and are gone: a count found less than is reserved. The orders that were given them last are
 * short. Each of them is reported once, and once more when what it lacks is there again; a person decides what becomes
 * of it meanwhile.
 */

/** What an order is short of now, of what is set aside for it; nothing: it is short of nothing. */
export interface MarkShort {
  readonly type: 'markShort';
  readonly missing: readonly Allocation[];
}

type Decision = Outcome<Reservation, never, StockOfSku>;

function markShort(reservation: Reservation | undefined, { missing }: MarkShort): Decision {
  const { status, allocations, short = [] } = reservation ?? { status: undefined, allocations: [] };
  if (!reservation || status !== 'RESERVED') return { state: reservation, events: [] };
  // What it had has perhaps left, or been given back, since that was found out.
  const present = missing.flatMap(({ sku, location, quantity }) => {
    let held = 0;
    for (const one of allocations) if (one.sku === sku && one.location === location) held += one.quantity;
    const lacking = held < quantity ? held : quantity;
    return lacking > 0 ? [{ sku, location, quantity: lacking }] : [];
  });
  if (sameAllocations(present, short)) return { state: reservation, events: [] };
  const { short: _, ...rest } = reservation;
  return present.length === 0
    ? { state: rest, events: [{ type: 'StockRecovered', data: {} }] }
    : { state: { ...rest, short: present }, events: [{ type: 'StockLost', data: { missing: present } }] };
}

export function sameAllocations(some: readonly Allocation[], others: readonly Allocation[]): boolean {
  return (
    some.length === others.length &&
    some.every((one) =>
      others.some(
        ({ sku, location, quantity }) => sku === one.sku && location === one.location && quantity === one.quantity,
      ),
    )
  );
}

/** Rules of reservations that know of shortages: what an order is short of stays with it as long as anything is reserved. */
export function withShortages(rules: ReservationRules): InventoryRules {
  return {
    source: rules.source,
    consumes: rules.consumes,
    react(event, reservation, context): Decision | Ignored {
      const outcome = rules.react(event, reservation, context);
      if (!reservation?.short || 'ignored' in outcome || outcome.state?.status !== 'RESERVED') return outcome;
      return { ...outcome, state: { ...outcome.state, short: reservation.short } };
    },
    decide: (command, reservation, context) =>
      command.type === 'markShort' ? markShort(reservation, command) : rules.decide(command, reservation, context),
  };
}
