-- phase: backfill
-- table: orders.order_states
-- from: 00000000-0000-0000-0000-000000000000
with batch as (
  select order_id, detail from orders.order_states where order_id > $1::uuid order by order_id limit $2
), filled as (
  update orders.order_states s
  set refund_status = (
    select case when bool_or(r.refund->>'status' = 'FAILED') then 'FAILED' when bool_or(r.refund->>'status' = 'REQUESTED') then 'REQUESTED' else 'DONE' end
    from json_array_elements(s.detail->'refunds') r(refund))
  from batch b
  where s.order_id = b.order_id and s.refund_status is null and json_array_length(b.detail->'refunds') > 0 returning 1
)
select (select order_id from batch order by order_id desc limit 1)::text as cursor,
  (select count(*) from batch) as looked_at, (select count(*) from filled) as changed;
