-- phase: expand
-- transaction: none
create index concurrently if not exists ledger_number on inventory.ledger (number);
