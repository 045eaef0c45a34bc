-- phase: backfill
-- table: billing.invoices
-- from: 00000000-0000-0000-0000-000000000000
with batch as (
  select order_id, body from billing.invoices where order_id > $1::uuid order by order_id limit $2
), filled as (
  insert into billing.document_numbers (number, order_id)
  select d.document->>'number', b.order_id from batch b cross join lateral (
    select json_array_elements(b.body->'creditNotes') as document
    union all select json_array_elements(b.body->'further')
  ) d where d.document->>'number' is not null
  on conflict do nothing returning 1
)
select (select order_id from batch order by order_id desc limit 1)::text as cursor,
  (select count(*) from batch) as looked_at, (select count(*) from filled) as changed;
