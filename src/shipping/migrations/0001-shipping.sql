create schema shipping;

-- What shipping knows of one order: its holds and its shipments, read and written as a whole.
create table shipping.orders (
  order_id uuid primary key,
  version integer not null,
  sequence integer not null,
  seen json not null,
  body json not null,
  -- When the sandbox carrier takes its next step; null where nothing is due by itself.
  carrier_due_at timestamptz
);
create index orders_carrier_due on shipping.orders (carrier_due_at) where carrier_due_at is not null;

-- Finds the order of a shipment. Written once, when the shipment is scheduled.
create table shipping.shipments (
  id uuid primary key,
  order_id uuid not null
);
