-- phase: backfill
-- table: payments.payments
-- from: 00000000-0000-0000-0000-000000000000
with batch as (
  select order_id from payments.payments where order_id > $1::uuid order by order_id limit $2
), said as (
  select t.order_id,
    exists (select from json_array_elements(t.operations) o where o->>'state' not in ('succeeded', 'failed')
      and (t.provider in ('manual', 'external') or o->>'returned' = 'true'))
    or coalesce((select sum((r->>'amount')::numeric) from json_array_elements(case when json_typeof(t.receipts) = 'array' then t.receipts end) r), 0) > t.captured
      + coalesce((select sum((o->>'amount')::numeric) from json_array_elements(t.operations) o
          where o->>'state' not in ('succeeded', 'failed') and o->>'kind' in ('charge', 'capture')), 0) as record,
    exists (select from json_array_elements(case when json_typeof(t.disputes) = 'array' then t.disputes end) d where d->>'status' = 'open') as dispute,
    exists (select from json_array_elements(t.operations) o where o->>'atProvider' = 'true') as at_provider
  from batch b join payments.payments t using (order_id)
), filled as (
  update payments.payments t set attention = concat_ws(' ',
    case when s.record then 'record' end, case when s.dispute then 'dispute' end, case when s.at_provider then 'at_provider' end)
  from said s where t.order_id = s.order_id and t.attention is null and (s.record or s.dispute or s.at_provider) returning 1
)
select (select order_id from batch order by order_id desc limit 1)::text as cursor,
  (select count(*) from batch) as looked_at, (select count(*) from filled) as changed;
