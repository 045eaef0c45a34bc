-- phase: expand
-- Why people look at a payment, as words with a space between; null for nearly all. So lists of those few need not look through all.
alter table payments.payments add column attention text;
