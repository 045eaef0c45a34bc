-- phase: expand
-- transaction: none
create index concurrently if not exists invoices_issued on billing.invoices (issued_at);
