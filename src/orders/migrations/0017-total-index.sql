-- phase: expand
-- transaction: none
create index concurrently if not exists orders_total on orders.orders (currency, total_amount);
