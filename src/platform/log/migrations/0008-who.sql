-- phase: expand
-- Who caused an event, by kind and name; null where a service did by itself, and in what the previous version writes.
alter table log.order_outbox add column authtype text, add column authid text;
-- What kind of principal the actor is; null likewise.
alter table log.audit_entries add column actor_kind text;
alter table log.park_audit add column actor_kind text;
