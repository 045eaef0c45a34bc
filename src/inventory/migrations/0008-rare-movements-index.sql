-- phase: expand
-- transaction: none
-- What people do with stock, and what comes back; every order reserves and ships.
create index concurrently if not exists ledger_by_hand on inventory.ledger (number) where kind in ('adjust', 'return');
