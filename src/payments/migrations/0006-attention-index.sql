-- phase: expand
-- transaction: none
create index concurrently if not exists payments_attention on payments.payments (order_id) where attention is not null;
