-- phase: expand
-- Commands to many orders at once: a run, and each of its orders with what became of it.
create table orders.bulk_runs (
  id uuid primary key,
  created_by text not null,
  command text not null,
  arguments json not null,
  status text not null check (status in ('running', 'stopped', 'done')),
  total integer not null check (total >= 0),
  done integer not null default 0,
  refused integer not null default 0,
  correlationid text not null,
  traceparent text,
  created_at timestamptz not null,
  ended_at timestamptz,
  -- Who works on it, and until when nobody else does.
  claim uuid,
  claimed_until timestamptz
);
create index bulk_runs_open on orders.bulk_runs (created_at) where status = 'running';
create index bulk_runs_ended on orders.bulk_runs (ended_at) where ended_at is not null;

create table orders.bulk_items (
  bulk_id uuid not null,
  number integer not null,
  order_id uuid not null,
  -- Null: still to be done.
  outcome text check (outcome in ('done', 'refused')),
  code text,
  detail text,
  primary key (bulk_id, number)
) with (fillfactor = 70);
create index bulk_items_waiting on orders.bulk_items (bulk_id, number) where outcome is null;
