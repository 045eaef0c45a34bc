-- phase: expand
-- transaction: none
create index concurrently if not exists shipments_unfilled on shipping.shipments (id) where status is null;
