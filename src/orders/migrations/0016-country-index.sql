-- phase: expand
-- transaction: none
create index concurrently if not exists orders_country on orders.orders (country, id) where country is not null;
