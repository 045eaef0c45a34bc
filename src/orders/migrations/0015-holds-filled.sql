-- phase: backfill
-- table: orders.order_states
-- from: 00000000-0000-0000-0000-000000000000
-- Orders that are on hold since before the column was there.
with batch as (
  select order_id, detail from orders.order_states where order_id > $1::uuid order by order_id limit $2
), filled as (
  update orders.order_states s
  set holds = (select ',' || string_agg(h.hold->>'type', ',' order by h.place) || ',' from json_array_elements(s.detail->'holds') with ordinality h(hold, place))
  from batch b
  where s.order_id = b.order_id and s.holds is null and json_array_length(b.detail->'holds') > 0 returning 1
)
select (select order_id from batch order by order_id desc limit 1)::text as cursor,
  (select count(*) from batch) as looked_at, (select count(*) from filled) as changed;
