-- phase: expand
-- Each command of a person or a key adds an entry, so its hash is to cost little. The same hash as before; but what the
-- entry says is put together outside of the update, which would be planned anew with each row for it.
create or replace function log.chain_audit_entry() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_said bytea := convert_to(
    log.audit_part(new.id::text) || log.audit_part((extract(epoch from new.at) * 1000000)::bigint::text)
    || log.audit_part(new.actor) || log.audit_part(new.actor_kind) || log.audit_part(new.action) || log.audit_part(new.subject)
    || log.audit_part(new.before::text) || log.audit_part(new.after::text) || log.audit_part(new.correlationid), 'UTF8');
begin
  update log.audit_chain c set number = c.number + 1,
    hash = sha256(c.hash || convert_to(log.audit_part((c.number + 1)::text), 'UTF8') || v_said)
  where c.one returning c.number, c.hash into new.number, new.hash;
  return new;
end $$;
