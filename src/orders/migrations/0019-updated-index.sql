-- phase: expand
-- transaction: none
create index concurrently if not exists order_states_updated on orders.order_states (updated_at);
