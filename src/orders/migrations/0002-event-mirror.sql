-- The log of every order, in the shape of log.order_outbox, for deployments in which services write to logs of their
-- own: filled from the bus, in the order in which the bus told. With one shared log it stays empty.
create table orders.event_mirror (
  number bigint generated always as identity primary key,
  id uuid not null unique,
  source text not null,
  type text not null,
  subject uuid not null,
  sequence integer not null check (sequence > 0),
  time timestamptz not null,
  correlationid text not null,
  causationid text not null,
  traceparent text,
  data json not null
);
create index event_mirror_subject on orders.event_mirror (subject, number);
