import { refuse, type Refusal } from '#contracts/errors.ts';
import type { Address } from '#contracts/order-events.ts';
import type { Arrival } from '#contracts/peers.ts';
import { piecesBy } from '#contracts/pieces.ts';
import type { Database } from '#platform/database/database.ts';
import type { AuditedBy } from '#platform/http/audit-entries.ts';
import type { View } from '#platform/http/schemas.ts';
import type { RequestKey } from '#platform/http/idempotency.ts';
import type { LocationView } from '#inventory/schemas.ts';

/** SQL of the places where stock may lie. They are never deleted: one that was found once stays. */

/** What the columns of stock hold. Counts end earlier (`STOCK_MAX`), so that what comes back fits. */
const PIECES_MAX = 2 ** 31 - 1;

export type Location = View<typeof LocationView>;

interface LocationRow extends Record<string, unknown> {
  name: string;
  created_at: string | Date;
  address: Address | null;
}

/** A place as it was put, and whether it was new. */
export interface PutLocation {
  readonly location: Location;
  readonly created: boolean;
}

type PutRow = LocationRow & { created: boolean };

function toLocation({ name, created_at, address }: LocationRow): Location {
  return { name, createdAt: new Date(created_at).toISOString(), ...(address && { address }) };
}

/**
 * Creates a place, or leaves it as it is but for an address that is given. Where there is a key, the answer is kept under it
 * as {@link locationPutBefore} reads it.
 */
export async function putLocation(
  database: Database,
  { name, address }: { readonly name: string; readonly address?: Address },
  by: AuditedBy,
  key?: RequestKey,
): Promise<PutLocation> {
  const [row] = await database.query<PutRow>(
    `with known as (
       select address from inventory.locations where name = $1
     ), put as (
       insert into inventory.locations as t (name, address) values ($1, $7::json)
       on conflict (name) do update set address = coalesce(excluded.address, t.address)
       returning name, created_at, address, (xmax = 0) as created
     ), kept as (
       insert into log.idempotency_keys (key, request_hash, status, answer)
       select $2::text, $3::text, case when created then 201 else 200 end, row_to_json(put) from put where $2::text is not null
     ), audited as (
       insert into log.audit_entries (actor, actor_kind, action, subject, before, after, correlationid)
       select $4, $5, 'location.put', $1, case when not put.created then json_build_object('name', name, 'address', known.address) end,
         json_strip_nulls(json_build_object('name', name, 'address', put.address)), $6
       from put left join known on true where put.created or put.address::text is distinct from known.address::text
     )
     select * from put`,
    [
      name,
      key?.key ?? null,
      key?.requestHash ?? null,
      by.actor,
      by.actorKind,
      by.correlationId,
      address === undefined ? null : JSON.stringify(address),
    ],
  );
  return toPut(row!);
}

/** What was kept of a place under a key. */
export function locationPutBefore(stored: unknown): PutLocation {
  return toPut(stored as PutRow);
}

function toPut(row: PutRow): PutLocation {
  return { location: toLocation(row), created: row.created };
}

/** Places after a name, in the order of their names. */
export async function listLocations(database: Database, after: string, limit: number): Promise<Location[]> {
  const rows = await database.query<LocationRow>(
    'select name, created_at, address from inventory.locations where name > $1 order by name limit $2',
    [after, limit],
  );
  return rows.map(toLocation);
}

/** Where a place is; undefined where nobody has said. */
export async function addressOfLocation(database: Database, name: string): Promise<Address | undefined> {
  const [row] = await database.query<Pick<LocationRow, 'address'>>(
    'select address from inventory.locations where name = $1',
    [name],
  );
  return row?.address ?? undefined;
}

export function locationUnknown(): Refusal {
  return refuse(
    'LOCATION_UNKNOWN',
    'There is no location of this name; create it with PUT /locations/{name}, or name one of GET /locations.',
  );
}

/** Why goods cannot be taken in at a place; undefined where they can: it exists, they are products, and they fit there. */
export async function arrivalRefusal(database: Database, { location, items }: Arrival): Promise<Refusal | undefined> {
  const pieces = piecesBy('sku', items);
  const rows = await database.query<{ sku: string | null; known: boolean; on_hand: number | null }>(
    `select k.sku, p.sku is not null as known, s.on_hand from inventory.locations l
     left join unnest($2::text[]) as k(sku) on true left join inventory.products p on p.sku = k.sku
     left join inventory.stock s on s.location = l.name and s.sku = k.sku where l.name = $1`,
    [location, [...pieces.keys()]],
  );
  if (rows.length === 0) return locationUnknown();
  const unknown = rows.find(({ sku, known }) => sku !== null && !known)?.sku;
  if (typeof unknown === 'string')
    return refuse(
      'UNKNOWN_SKU',
      `There is no product ${unknown}; create it with PUT /products/${unknown} first, or receive its pieces with the disposition "hold".`,
    );
  const full = rows.find(({ sku, on_hand }) => sku !== null && (on_hand ?? 0) + pieces.get(sku)! > PIECES_MAX);
  if (!full && [...pieces.values()].every((quantity) => quantity <= PIECES_MAX)) return undefined;
  return refuse('STOCK_TOO_LARGE', `${full?.sku ?? 'So many pieces'} would be more than ${PIECES_MAX} at ${location}.`);
}
