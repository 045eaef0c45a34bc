create schema orders;

-- What was ordered. Written once; only an amendment (address, contact, reference, metadata) changes it.
create table orders.orders (
  id uuid primary key,
  customer_id uuid not null,
  channel text not null,
  reference text,
  currency text not null,
  total_amount numeric(20, 4) not null check (total_amount >= 0),
  -- The caller's key stays with the order for good: repeating a request can never make a second order.
  idempotency_key text not null unique,
  request_hash text not null,
  body json not null
);
-- Ids are UUIDv7, so every (filter, id) index is also ordered by creation.
create index orders_customer on orders.orders (customer_id, id);
create index orders_channel on orders.orders (channel, id);

-- What an order can be found by: its SKUs ("s:MUG-1") and the lower-case words of reference, e-mail, phone and
-- name ("w:smith"). One ordered index instead of a GIN: the newest fifty of a million matches cost as little as of ten.
create table orders.order_terms (
  term text not null,
  order_id uuid not null,
  primary key (term, order_id)
);

-- Where the order stands: small, because every step of its life rewrites it.
create table orders.order_states (
  order_id uuid primary key,
  status text not null check (status in (
    'CREATED', 'BACKORDERED', 'RESERVED', 'PAYMENT_PENDING', 'PAID', 'READY_FOR_SHIPMENT', 'PARTIALLY_SHIPPED', 'SHIPPED',
    'COMPLETED', 'REJECTED', 'PAYMENT_FAILED', 'CANCELLED')),
  payment_status text not null,
  fulfillment_status text not null,
  return_status text not null,
  deadline_at timestamptz,
  updated_at timestamptz not null,
  version integer not null,
  -- Events emitted; the order's version for callers.
  sequence integer not null,
  seen json not null,
  detail json not null
) with (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05);
create index order_states_status on orders.order_states (status, order_id);
create index order_states_payment on orders.order_states (payment_status, order_id);
create index order_states_fulfillment on orders.order_states (fulfillment_status, order_id);
create index order_states_deadline on orders.order_states (deadline_at) where deadline_at is not null;
