-- phase: expand
-- Audit entries are a chain: each has the number that follows and the SHA-256 of the hash before it and of what it says.
-- An entry that is changed, left out or put in later breaks it, which `olms audit` sees. The versions that write entries
-- need not know. Entries of before are in no chain.
alter table log.audit_entries add column number bigint, add column hash bytea;

-- Where the chain ends; and where it begins, since entries are forgotten after two years.
create table log.audit_chain (
  one boolean primary key default true check (one),
  number bigint not null,
  hash bytea not null,
  from_number bigint not null,
  from_hash bytea not null
);
insert into log.audit_chain (number, hash, from_number, from_hash) values (0, '', 0, '');

-- A value with its length before it, so that no two entries read alike.
create function log.audit_part(p_value text) returns text language sql immutable set search_path = pg_catalog, pg_temp
  return coalesce(octet_length(convert_to(p_value, 'UTF8')) || ':' || p_value, '-');

-- With the rights of the schema's owner: who adds an entry need not be able to change the chain.
create function log.chain_audit_entry() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  update log.audit_chain c set number = c.number + 1, hash = sha256(c.hash || convert_to(
    log.audit_part((c.number + 1)::text) || log.audit_part(new.id::text)
    || log.audit_part((extract(epoch from new.at) * 1000000)::bigint::text)
    || log.audit_part(new.actor) || log.audit_part(new.actor_kind) || log.audit_part(new.action) || log.audit_part(new.subject)
    || log.audit_part(new.before::text) || log.audit_part(new.after::text) || log.audit_part(new.correlationid), 'UTF8'))
  where c.one returning c.number, c.hash into new.number, new.hash;
  return new;
end $$;

create function log.keep_audit_entry() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  if tg_op = 'UPDATE' or old.at > now() - interval '730 days' then
    raise exception 'audit entries are added, never changed, and kept for two years';
  end if;
  update log.audit_chain set from_number = old.number, from_hash = old.hash where old.number > from_number;
  return old;
end $$;

create trigger chain_audit_entry before insert on log.audit_entries for each row execute function log.chain_audit_entry();
create trigger keep_audit_entry before update or delete on log.audit_entries for each row execute function log.keep_audit_entry();
