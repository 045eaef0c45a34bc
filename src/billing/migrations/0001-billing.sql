create schema billing;

-- The last number used of each kind of document. Moved by compare-and-set in the transaction that saves the
-- document, so that numbers have neither gaps nor doubles.
create table billing.counters (
  key text primary key,
  value bigint not null check (value >= 0)
) with (fillfactor = 50);
insert into billing.counters (key, value) values ('invoice', 0), ('credit-note', 0);

-- One invoice per completed order; its credit notes are in the body.
create table billing.invoices (
  order_id uuid primary key,
  number text not null unique,
  issued_at timestamptz not null,
  currency text not null,
  total numeric not null,
  body json not null,
  version integer not null,
  sequence integer not null,
  seen json not null
);
