-- phase: expand
-- Since when the order is in its status, so that what waits too long is seen. Null for orders whose status is older than
-- the column; a version before this one leaves it as it is.
alter table orders.order_states add column status_since timestamptz;
alter table orders.order_states alter column status_since set default now();
