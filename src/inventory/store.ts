import type { View } from '#platform/http/schemas.ts';
import type { StockView } from './schemas.ts';
import type { Envelope } from '#contracts/envelope.ts';
import type { Allocation, EventType } from '#contracts/order-events.ts';
import type { Product } from '#contracts/peers.ts';
import type { Row } from '#platform/processor/aggregate.ts';
import { currencyExponent } from '#contracts/money.ts';
import type { Database } from '#platform/database/database.ts';
import type { RequestKey } from '#platform/http/idempotency.ts';
import { type Columns, insertRows, updateRows, type Write } from '#platform/database/statement.ts';
import type { SharedChange } from '#platform/processor/batch.ts';
import type { ProcessorStore } from '#platform/processor/commit.ts';
import { splitChanges } from '#platform/processor/rows.ts';
import type { Reservation, StockOfSku } from './rules.ts';

/** SQL of the inventory service; nowhere else. */

const RESERVATION_COLUMNS: Columns = {
  order_id: 'uuid',
  status: 'text',
  version: 'integer',
  sequence: 'integer',
  seen: 'json',
  detail: 'json',
};
const LEDGER_COLUMNS: Columns = {
  at: 'timestamptz',
  sku: 'text',
  location: 'text',
  kind: 'text',
  on_hand_delta: 'integer',
  reserved_delta: 'integer',
  order_id: 'uuid',
  reason: 'text',
};

/** The ledger follows inventory's own events: each moves stock by these signs. */
const MOVEMENTS: Partial<Record<EventType, { kind: string; onHand: number; reserved: number }>> = {
  StockReserved: { kind: 'reserve', onHand: 0, reserved: 1 },
  StockReleased: { kind: 'release', onHand: 0, reserved: -1 },
  StockShipped: { kind: 'ship', onHand: -1, reserved: -1 },
  StockReturned: { kind: 'return', onHand: 1, reserved: 0 },
};

function ledgerRows(events: readonly Envelope[]): Record<string, unknown>[] {
  return events.flatMap((event) => {
    const movement = MOVEMENTS[event.type as EventType];
    if (!movement) return [];
    return (event.data as { allocations: Allocation[] }).allocations.map(({ sku, location, quantity }) => ({
      at: event.time,
      sku,
      location,
      kind: movement.kind,
      on_hand_delta: movement.onHand * quantity,
      reserved_delta: movement.reserved * quantity,
      order_id: event.subject,
    }));
  });
}

/**
 * Stock moves by differences, so that writers elsewhere are added up, not overwritten; the guard constraints
 * refuse what is not there. Rows are locked in one order (SKU, location): concurrent batches never deadlock.
 */
function moveStock(changes: readonly SharedChange<StockOfSku>[]): Write[] {
  const skus: string[] = [];
  const locations: string[] = [];
  const onHand: number[] = [];
  const reserved: number[] = [];
  const arrivals: Record<string, unknown>[] = [];
  for (const { key, before, after } of changes) {
    for (const [location, level] of Object.entries(after)) {
      const old = before?.[location];
      if (!old) {
        arrivals.push({ sku: key, location, on_hand: level.onHand, reserved: level.reserved });
        continue;
      }
      if (old === level || (old.onHand === level.onHand && old.reserved === level.reserved)) continue;
      skus.push(key);
      locations.push(location);
      onHand.push(level.onHand - old.onHand);
      reserved.push(level.reserved - old.reserved);
    }
  }
  const writes: Write[] = [];
  if (skus.length > 0) {
    writes.push({
      name: 'stock',
      sql: `update inventory.stock t set on_hand = t.on_hand + l.on_hand_delta, reserved = t.reserved + l.reserved_delta
        from (select s.sku, s.location, r.on_hand_delta, r.reserved_delta
              from unnest($1::text[], $2::text[], $3::integer[], $4::integer[]) as r(sku, location, on_hand_delta, reserved_delta)
              join inventory.stock s on s.sku = r.sku and s.location = r.location
              order by s.sku, s.location for update of s) l
        where t.sku = l.sku and t.location = l.location`,
      params: [skus, locations, onHand, reserved],
      expect: skus.length,
    });
  }
  if (arrivals.length > 0) {
    // Returned goods at a location that never had this SKU; the same batch may reserve some of them.
    writes.push(
      insertRows(
        'arrivals',
        'inventory.stock',
        { sku: 'text', location: 'text', on_hand: 'integer', reserved: 'integer' },
        arrivals,
        {
          onConflict:
            '(sku, location) do update set on_hand = stock.on_hand + excluded.on_hand, reserved = stock.reserved + excluded.reserved',
        },
      ),
    );
  }
  return writes;
}

