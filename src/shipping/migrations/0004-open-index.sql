-- phase: expand
-- transaction: none
-- Work that somebody still has: what is delivered or cancelled is not in it.
create index concurrently if not exists shipments_open on shipping.shipments (status, id) where status not in ('DELIVERED', 'CANCELLED');
