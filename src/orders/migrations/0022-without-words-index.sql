-- phase: expand
-- transaction: none
create index concurrently if not exists orders_without_words on orders.orders (id) where words is null;
