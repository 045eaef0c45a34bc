-- phase: expand
-- What people who count and compare read with SQL, beside the views of other services. A migration that changes what a
-- view reads drops the view before and creates it again after, with the columns that it had.
create schema if not exists reporting;

create view reporting.stock as
  select sku, location, on_hand, reserved, short, on_hand - reserved as available from inventory.stock;
create view reporting.stock_movements as
  select number, at, sku, location, kind, on_hand_delta, reserved_delta, order_id, reason from inventory.ledger;
comment on view reporting.stock is 'Stock by article and location';
comment on column reporting.stock.sku is 'Number of the article';
comment on column reporting.stock.location is 'Where it is';
comment on column reporting.stock.on_hand is 'Pieces that are there';
comment on column reporting.stock.reserved is 'Pieces set aside for orders';
comment on column reporting.stock.short is 'Reserved pieces that a count did not find';
comment on column reporting.stock.available is 'Pieces that can be sold: on hand less reserved';
comment on view reporting.stock_movements is 'Everything that changed stock';
comment on column reporting.stock_movements.number is 'Number of the movement, rising';
comment on column reporting.stock_movements.at is 'When';
comment on column reporting.stock_movements.sku is 'Number of the article';
comment on column reporting.stock_movements.location is 'Where';
comment on column reporting.stock_movements.kind is 'adjust, reserve, release, ship or return';
comment on column reporting.stock_movements.on_hand_delta is 'Pieces that came, negative: left';
comment on column reporting.stock_movements.reserved_delta is 'Pieces set aside, negative: let go';
comment on column reporting.stock_movements.order_id is 'The order it is for; null where it is for none';
comment on column reporting.stock_movements.reason is 'Why, of a change by a person';
