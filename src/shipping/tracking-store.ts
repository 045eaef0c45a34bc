import type { Database } from '#platform/database/database.ts';
import { carrierKey, trackingKey } from './carriers/port.ts';
import type { Tracking } from './rules/model.ts';

/** SQL of what carriers say: whose parcels it is about, and what waits for its parcel. */

/** A message of a carrier about a parcel. */
export interface TrackingUpdate {
  /** As it is configured. */
  readonly carrier: string;
  readonly trackingNumber: string;
  /** Our id of the parcel, where the carrier got it. */
  readonly shipmentId?: string | undefined;
  readonly tracking: Tracking;
}

export interface TrackedShipment {
  readonly id: string;
  readonly orderId: string;
}

/** Shipments that may have one number: a pallet is dispatched under one. */
const SAME_NUMBER_MAX = 1_000;
/** Messages of one carrier that may wait; then the oldest give way. */
export const WAITING_MAX = 10_000;
const WAITING_DAYS = 30;

const KEY_OF_NUMBER = "upper(regexp_replace(s.tracking_number, '[^0-9A-Za-z]', '', 'g'))";

/** The shipments that an update is about; none where nobody has dispatched any under its number yet. */
export async function shipmentsOfUpdate(
  database: Database,
  { carrier, trackingNumber, shipmentId }: TrackingUpdate,
): Promise<readonly TrackedShipment[]> {
  const rows = await database.query<{ id: string; order_id: string; carrier: string | null }>(
    `select s.id, s.order_id, s.carrier from shipping.shipments s
     where $1::uuid is not null and s.id = $1
     union
     select s.id, s.order_id, s.carrier from shipping.shipments s
     where s.tracking_number is not null and s.carrier <> 'sandbox' and ${KEY_OF_NUMBER} = $2
     limit $3`,
    [shipmentId ?? null, trackingKey(trackingNumber), SAME_NUMBER_MAX],
  );
  return rows
    .filter((row) => row.carrier === null || carrierKey(row.carrier) === carrierKey(carrier))
    .map(({ id, order_id: orderId }) => ({ id, orderId }));
}

/** Keeps an update until its parcel is known, once; where too many wait, the oldest of the carrier give way. */
export async function keepWaiting(database: Database, update: TrackingUpdate): Promise<void> {
  const { carrier, trackingNumber, shipmentId, tracking } = update;
  await database.query(
    `with gone as (
       delete from shipping.tracking_waiting w using (
         select tracking_key, status, at from shipping.tracking_waiting where carrier = $1
         order by received_at desc offset $7
       ) old where w.carrier = $1 and w.tracking_key = old.tracking_key and w.status = old.status and w.at = old.at
     )
     insert into shipping.tracking_waiting (carrier, tracking_key, status, at, shipment_id, body)
     values ($1, $2, $3, $4, $5, $6) on conflict do nothing`,
    [
      carrier,
      trackingKey(trackingNumber),
      tracking.status,
      tracking.at,
      shipmentId ?? null,
      JSON.stringify(update),
      WAITING_MAX - 1,
    ],
  );
}

/** Updates whose parcel is known by now, those first that were not tried yet or longest ago. */
export async function waitingUpdates(database: Database, limit: number): Promise<readonly TrackingUpdate[]> {
  const rows = await database.query<{ body: TrackingUpdate }>(
    `select w.body from shipping.tracking_waiting w
     where exists (select 1 from shipping.shipments s where s.id = w.shipment_id)
        or exists (select 1 from shipping.shipments s
                   where s.tracking_number is not null and s.carrier <> 'sandbox' and ${KEY_OF_NUMBER} = w.tracking_key)
     order by w.tried_at nulls first limit $1`,
    [limit],
  );
  return rows.map(({ body }) => body);
}

/** Forgets an update that has reached its parcel, or, where it could not be taken yet, notes that it was tried. */
export async function endWaiting(database: Database, update: TrackingUpdate, taken: boolean): Promise<void> {
  const { carrier, trackingNumber, tracking } = update;
  const what = taken
    ? 'delete from shipping.tracking_waiting'
    : 'update shipping.tracking_waiting set tried_at = now()';
  await database.query(`${what} where carrier = $1 and tracking_key = $2 and status = $3 and at = $4`, [
    carrier,
    trackingKey(trackingNumber),
    tracking.status,
    tracking.at,
  ]);
}

/** How many messages of each of these carriers wait. */
export async function waitingByCarrier(
  database: Database,
  carriers: readonly string[],
): Promise<readonly (readonly [carrier: string, count: number])[]> {
  const rows = await database.query<{ carrier: string; count: number }>(
    `select c.carrier, (select count(*)::int from (select 1 from shipping.tracking_waiting w where w.carrier = c.carrier limit ${WAITING_MAX}) one) as count
     from unnest($1::text[]) c(carrier)`,
    [carriers],
  );
  return rows.map(({ carrier, count }) => [carrier, count]);
}

/** Forgets what has waited too long for a parcel of ours. */
export async function forgetOldUpdates(database: Database): Promise<void> {
  await database.query(
    `delete from shipping.tracking_waiting where received_at < now() - make_interval(days => ${WAITING_DAYS})`,
  );
}
