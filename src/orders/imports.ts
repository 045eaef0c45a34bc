import { createHash } from 'node:crypto';
import type { Origin } from '#contracts/order-events.ts';
import type { Database } from '#platform/database/database.ts';
import { Problem, problemOfRefusal } from '#platform/http/problems.ts';
import type { Cause } from '#platform/processor/aggregate.ts';
import { type Clock, type Context, contextAt } from '#platform/runtime/clock.ts';
import { uuidv7At } from '#platform/runtime/uuid.ts';
import { beginning } from './beginning.ts';
import { assertFits, type Intake, placementProblem, type Taken } from './intake.ts';
import { referenceHolders, referenceKey, referenceTaken } from './references.ts';
import {
  firstEvents,
  historyOrder,
  type ImportedOrder,
  type ImportKind,
  liveRequest,
  openOrder,
} from './rules/imports.ts';
import { type Catalog, place } from './rules/placement.ts';
import type { Order } from './rules/state.ts';
import type { Placement } from './store.ts';
import { ordersByKey } from './store/lookups.ts';

/** Takes the orders of another system, in sets: each once by its source and number, however often it is sent. */

export interface ImportRequest {
  readonly source: string;
  readonly as: ImportKind;
  /** Says what would become of each order, and keeps nothing. */
  readonly dryRun?: boolean;
  readonly orders: readonly ImportedOrder[];
}

/** What became of one order of a set. */
export type ImportOutcome =
  | {
      readonly number: string;
      readonly outcome: 'taken' | 'repeated';
      /** Of the order; none on a dry run. */
      readonly id?: string;
      readonly totalAmount?: string;
    }
  | { readonly number: string; readonly outcome: 'refused'; readonly code: string; readonly detail: string };

export interface ImportsOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly intake: Intake;
}

/** A clock elsewhere may be a little ahead of ours. */
const AHEAD_MAX_MS = 24 * 3_600_000;

export class Imports {
  readonly #options: ImportsOptions;

  constructor(options: ImportsOptions) {
    this.#options = options;
  }

  /**
   * Outcomes in the order of the request. `caller` is who asks: an earlier import may have placed an order under its key.
   * Throws a {@link Problem} where nothing can be taken at all.
   */
  async take(request: ImportRequest, caller: string, cause: Cause): Promise<ImportOutcome[]> {
    const { database, clock, intake } = this.#options;
    const { source, as, dryRun = false, orders } = request;
    const refused = dryRun ? undefined : intake.refusal();
    if (refused) throw problemOfRefusal(refused);
    const context = contextAt(clock);
    const keys = orders.map(({ number }) => [keyOf(source, number), placedKeyOf(caller, source, number)] as const);
    const before = await ordersByKey(database, keys.flat());
    const catalog: Catalog =
      as === 'history'
        ? { bySku: () => undefined, byId: () => undefined }
        : await intake.learn(orders.map((order) => liveRequest(order, source)));

    const called = dryRun ? [] : await intake.numbersFor(orders.length);
    const outcomes = new Map<number, ImportOutcome>();
    const fresh: { readonly index: number; readonly placement: Placement }[] = [];
    const ours = new Map<string, string>();
    for (const [index, order] of orders.entries()) {
      const { number } = order;
      const [key, placedKey] = keys[index]!;
      const hash = hashOf(as, order);
      const known = before.get(key);
      // An order placed one by one has a hash of another kind, which says nothing here.
      if ((known && known.requestHash !== hash) || (ours.get(key) ?? hash) !== hash) {
        outcomes.set(index, refusedFor(number, changed()));
        continue;
      }
      const stored = known ?? before.get(placedKey);
      if (stored || ours.has(key)) {
        outcomes.set(index, { number, outcome: 'repeated', ...(stored && { id: stored.id }) });
        continue;
      }
      try {
        const placement = this.#placed({
          source,
          as,
          order,
          key,
          hash,
          catalog,
          context,
          cause,
          called: called[index],
        });
        ours.set(key, hash);
        fresh.push({ index, placement });
      } catch (error) {
        if (!(error instanceof Problem)) throw error;
        outcomes.set(index, refusedFor(number, error));
      }
    }
    const placements = fresh.map(({ placement }) => placement);
    const taken =
      fresh.length === 0 ? [] : dryRun ? await this.#wouldTake(placements) : await intake.takeSet(placements);
    for (const [position, { index }] of fresh.entries()) {
      const { number } = orders[index]!;
      const one = taken[position]!;
      if (one instanceof Problem) outcomes.set(index, refusedFor(number, one));
      else if (one instanceof Error) throw one;
      else
        outcomes.set(
          index,
          takenAs(one.repeated ? 'repeated' : 'taken', number, one.row.state!, dryRun ? undefined : one.row.id),
        );
    }
    return orders.map((_, index) => outcomes.get(index)!);
  }

  /** What would become of placements, beside their keys: a reference may be taken by another order. */
  async #wouldTake(placements: readonly Placement[]): Promise<(Pick<Taken, 'row' | 'repeated'> | Problem)[]> {
    const claims = placements.flatMap(({ claim }) => claim ?? []);
    const holders =
      claims.length === 0 ? new Map<string, string>() : await referenceHolders(this.#options.database, claims);
    return placements.map(({ row, claim }) => {
      const holder = claim && holders.get(referenceKey(claim));
      return holder === undefined
        ? { row, repeated: false }
        : new Problem('REFERENCE_TAKEN', referenceTaken(claim!, holder));
    });
  }

  /** The rows and events of an order; throws the {@link Problem} it is refused with. */
  #placed({ source, as, order, key, hash, catalog, context, cause, called }: Wanted): Placement {
    const { policy } = this.#options.intake;
    const { nowMs } = context;
    const origin: Origin = { kind: 'import', source, number: order.number };
    const atMs = order.createdAt === undefined ? nowMs : Date.parse(order.createdAt);
    if (!(atMs >= 0 && atMs <= nowMs + AHEAD_MAX_MS))
      throw new Problem('VALIDATION_FAILED', `/createdAt ${order.createdAt} is no time between 1970 and now.`);
    const content =
      as === 'history'
        ? historyOrder(order, origin, policy, context)
        : as === 'open'
          ? openOrder(order, origin, catalog, policy, context)
          : place(liveRequest(order, source), catalog, policy, context);
    if ('length' in content) throw placementProblem(content);
    const priced = called === undefined ? content : { ...content, number: called };
    assertFits(order, priced);
    const id = as === 'live' ? context.newId() : uuidv7At(atMs);
    const begun = beginning(id, firstEvents(as, priced), cause, {
      ...context,
      // What is past happened then; open and live orders begin now.
      nowMs: as === 'history' ? atMs : nowMs,
    });
    const claim = this.#options.intake.claimOf(begun.row);
    return { ...begun, key, requestHash: hash, claim };
  }
}

