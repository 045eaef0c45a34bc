-- The transaction that named a product last: who remembers products asks for those named since. The default is the
-- transaction of this migration, so that nothing is rewritten.
alter table inventory.products add column named_by xid8 not null default pg_current_xact_id();
create index products_named_by on inventory.products (named_by);
