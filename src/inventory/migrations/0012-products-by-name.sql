-- phase: expand
-- transaction: none
-- Products by words of their names, each from its beginning.
create index concurrently if not exists products_name on inventory.products using gin (to_tsvector('simple'::regconfig, name));
