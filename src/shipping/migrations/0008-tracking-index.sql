-- phase: expand
-- transaction: none
-- Parcels of which their carrier said something, and which are listed by that.
create index concurrently if not exists shipments_tracking on shipping.shipments (tracking, id) where tracking is not null;
