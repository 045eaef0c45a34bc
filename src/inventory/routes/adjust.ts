import { ConflictError, type Database } from '#platform/database/database.ts';
import type { AuditedBy } from '#platform/http/audit-entries.ts';
import { keepReply, type RequestKey } from '#platform/http/idempotency.ts';
import { Problem } from '#platform/http/problems.ts';
import type { View } from '#platform/http/schemas.ts';
import type { AdjustmentView, ForecastView } from '#inventory/schemas.ts';
import { locationUnknown } from '#inventory/store/locations.ts';
import { levelAt, shortOrders } from '#inventory/store/shortages.ts';
import { type Adjustment, adjustStock, countShort, known, STOCK_MAX } from '#inventory/store/stock.ts';

/** What people say about stock: by a difference, or by a count, which is taken whatever it says. */

/** SQLSTATE of numeric_value_out_of_range. */
const OUT_OF_RANGE = '22003';
/** So often a count is taken once more where orders took or gave back meanwhile. */
const ATTEMPTS_MAX = 10;
/** An answer names so many orders that are short; each of them is reported in any case. */
export const SHORT_ORDERS_MAX = 1_000;
/** Where stock lies of which nobody said where. */
export const DEFAULT_LOCATION = 'main';

type Done = View<typeof AdjustmentView>;

/**
 * Makes an adjustment, and keeps its answer under the key. A count below what is reserved is taken: the answer names the
 * orders that are short. A difference that would leave less than is reserved is refused: who takes goods away must know
 * that they are there. Throws a {@link Problem}.
 */
export async function adjust(
  database: Database,
  key: RequestKey,
  adjustment: Adjustment,
  by: AuditedBy,
): Promise<Done> {
  await refuseUnknown(database, adjustment);
  for (let attempt = 1; ; attempt++) {
    try {
      return (await takeShort(database, key, adjustment, by)) ?? (await take(database, key, adjustment, by));
    } catch (error) {
      if ((error as { code?: string }).code === OUT_OF_RANGE)
        throw new Problem(
          'STOCK_TOO_LARGE',
          `At most ${STOCK_MAX} pieces of a product can be counted at one location; use another location for more.`,
        );
      if (!(error instanceof ConflictError)) throw error;
      if (adjustment.onHand === undefined || attempt === ATTEMPTS_MAX)
        throw new Problem(
          'STOCK_INSUFFICIENT',
          'Less would be on hand than is reserved. Cancel or ship orders first, or say with onHand what was counted: a count is taken.',
        );
    }
  }
}

/** Throws the {@link Problem} of a product or a place that there is none of. */
async function refuseUnknown(database: Database, named: Pick<Adjustment, 'sku' | 'location'>): Promise<void> {
  const { sku, location } = await known(database, named);
  if (!sku)
    throw new Problem('UNKNOWN_SKU', 'There is no product with this SKU; create it with PUT /products/{sku} first.', {
      errors: [{ pointer: '/sku', detail: 'names no product' }],
    });
  if (!location) {
    const { refused, detail } = locationUnknown();
    throw new Problem(refused, detail, { errors: [{ pointer: '/location', detail: 'names no location' }] });
  }
}

/** What a count would do: which orders would lack goods. Changes nothing; throws a {@link Problem} as {@link adjust} does. */
export async function foresee(
  database: Database,
  { sku, location, onHand }: { readonly sku: string; readonly location: string; readonly onHand: number },
): Promise<View<typeof ForecastView>> {
  await refuseUnknown(database, { sku, location });
  const level = (await levelAt(database, sku, location)) ?? { onHand: 0, reserved: 0 };
  const short = Math.max(0, level.reserved - onHand);
  const orders = short === 0 ? [] : await shortOrders(database, { sku, location, short });
  return {
    sku,
    location,
    before: level.onHand,
    onHand,
    reserved: level.reserved,
    short,
    shortOrders: orders.slice(0, SHORT_ORDERS_MAX),
  };
}

async function take(database: Database, key: RequestKey, adjustment: Adjustment, by: AuditedBy): Promise<Done> {
  const done = { ...adjustment, at: new Date().toISOString() };
  await database.write([...adjustStock(adjustment, done.at, by), keepReply(key, { status: 201, answer: done })]);
  return done;
}

/** Takes a count that is below what is reserved; undefined where it is not. */
async function takeShort(
  database: Database,
  key: RequestKey,
  adjustment: Adjustment,
  by: AuditedBy,
): Promise<Done | undefined> {
  const { sku, location, onHand } = adjustment;
  const level = onHand === undefined ? undefined : await levelAt(database, sku, location);
  if (onHand === undefined || !level || onHand >= level.reserved) return undefined;
  const short = await shortOrders(database, { sku, location, short: level.reserved - onHand });
  const done = { ...adjustment, at: new Date().toISOString(), shortOrders: short.slice(0, SHORT_ORDERS_MAX) };
  await database.write([
    ...countShort({ ...adjustment, onHand }, level.reserved, done.at, by),
    keepReply(key, { status: 201, answer: done }),
  ]);
  return done;
}
