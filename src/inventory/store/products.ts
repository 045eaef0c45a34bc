import { currencyExponent } from '#contracts/money.ts';
import type { Product, Renamed } from '#contracts/peers.ts';
import type { Database } from '#platform/database/database.ts';
import type { AuditedBy } from '#platform/http/audit-entries.ts';
import type { RequestKey } from '#platform/http/idempotency.ts';
import { Problem } from '#platform/http/problems.ts';

/** SQL of products. */

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

const RENAMED_MAX = 1_000;

/**
 * Products named since. A transaction gives its number out before it commits, so what is asked for next begins with the
 * oldest one that was still under way: nothing can appear behind it.
 */
export async function renamedProducts(database: Database, since: string | undefined): Promise<Renamed> {
  const rows = await database.query<Partial<ProductRow> & { since: string; reset: boolean }>(
    `select now.since::text as since, coalesce(now.since < $1::xid8, false) as reset, p.*
     from (select pg_snapshot_xmin(pg_current_snapshot()) as since) now
     left join (select ${PRODUCT_COLUMNS} from inventory.products where named_by >= $1::xid8 limit $2) p on true`,
    [since ?? null, RENAMED_MAX + 1],
  );
  const { since: next, reset } = rows[0]!;
  const products = rows.flatMap((row) => (row.sku === null ? [] : [toProduct(row as ProductRow)]));
  const more = reset || products.length > RENAMED_MAX;
  return { products: more ? [] : products, since: next, more };
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
  /** It was there under another name. */
  readonly renamed: boolean;
}

/** What a product must be before it is put: whatever it is, not there, or as it was read. */
export type Before = 'any' | 'absent' | Product;

export interface PutOptions {
  readonly before: Before;
  readonly by: AuditedBy;
  readonly key?: RequestKey | undefined;
}

/**
 * Creates or changes a product; its id stays. Where there is a key, what was put is kept under it as
 * {@link productPutBefore} reads it. Throws VERSION_MISMATCH where the product is not what it must be before.
 */
export async function putProduct(
  database: Database,
  product: Product,
  { before, by, key }: PutOptions,
): Promise<PutProduct> {
  const read = typeof before === 'object' ? before : undefined;
  const [row] = await database.query<PutRow>(
    `with old as (
       select ${PRODUCT_COLUMNS} from inventory.products where sku = $1
     ), put as (
       insert into inventory.products (sku, id, name, price, currency) values ($1, $2, $3, $4, $5)
       on conflict (sku) do update set name = excluded.name,
         named_by = case when products.name = excluded.name then products.named_by else pg_current_xact_id() end, price = excluded.price, currency = excluded.currency, updated_at = now()
       where $8 = 'any' or ($8 = 'read' and products.name = $9 and products.price is not distinct from $10::numeric and products.currency is not distinct from $11)
       returning ${PRODUCT_COLUMNS}, (xmax = 0) as created, (xmax <> 0 and named_by = pg_current_xact_id()) as renamed
     ), kept as (
       insert into log.idempotency_keys (key, request_hash, status, answer)
       select $6::text, $7::text, case when created then 201 else 200 end, row_to_json(put) from put where $6::text is not null
     ), audited as (
       insert into log.audit_entries (actor, actor_kind, action, subject, before, after, correlationid)
       select $12, $14, 'product.put', $1, (select json_build_object('name', name, 'price', price, 'currency', currency) from old),
         json_build_object('name', name, 'price', price, 'currency', currency), $13 from put
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
      read ? 'read' : before,
      read?.name ?? null,
      read?.price ?? null,
      read?.currency ?? null,
      by.actor,
      by.correlationId,
      by.actorKind,
    ],
  );
  if (!row)
    throw new Problem(
      'VERSION_MISMATCH',
      before === 'absent'
        ? 'There is a product with this SKU already.'
        : 'The product is not what If-Match says. Read it again, then decide again.',
    );
  return toPut(row);
}

/** What was kept of a product under a key. */
export function productPutBefore(stored: unknown): PutProduct {
  return toPut(stored as PutRow);
}

type PutRow = ProductRow & { created: boolean; renamed?: boolean };

function toPut(row: PutRow): PutProduct {
  return { product: toProduct(row), created: row.created, renamed: row.renamed ?? false };
}
