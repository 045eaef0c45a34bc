-- phase: expand
-- transaction: none
-- Payments in one of these states are few among those that went well, which leave no entry here on their way.
create index concurrently if not exists payments_ended on payments.payments (order_id) where status not in ('PENDING', 'CAPTURED');
