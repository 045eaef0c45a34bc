-- phase: expand
-- transaction: none
create index concurrently if not exists order_states_held on orders.order_states (order_id) where holds is not null;
