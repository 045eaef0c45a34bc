-- phase: expand
-- transaction: none
create unique index concurrently if not exists orders_by_number on orders.orders (number) where number is not null;
