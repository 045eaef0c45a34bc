-- phase: expand
-- What people who count and compare read with SQL, beside the views of other services. A migration that changes what a
-- view reads drops the view before and creates it again after, with the columns that it had.
create schema if not exists reporting;

create view reporting.orders as
  select o.id as order_id, o.number, o.reference, o.channel, o.customer_id_text as customer_id, o.country, o.currency,
    o.total_amount, (o.body->>'pricesIncludeTax')::boolean is true as prices_include_tax,
    s.status, s.payment_status, s.fulfillment_status, s.return_status, s.updated_at,
    -- The first 48 bits of an id are the milliseconds at which it was given.
    to_timestamp(('x' || substr(replace(o.id::text, '-', ''), 1, 12))::bit(48)::bigint / 1000.0) as placed_at
  from orders.orders o join orders.order_states s on s.order_id = o.id;
create view reporting.order_items as
  select o.id as order_id, (i.item->>'line')::integer as line, i.item->>'sku' as sku, i.item->>'name' as name,
    (i.item->>'quantity')::integer as quantity, (i.item->>'unitPrice')::numeric as unit_price, o.currency,
    (i.item->>'amount')::numeric as amount, (i.item->>'discount')::numeric as discount,
    (i.item->>'taxRate')::numeric as tax_rate, (i.item->>'tax')::numeric as tax
  from orders.orders o cross join lateral json_array_elements(o.body->'items') i(item);
create view reporting.refunds as
  select o.id as order_id, (r.refund->>'refundId')::uuid as refund_id, r.refund->>'status' as status, o.currency,
    (r.refund->>'amount')::numeric as amount, r.refund->>'reasonCode' as reason_code, r.refund->>'reason' as reason
  from orders.orders o join orders.order_states s on s.order_id = o.id
    cross join lateral json_array_elements(s.detail->'refunds') r(refund);
create view reporting.returns as
  select o.id as order_id, (r.item->>'returnId')::uuid as return_id, l.item->>'sku' as sku,
    (l.item->>'quantity')::integer as quantity, r.item->>'reason' as reason,
    (r.item->>'received')::boolean as received, (r.item->>'closed')::boolean is true as closed
  from orders.orders o join orders.order_states s on s.order_id = o.id
    cross join lateral json_array_elements(s.detail->'returns') r(item)
    cross join lateral json_array_elements(r.item->'items') l(item);
comment on view reporting.orders is 'Orders';
comment on column reporting.orders.order_id is 'Id of the order';
comment on column reporting.orders.number is 'What people call it; null in orders from before there were numbers';
comment on column reporting.orders.reference is 'What the channel calls it';
comment on column reporting.orders.channel is 'Where it was placed';
comment on column reporting.orders.customer_id is 'As the channel names its customer; null: a guest';
comment on column reporting.orders.country is 'Of the shipping address, folded';
comment on column reporting.orders.currency is 'Of all its amounts (ISO 4217)';
comment on column reporting.orders.total_amount is 'What it costs, tax included';
comment on column reporting.orders.prices_include_tax is 'Whether its prices have the tax in them';
comment on column reporting.orders.status is 'Where it stands';
comment on column reporting.orders.payment_status is 'Where its payment stands';
comment on column reporting.orders.fulfillment_status is 'Where its parcels stand';
comment on column reporting.orders.return_status is 'Whether something of it comes back';
comment on column reporting.orders.updated_at is 'Its last change';
comment on column reporting.orders.placed_at is 'When it was placed';
comment on view reporting.order_items is 'What was ordered, by line';
comment on column reporting.order_items.order_id is 'Id of the order';
comment on column reporting.order_items.line is 'Number of the line';
comment on column reporting.order_items.sku is 'Number of the article';
comment on column reporting.order_items.name is 'Its name when it was ordered';
comment on column reporting.order_items.quantity is 'Pieces ordered';
comment on column reporting.order_items.unit_price is 'Price of a piece';
comment on column reporting.order_items.currency is 'Of the amounts';
comment on column reporting.order_items.amount is 'Price of all pieces, before discounts';
comment on column reporting.order_items.discount is 'Share of the discounts of the order; null where the order names no rates, or none is on it';
comment on column reporting.order_items.tax_rate is 'Percent; null where the order names no rates';
comment on column reporting.order_items.tax is 'Tax of the line; null where the order names no rates';
comment on view reporting.refunds is 'Money given back';
comment on column reporting.refunds.order_id is 'Id of the order';
comment on column reporting.refunds.refund_id is 'Id of the refund';
comment on column reporting.refunds.status is 'REQUESTED, DONE or FAILED';
comment on column reporting.refunds.currency is 'Of the amount';
comment on column reporting.refunds.amount is 'What is given back';
comment on column reporting.refunds.reason_code is 'Why, as a code; null where none was given';
comment on column reporting.refunds.reason is 'Why, in words';
comment on view reporting.returns is 'Goods that come back, by article';
comment on column reporting.returns.order_id is 'Id of the order';
comment on column reporting.returns.return_id is 'Id of the return; one row for each article';
comment on column reporting.returns.sku is 'Number of the article';
comment on column reporting.returns.quantity is 'Pieces announced';
comment on column reporting.returns.reason is 'Why';
comment on column reporting.returns.received is 'Whether all of the return is accounted for';
comment on column reporting.returns.closed is 'Whether nothing more is expected';
