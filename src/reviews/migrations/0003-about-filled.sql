-- phase: backfill
-- table: reviews.reviews
-- from: 00000000-0000-0000-0000-000000000000
-- Where the log of orders is in this database, it says what they are about.
with batch as (
  select order_id from reviews.reviews where order_id > $1::uuid order by order_id limit $2
), filled as (
  update reviews.reviews t set about = json_strip_nulls(json_build_object('totalAmount', e.data->>'totalAmount', 'currency', e.data->>'currency',
    'customerId', e.data->>'customerId', 'reference', e.data->>'reference', 'number', e.data->>'number'))
  from batch b join log.order_outbox e on e.subject = b.order_id and e.type = 'OrderCreated'
  where t.order_id = b.order_id and t.about is null returning 1
)
select (select order_id from batch order by order_id desc limit 1)::text as cursor,
  (select count(*) from batch) as looked_at, (select count(*) from filled) as changed;
