-- phase: expand
-- What people who count and compare read with SQL, beside the views of other services. A migration that changes what a
-- view reads drops the view before and creates it again after, with the columns that it had.
create schema if not exists reporting;

create view reporting.shipments as
  select id as shipment_id, order_id, status, location, carrier, tracking_number, tracking from shipping.shipments;
comment on view reporting.shipments is 'Parcels';
comment on column reporting.shipments.shipment_id is 'Id of the parcel';
comment on column reporting.shipments.order_id is 'Id of the order';
comment on column reporting.shipments.status is 'Where the parcel stands';
comment on column reporting.shipments.location is 'Where it leaves from';
comment on column reporting.shipments.carrier is 'Who takes it';
comment on column reporting.shipments.tracking_number is 'Its number there';
comment on column reporting.shipments.tracking is 'The last that the carrier said of it';
