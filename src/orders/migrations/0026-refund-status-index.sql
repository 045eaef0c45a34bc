-- phase: expand
-- transaction: none
create index concurrently if not exists order_states_refunds on orders.order_states (refund_status, order_id) where refund_status is not null;
