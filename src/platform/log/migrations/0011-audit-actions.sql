-- phase: expand
-- transaction: none
-- And by what was done.
create index concurrently if not exists audit_entries_action on log.audit_entries (action, at, id);
