-- phase: expand
-- How far the refunds of an order are: FAILED where one was refused, else REQUESTED where one is under way, else DONE. Null
-- where there are none.
alter table orders.order_states add column refund_status text;
