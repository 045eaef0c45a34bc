-- phase: backfill
-- table: shipping.shipments
-- from: 00000000-0000-0000-0000-000000000000
with batch as (
  select id, order_id, status from shipping.shipments where id > $1::uuid order by id limit $2
), filled as (
  update shipping.shipments t set status = e.shipment->>'status', location = e.shipment->>'location',
    carrier = e.shipment->>'carrier', tracking_number = e.shipment->>'trackingNumber'
  from batch b join shipping.orders o on o.order_id = b.order_id
    cross join lateral json_array_elements(o.body->'shipments') e(shipment)
  where b.status is null and t.id = b.id and e.shipment->>'id' = b.id::text returning 1
)
select (select id from batch order by id desc limit 1)::text as cursor,
  (select count(*) from batch) as looked_at, (select count(*) from filled) as changed;