export const inventoryStore: ProcessorStore<Reservation, StockOfSku> = {
  async load(database, ids) {
    const rows = await database.query<{
      order_id: string;
      status: Reservation['status'];
      version: number;
      sequence: number;
      seen: Record<string, number>;
      detail: Omit<Reservation, 'status'>;
    }>(
      'select order_id, status, version, sequence, seen, detail from inventory.reservations where order_id = any($1::uuid[])',
      [ids],
    );
    return new Map(
      rows.map((row): [string, Row<Reservation>] => [
        row.order_id,
        {
          id: row.order_id,
          revision: row.version,
          sequence: row.sequence,
          consumed: row.seen,
          state: { status: row.status, ...row.detail },
        },
      ]),
    );
  },

  async loadShared(database, skus) {
    const rows = await database.query<{ sku: string; location: string; on_hand: number; reserved: number }>(
      'select sku, location, on_hand, reserved from inventory.stock where sku = any($1::text[])',
      [skus],
    );
    const stock = new Map<string, Record<string, { onHand: number; reserved: number }>>(skus.map((sku) => [sku, {}]));
    for (const row of rows) stock.get(row.sku)![row.location] = { onHand: row.on_hand, reserved: row.reserved };
    return stock;
  },

  save(changes, shared, events) {
    const writes = moveStock(shared);
    const toRow = ({
      id,
      revision: version,
      sequence,
      consumed: seen,
      state,
    }: Row<Reservation>): Record<string, unknown> => ({
      order_id: id,
      status: state!.status,
      version,
      sequence,
      seen,
      detail: { demand: state!.demand, allocations: state!.allocations },
    });
    const { added, changed } = splitChanges(changes, toRow);
    if (added.length > 0)
      writes.push(insertRows('new_reservations', 'inventory.reservations', RESERVATION_COLUMNS, added));
    if (changed.length > 0)
      writes.push(
        updateRows('reservations', 'inventory.reservations', ['order_id'], RESERVATION_COLUMNS, changed, {
          revision: 'version',
        }),
      );
    const ledger = ledgerRows(events);
    if (ledger.length > 0) writes.push(insertRows('ledger', 'inventory.ledger', LEDGER_COLUMNS, ledger));
    return writes;
  },
};

interface ProductRow extends Record<string, unknown> {
  sku: string;
  id: string;
  name: string;
  price: string | null;
  currency: string | null;
}

const PRODUCT_COLUMNS = 'sku, id, name, trim_scale(price)::text as price, currency';

function toProduct(row: ProductRow): Product {
  return {
    id: row.id,
    sku: row.sku,
    name: row.name,
    ...(row.price !== null && { price: scaled(row.price, row.currency) }),
    ...(row.currency !== null && { currency: row.currency }),
  };
}

/** NUMERIC drops what the currency's scale adds: "19.9" EUR is "19.90". */
function scaled(price: string, currency: string | null): string {
  const [whole = '', fraction = ''] = price.split('.');
  const decimals = (currency === null ? undefined : currencyExponent(currency)) ?? 0;
  return fraction.length >= decimals ? price : `${whole}.${fraction.padEnd(decimals, '0')}`;
}

/** Products by SKU or id, in one query. */
export async function findProducts(
  database: Database,
  keys: { readonly skus: readonly string[]; readonly productIds: readonly string[] },
): Promise<Product[]> {
  const rows = await database.query<ProductRow>(
    `select ${PRODUCT_COLUMNS} from inventory.products where sku = any($1::text[]) union select ${PRODUCT_COLUMNS} from inventory.products where id = any($2::uuid[])`,
    [keys.skus, keys.productIds],
  );
  return rows.map(toProduct);
}

export async function listProducts(database: Database, after: string, limit: number): Promise<Product[]> {
  return (
    await database.query<ProductRow>(
      `select ${PRODUCT_COLUMNS} from inventory.products where sku > $1 order by sku limit $2`,
      [after, limit],
    )
  ).map(toProduct);
}

/** A product as it was put, and whether it was new. */
export interface PutProduct {
  readonly product: Product;
  readonly created: boolean;
}

