-- Who changed what beside orders: API keys, products, stock. Written in the statement of the change.
create table log.audit_entries (
  id uuid primary key default gen_random_uuid(),
  at timestamptz not null default now(),
  actor text not null,
  action text not null,
  subject text not null,
  before json,
  after json,
  correlationid text not null
);
create index audit_entries_at on log.audit_entries (at, id);
create index audit_entries_subject on log.audit_entries (subject, at, id);
