-- phase: expand
-- transaction: none
-- What lies at a place; no column of it changes with the stock, so updates stay on their page.
create index concurrently if not exists stock_location on inventory.stock (location, sku);
