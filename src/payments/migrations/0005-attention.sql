-- phase: expand
-- Why people look at a payment, as a list of words; null for nearly all. So lists of those few need not look through all.
alter table payments.payments add column attention json;
