-- phase: expand
-- The trace of the order's first event, by which people find it among traces and log lines. Null for orders that are
-- older than the column, and for those that a version before this one takes.
alter table orders.orders add column trace_id text;
