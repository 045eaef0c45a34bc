-- The roles of OLMS, with the rights that each needs and no others. As an administrator, in every database that OLMS
-- uses (one for all services, or one for each), before its first `olms migrate` and again after it:
--
--   psql -v ON_ERROR_STOP=1 -f roles.sql <URL of the database>
--
-- It can be run at any time; later migrations need it no more. No role has a password: give each its own
-- (\password olms_orders), or let it log in by a certificate.
--
-- olms_owner     owns schemas and tables: `olms migrate`, `olms replay`
-- olms_<service> reads and writes the tables of its service and its part of the log, and can neither change nor drop
--                any, nor see those of another service: the processes of that service
-- olms_app       may what all services may: a process that runs all of them
-- olms_auditor   reads everything and writes nothing: `olms audit`, and people who look
-- olms_reporting reads the views of the schema reporting and nothing else: people who count, and BI tools
--
-- With roles of their own, processes run with DATABASE_MIGRATE_ON_START=false.

do $roles$
declare
  services constant text[] := array['sandbox', 'inventory', 'orders', 'reviews', 'payments', 'shipping', 'notifications', 'billing', 'gateway'];
  service text;
  name text;
  here text[] := '{}';
begin
  -- Roles, which all databases of a server share -----------------------------------------------------------
  foreach name in array array['olms_owner', 'olms_app', 'olms_auditor', 'olms_reporting'] || (select array_agg('olms_' || s) from unnest(services) s) loop
    if not exists (select from pg_roles where rolname = name) then
      execute format('create role %I login', name);
    end if;
    if name <> 'olms_owner' then
      -- A statement that runs on, or a transaction that somebody forgot, holds every reader of the log back.
      execute format('alter role %I set statement_timeout = %L', name, case when name in ('olms_auditor', 'olms_reporting') then '10min' else '15s' end);
      execute format('alter role %I set idle_in_transaction_session_timeout = %L', name, case when name in ('olms_auditor', 'olms_reporting') then '10min' else '30s' end);
    end if;
  end loop;
  alter role olms_auditor set default_transaction_read_only = on;
  alter role olms_reporting set default_transaction_read_only = on;
  foreach service in array services loop
    execute format('grant %I to olms_app', 'olms_' || service);
  end loop;
  -- To change the rights on what it owns; a superuser may that anyway.
  if not (select rolsuper from pg_roles where rolname = current_user) then
    execute format('grant olms_owner to %I', current_user);
  end if;
  -- `olms migrate --contract` looks for processes of earlier versions among the sessions of other roles.
  grant pg_read_all_stats to olms_owner;

  -- This database ------------------------------------------------------------------------------------------
  execute format('revoke all on database %I from public', current_database());
  execute format('grant connect, create on database %I to olms_owner', current_database());
  revoke create on schema public from public;
  grant usage, create on schema public to olms_owner;

  foreach service in array services loop
    if to_regnamespace(service) is not null then
      here := here || ('olms_' || service);
      execute format('grant usage on schema %I to %I', service, 'olms_' || service);
      execute format('grant select, insert, update, delete on all tables in schema %I to %I', service, 'olms_' || service);
      execute format('grant usage on all sequences in schema %I to %I', service, 'olms_' || service);
      execute format('alter default privileges for role olms_owner in schema %I grant select, insert, update, delete on tables to %I', service, 'olms_' || service);
      execute format('alter default privileges for role olms_owner in schema %I grant usage on sequences to %I', service, 'olms_' || service);
    end if;
  end loop;
  if to_regnamespace('reporting') is not null then
    execute format('grant connect on database %I to olms_reporting', current_database());
    grant usage on schema reporting to olms_reporting;
    grant select on all tables in schema reporting to olms_reporting;
    alter default privileges for role olms_owner in schema reporting grant select on tables to olms_reporting;
  end if;
  if to_regnamespace('log') is null then
    return;
  end if;

  foreach name in array here || array['olms_app', 'olms_auditor'] loop
    execute format('grant connect on database %I to %I', current_database(), name);
    -- A start sees by it whether the database fits.
    execute format('grant usage on schema public to %I', name);
    execute format('grant select on public.olms_migrations, public.olms_backfills to %I', name);
  end loop;
  foreach name in array here loop
    execute format('grant usage on schema log to %I', name);
    execute format('revoke all on all tables in schema log from %I', name);
    -- What happened is added to, and never changed.
    execute format('grant select, insert on log.order_outbox, log.park_audit, log.replay_audit to %I', name);
    execute format('grant select, insert, delete on log.audit_entries to %I', name);
    execute format('grant select, insert, update, delete on log.consumer_offsets, log.parked_events, log.idempotency_keys, log.topics, log.publishing, log.published, log.published_behind to %I', name);
    execute format('grant usage on all sequences in schema log to %I', name);
    execute format('grant execute on function log.make_partition(integer) to %I', name);
    execute format('alter default privileges for role olms_owner in schema log grant select, insert, update, delete on tables to %I', name);
    execute format('alter default privileges for role olms_owner in schema log grant usage on sequences to %I', name);
  end loop;
  foreach name in array services || array['log'] loop
    if to_regnamespace(name) is not null then
      execute format('grant usage on schema %I to olms_auditor', name);
      execute format('grant select on all tables in schema %I to olms_auditor', name);
      execute format('alter default privileges for role olms_owner in schema %I grant select on tables to olms_auditor', name);
    end if;
  end loop;
end
$roles$;
