-- phase: expand
-- transaction: none
-- Audit entries are found by who did it.
create index concurrently if not exists audit_entries_actor on log.audit_entries (actor, at, id);
