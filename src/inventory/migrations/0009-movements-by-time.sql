-- phase: expand
-- transaction: none
-- Rows come in the order of time, so a summary of each range of pages is enough.
create index concurrently if not exists ledger_at on inventory.ledger using brin (at);
