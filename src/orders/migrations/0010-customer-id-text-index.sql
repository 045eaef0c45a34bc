-- phase: expand
-- transaction: none
create index concurrently if not exists orders_customer_id_text on orders.orders (customer_id_text, id) where customer_id_text is not null;