/** Creates or changes a product; its id stays. Where there is a key, what was put is kept under it as {@link productPutBefore} reads it. */
export async function putProduct(database: Database, product: Product, key?: RequestKey): Promise<PutProduct> {
  const [row] = await database.query<ProductRow & { created: boolean }>(
    `with put as (
       insert into inventory.products (sku, id, name, price, currency) values ($1, $2, $3, $4, $5)
       on conflict (sku) do update set name = excluded.name, price = excluded.price, currency = excluded.currency, updated_at = now()
       returning ${PRODUCT_COLUMNS}, (xmax = 0) as created
     ), kept as (
       insert into log.idempotency_keys (key, request_hash, status, answer)
       select $6::text, $7::text, case when created then 201 else 200 end, row_to_json(put) from put where $6::text is not null
     )
     select * from put`,
    [
      product.sku,
      product.id,
      product.name,
      product.price ?? null,
      product.currency ?? null,
      key?.key ?? null,
      key?.requestHash ?? null,
    ],
  );
  return toPut(row!);
}

/** What was kept of a product under a key. */
export function productPutBefore(stored: unknown): PutProduct {
  return toPut(stored as ProductRow & { created: boolean });
}

function toPut(row: ProductRow & { created: boolean }): PutProduct {
  return { product: toProduct(row), created: row.created };
}

export interface Adjustment {
  readonly sku: string;
  readonly location: string;
  readonly delta?: number;
  readonly onHand?: number;
  readonly reason: string;
}

/**
 * Writes of an adjustment: by a difference, or to a counted quantity. The ledger gets the difference that
 * was really applied, read from the row under its lock.
 */
export function adjustStock(adjustment: Adjustment, at: string): Write[] {
  const { sku, location, delta, onHand, reason } = adjustment;
  return [
    {
      name: 'adjusted',
      sql: `insert into inventory.ledger (at, sku, location, kind, on_hand_delta, reserved_delta, reason)
        select $1::timestamptz, $2::text, $3::text, 'adjust', inventory.adjust($2::text, $3::text, $4::integer, $5::integer), 0, $6::text`,
      params: [at, sku, location, delta ?? null, onHand ?? null, reason],
    },
  ];
}

interface StockRow extends Record<string, unknown> {
  sku: string;
  location: string | null;
  on_hand: number | null;
  reserved: number | null;
}

/** Stock of one product, in all and per location. */
export type Stock = View<typeof StockView>;

function stockViews(rows: readonly StockRow[]): Stock[] {
  const views = new Map<string, Stock>();
  for (const { sku, location, on_hand, reserved } of rows) {
    const view = views.get(sku) ?? { sku, onHand: 0, reserved: 0, available: 0, locations: [] };
    if (location === null) {
      views.set(sku, view);
      continue;
    }
    const onHand = on_hand!;
    views.set(sku, {
      sku,
      onHand: view.onHand + onHand,
      reserved: view.reserved + reserved!,
      available: view.available + onHand - reserved!,
      locations: [...view.locations, { location, onHand, reserved: reserved!, available: onHand - reserved! }],
    });
  }
  return [...views.values()];
}

/** Stock of products after a SKU, in SKU order, in all and per location. */
export async function listStock(database: Database, after: string, limit: number): Promise<Stock[]> {
  return stockViews(
    await database.query<StockRow>(
      `select p.sku, s.location, s.on_hand, s.reserved from (select sku from inventory.products where sku > $1 order by sku limit $2) p
       left join inventory.stock s on s.sku = p.sku order by p.sku, s.location`,
      [after, limit],
    ),
  );
}

/** Stock of one product, or undefined for an unknown SKU. */
export async function stockOf(database: Database, sku: string): Promise<Stock | undefined> {
  const rows = await database.query<StockRow>(
    'select p.sku, s.location, s.on_hand, s.reserved from inventory.products p left join inventory.stock s on s.sku = p.sku where p.sku = $1 order by s.location',
    [sku],
  );
  return stockViews(rows)[0];
}

/** Orders after another one that wait for stock of these SKUs (of any, where none are named), first come first served. */
export async function backorderedFor(
  database: Database,
  skus: readonly string[],
  after: string,
  limit: number,
): Promise<string[]> {
  const rows = await database.query<{ order_id: string }>(
    `select order_id from inventory.reservations where status = 'BACKORDERED'
       and (cardinality($1::text[]) = 0 or exists (select 1 from json_array_elements(detail->'demand') d where d->>'sku' = any($1::text[])))
       and order_id > $2 order by order_id limit $3`,
    [skus, after, limit],
  );
  return rows.map((row) => row.order_id);
}
