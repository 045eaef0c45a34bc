-- The log and what its consumers remember. Every service database has this schema.
create schema log;

create sequence log.order_outbox_position;

-- Append-only. Written in the transaction of the change it tells; never updated. Read in the order of
-- (txid, position) below the oldest running transaction, so that nothing can appear behind a reader.
create table log.order_outbox (
  position bigint not null default nextval('log.order_outbox_position'),
  txid xid8 not null default pg_current_xact_id(),
  id uuid not null,
  source text not null,
  type text not null,
  subject uuid not null,
  sequence integer not null check (sequence > 0),
  time timestamptz not null,
  correlationid text not null,
  causationid text not null,
  traceparent text,
  data json not null
) partition by range (time);
create index order_outbox_tail on log.order_outbox (txid, position);
create index order_outbox_subject on log.order_outbox (subject, txid, position);

-- Takes what no monthly partition covers, so that an insert can never fail for want of one.
create table log.order_outbox_default partition of log.order_outbox default;

-- How far each consumer has read, moved by compare-and-set in the transaction of the effects.
-- PostgreSQL log: partition 0, (txid, position). Kafka: one row per partition, txid 0, position = offset.
create table log.consumer_offsets (
  consumer text not null,
  partition integer not null,
  txid bigint not null,
  position bigint not null,
  updated_at timestamptz not null default now(),
  primary key (consumer, partition)
) with (fillfactor = 50);

-- Orders whose event a consumer could not digest, and the events waiting behind it.
create table log.parked_events (
  consumer text not null,
  order_id uuid not null,
  number bigint generated always as identity,
  event json not null,
  -- Why it is parked; null for an event that only waits behind another.
  reason text,
  parked_at timestamptz not null default now(),
  primary key (consumer, order_id, number)
);

-- Who retried, edited or skipped a parked event.
create table log.park_audit (
  number bigint generated always as identity primary key,
  at timestamptz not null default now(),
  actor text not null,
  action text not null,
  consumer text not null,
  order_id uuid not null,
  event json not null
);

-- Answers of mutating calls by idempotency key; creating an order keeps its key with the order instead.
create table log.idempotency_keys (
  key text primary key,
  request_hash text not null,
  status integer not null,
  answer json not null,
  created_at timestamptz not null default now()
);
create index idempotency_keys_age on log.idempotency_keys (created_at);

-- Refuses the statement where a write touched another number of rows than its decision was based on.
create function log.expect(touched bigint, wanted bigint, what text) returns integer language plpgsql as $$
begin
  if touched is distinct from wanted then
    raise exception '%', what using errcode = 'OL001';
  end if;
  return 1;
end $$;
