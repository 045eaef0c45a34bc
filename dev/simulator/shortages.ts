import type { Allocation } from '#contracts/order-events.ts';
import { sameAllocations } from '#inventory/rules/shortages.ts';
import { fail } from './log.ts';
import type { Story } from './story.ts';

/** Goods that are reserved and not there, as src/inventory/store/shortages.ts reads them. */

/** Places where something is missing, and how much. */
export function shortPlaces(story: Story): Allocation[] {
  return [...story.services.inventory.store.shared].flatMap(([sku, { levels }]) =>
    Object.entries(levels).flatMap(([location, { short = 0, reserved }]) => {
      const quantity = Math.min(short, reserved);
      return quantity > 0 ? [{ sku, location, quantity }] : [];
    }),
  );
}

/** Orders that lack something else than they were reported to, and what they lack: those that came last are short. */
export function unreported(story: Story): { readonly orderId: string; readonly missing: readonly Allocation[] }[] {
  const rows = [...story.services.inventory.store.rows.values()].filter(({ state }) => state?.status === 'RESERVED');
  const missing = new Map<string, Allocation[]>();
  for (const { sku, location, quantity } of shortPlaces(story)) {
    let left = quantity;
    for (const { id, state } of rows.toSorted((a, b) => (a.id < b.id ? 1 : -1))) {
      for (const held of state!.allocations) {
        if (held.sku !== sku || held.location !== location || left === 0) continue;
        const lacking = Math.min(held.quantity, left);
        left -= lacking;
        missing.set(id, [...(missing.get(id) ?? []), { sku, location, quantity: lacking }]);
      }
    }
  }
  return rows
    .map(({ id }) => ({ orderId: id, missing: missing.get(id) ?? [] }))
    .filter(({ orderId, missing: lacks }) => {
      const { short = [] } = story.services.inventory.state(orderId)!;
      return !sameAllocations(lacks, short);
    });
}

/** When nothing moves any more nothing is missing: whatever was set aside has left or was given back. */
export function checkShortages(story: Story): void {
  const [place] = shortPlaces(story);
  if (place) fail(`${place.quantity} ${place.sku} are still missing at ${place.location}, and nothing is reserved`);
}
