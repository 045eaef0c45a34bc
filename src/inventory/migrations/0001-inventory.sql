create schema inventory;

create table inventory.products (
  sku text primary key,
  id uuid not null unique,
  name text not null,
  price numeric(20, 4),
  currency text,
  updated_at timestamptz not null default now()
);

create table inventory.stock (
  sku text not null references inventory.products (sku),
  location text not null,
  on_hand integer not null,
  reserved integer not null default 0,
  primary key (sku, location),
  -- What the whole service is for: nothing is sold that is not there.
  constraint guard_available check (on_hand >= reserved),
  constraint guard_reserved check (reserved >= 0)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02);

-- One row per order: what it asked for, and what is set aside for it.
create table inventory.reservations (
  order_id uuid primary key,
  status text not null check (status in ('RESERVED', 'REJECTED', 'BACKORDERED', 'RELEASED', 'SHIPPED')),
  version integer not null,
  sequence integer not null,
  seen json not null,
  detail json not null
) with (fillfactor = 85);
-- The line of orders waiting for stock, first come first served (ids are ordered by creation).
create index reservations_backordered on inventory.reservations (order_id) where status = 'BACKORDERED';

-- Every movement of stock, append-only. Sums over it equal the stock table; `olms audit` checks that.
create table inventory.ledger (
  number bigint generated always as identity,
  at timestamptz not null,
  sku text not null,
  location text not null,
  kind text not null check (kind in ('adjust', 'reserve', 'release', 'ship', 'return')),
  on_hand_delta integer not null,
  reserved_delta integer not null,
  order_id uuid,
  reason text
);
create index ledger_sku on inventory.ledger (sku, number);

-- Applies an adjustment by difference or to a counted quantity; returns the difference.
create function inventory.adjust(p_sku text, p_location text, p_delta integer, p_on_hand integer) returns integer language plpgsql as $$
declare before integer;
begin
  insert into inventory.stock (sku, location, on_hand) values (p_sku, p_location, 0) on conflict do nothing;
  select on_hand into before from inventory.stock where sku = p_sku and location = p_location for update;
  update inventory.stock set on_hand = coalesce(p_on_hand, before + p_delta) where sku = p_sku and location = p_location;
  return coalesce(p_on_hand - before, p_delta);
end $$;
