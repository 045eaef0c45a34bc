-- phase: expand
-- Who caused an event, and what kind of principal began a run; as in log.order_outbox.
alter table orders.event_mirror add column authtype text, add column authid text;
alter table orders.bulk_runs add column authtype text;
