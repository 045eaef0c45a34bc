-- phase: backfill
-- table: orders.orders
-- from: 00000000-0000-0000-0000-000000000000
-- Orders that were taken before the column was there. Those taken since have it by the trigger.
with batch as (
  select id, customer, customer_id_text from orders.orders where id > $1::uuid order by id limit $2
), filled as (
  update orders.orders o set customer_id_text = b.customer from batch b
  where o.id = b.id and b.customer is not null and b.customer_id_text is null returning 1
)
select (select id from batch order by id desc limit 1)::text as cursor,
  (select count(*) from batch) as looked_at, (select count(*) from filled) as changed;
