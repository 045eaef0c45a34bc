-- phase: expand
-- The last that counts of what a carrier said of the shipment; null where it said nothing.
alter table shipping.shipments add column tracking text;

-- Messages of carriers about parcels that nobody has dispatched yet under this number; bounded by the service.
create table shipping.tracking_waiting (
  carrier text not null,
  -- The number without what it is grouped by.
  tracking_key text not null,
  status text not null,
  at timestamptz not null,
  shipment_id uuid,
  body json not null,
  received_at timestamptz not null default now(),
  tried_at timestamptz,
  primary key (carrier, tracking_key, status, at)
);
create index tracking_waiting_age on shipping.tracking_waiting (carrier, received_at);
create index tracking_waiting_turn on shipping.tracking_waiting (tried_at nulls first);
