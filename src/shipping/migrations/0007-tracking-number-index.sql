-- phase: expand
-- transaction: none
-- By what messages of carriers find their shipments; the sandbox carrier sends none.
create index concurrently if not exists shipments_tracking_number on shipping.shipments (upper(regexp_replace(tracking_number, '[^0-9A-Za-z]', '', 'g'))) where tracking_number is not null and carrier <> 'sandbox';
