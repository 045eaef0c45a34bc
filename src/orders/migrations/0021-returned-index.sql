-- phase: expand
-- transaction: none
create index concurrently if not exists order_states_returned on orders.order_states (return_status, order_id) where return_status <> 'NONE';