interface Wanted {
  readonly source: string;
  readonly as: ImportKind;
  readonly order: ImportedOrder;
  readonly key: string;
  readonly hash: string;
  readonly catalog: Catalog;
  readonly context: Context;
  readonly cause: Cause;
  /** What the order will be called. */
  readonly called: string | undefined;
}

/** The key that an order of another system stays under for good. */
function keyOf(source: string, number: string): string {
  return `import:${source}:${encodeURIComponent(number)}`;
}

/** The key of an order that a caller imported by placing it. */
function placedKeyOf(caller: string, source: string, number: string): string {
  return `${caller}:${source}:${encodeURIComponent(number)}`;
}

/** Of what an order is about, so that one that was changed since is no repetition. */
function hashOf(as: ImportKind, order: ImportedOrder): string {
  const { currency, items, taxLines, shippingLines, discountLines, pricesIncludeTax, status, paidAmount, refunds } =
    order;
  const goods = items.map(({ sku, productId, quantity, unitPrice, taxRate }) => [
    sku ?? productId,
    quantity,
    unitPrice,
    ...(taxRate === undefined ? [] : [taxRate]),
  ]);
  const money: unknown[] = [currency, taxLines, shippingLines, discountLines].map((lines) => lines ?? null);
  if (pricesIncludeTax) money.push('tax included');
  const end = as === 'history' ? [status, paidAmount, refunds] : [];
  return createHash('sha256')
    .update(JSON.stringify([as, goods, money, end]))
    .digest('base64url');
}

function changed(): Problem {
  return new Problem(
    'IDEMPOTENCY_KEY_REUSED',
    'An order of this source and number was imported before, in another way or with other content. Change the order here, or name another source.',
  );
}

function refusedFor(number: string, { code, message: detail }: Problem): ImportOutcome {
  return { number, outcome: 'refused', code, detail };
}

function takenAs(outcome: 'taken' | 'repeated', number: string, state: Order, id?: string): ImportOutcome {
  return { number, outcome, ...(id !== undefined && { id }), totalAmount: state.totalAmount };
}
