-- phase: expand
-- transaction: none
-- Products by how their SKU begins, in capitals or not.
create index concurrently if not exists products_sku_begins on inventory.products (upper(sku) text_pattern_ops);
