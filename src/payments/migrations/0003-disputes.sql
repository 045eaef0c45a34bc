-- phase: expand
-- Disputes of a payment, when its provider is asked for all of it, and notices of providers about nothing known.
alter table payments.payments add column disputes json, add column look json;
create table payments.unmatched_notices (
  provider text not null,
  id text not null,
  type text not null,
  order_id uuid not null,
  key text,
  received_at timestamptz not null,
  primary key (provider, id)
);
create index unmatched_notices_received on payments.unmatched_notices (received_at);
