-- phase: expand
-- By what shipments are listed. The truth is in shipping.orders; these follow it in the same statement. Null where a version
-- before this one scheduled the shipment, until the service has filled it.
alter table shipping.shipments add column status text;
alter table shipping.shipments add column location text;
alter table shipping.shipments add column carrier text;
alter table shipping.shipments add column tracking_number text;
