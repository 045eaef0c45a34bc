import type { Envelope } from '#contracts/envelope.ts';
import type { RowChange } from '#platform/processor/batch.ts';
import { type Reservation, type Turn, wantedOf } from '#inventory/rules.ts';
import { availableOf } from '#inventory/rules/stock.ts';
import { fail } from './log.ts';
import type { Story } from './story.ts';

/** The lines in which backorders wait, as src/inventory/store/lines.ts reads them; and that nobody overtakes in them. */

/** Who waits for which SKUs: by order, the pieces of each. */
export type Waiting = ReadonlyMap<string, ReadonlyMap<string, number>>;

export function waitingIn(story: Story): Waiting {
  const waiting = new Map<string, ReadonlyMap<string, number>>();
  for (const { id, state } of story.services.inventory.store.rows.values())
    if (state?.status === 'BACKORDERED')
      waiting.set(id, new Map(wantedOf(state).map(({ sku, quantity }) => [sku, quantity])));
  return waiting;
}

/** Pieces of a SKU that orders before this one wait for. */
function ahead(waiting: Waiting, orderId: string, sku: string): number {
  let pieces = 0;
  for (const [id, wanted] of waiting) if (id < orderId) pieces += wanted.get(sku) ?? 0;
  return pieces;
}

/** Backorders whose turn has come in all of their lines, first come first served. */
function ready(story: Story, waiting: Waiting): { readonly orderId: string; readonly turns: readonly Turn[] }[] {
  const { shared } = story.services.inventory.store;
  const before = story.faults.turnsInOrder === false ? (): number => 0 : ahead;
  return [...waiting]
    .filter(([id, wanted]) =>
      [...wanted].every(([sku, quantity]) => before(waiting, id, sku) + quantity <= availableOf(shared.get(sku))),
    )
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([orderId, wanted]) => ({
      orderId,
      turns: [...wanted.keys()].map((sku) => ({ sku, losses: shared.get(sku)!.losses })),
    }));
}

/** Those whose turn has come ask again; who stood in the lines then is kept with the request, for {@link checkLines}. */
export function giveTurns(story: Story): void {
  const { inventory } = story.services;
  if (!inventory.replicas.some(({ alive }) => alive)) return;
  const waiting = waitingIn(story);
  for (const { orderId, turns } of ready(story, waiting)) {
    const id = story.ids.next(story.scheduler.nowMs);
    story.turnsGiven.set(id, waiting);
    const cause = { causationid: id, correlationid: id };
    inventory.submit(orderId, { type: 'retryBackorder', turns }, { cause });
  }
}

/** Those who wait now and stood in the same lines then already. */
function stayed(now: Waiting, then: Waiting): Waiting {
  const since = new Map<string, ReadonlyMap<string, number>>();
  for (const [id, wanted] of now) {
    const before = then.get(id);
    if (before) since.set(id, new Map([...wanted].filter(([sku]) => before.has(sku))));
  }
  return since;
}

/**
 * Whoever was just given goods left enough for those before it who had waited for them before, and wait on: where it
 * stood in line, before its turn came, for a turn that has come stays; where it did not, before it was given them.
 */
export function checkLines(
  story: Story,
  changes: readonly RowChange<Reservation>[],
  events: readonly Envelope[],
): void {
  const { shared } = story.services.inventory.store;
  const now = waitingIn(story);
  const sinceBefore = stayed(now, story.waitedBefore);
  for (const { before, after } of changes) {
    if (before.state?.status === 'RESERVED' || after.state!.status !== 'RESERVED') continue;
    const served = events.find(({ subject, type }) => subject === after.id && type === 'StockReserved');
    const turn = story.turnsGiven.get(served!.causationid);
    const sinceTurn = turn && stayed(now, turn);
    for (const { sku } of after.state!.demand) {
      const stoodInLine = before.state?.waitsFor?.includes(sku);
      const pieces = ahead((stoodInLine && sinceTurn) || sinceBefore, after.id, sku);
      const left = availableOf(shared.get(sku));
      if (pieces > left)
        fail(`${story.nameOf(after.id)} was given ${sku}; those before it wait for ${pieces}, and ${left} are left`);
    }
  }
  story.waitedBefore = now;
  for (const [sku, stock] of shared) {
    let pieces = 0;
    for (const wanted of now.values()) pieces += wanted.get(sku) ?? 0;
    if (pieces !== stock.waiting) fail(`${pieces} ${sku} are waited for, its stock says ${stock.waiting}`);
  }
}
