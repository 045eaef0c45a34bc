-- Places where stock may lie, made on purpose: a misspelt one is refused instead of becoming a warehouse.
create table inventory.locations (
  name text primary key,
  created_at timestamptz not null default now()
);
insert into inventory.locations (name)
  select 'main' union select distinct location from inventory.stock;

-- As before, and refuses more than STOCK_MAX (src/inventory/store/stock.ts) at one place, short of what the column
-- holds: what comes back from customers still fits.
create or replace function inventory.adjust(p_sku text, p_location text, p_delta integer, p_on_hand integer) returns integer language plpgsql as $$
declare before integer;
begin
  insert into inventory.stock (sku, location, on_hand) values (p_sku, p_location, 0) on conflict do nothing;
  select on_hand into before from inventory.stock where sku = p_sku and location = p_location for update;
  if before::bigint + p_delta > 2000000000 and p_delta > 0 then
    raise exception 'more than 2000000000 pieces at one place' using errcode = 'numeric_value_out_of_range';
  end if;
  update inventory.stock set on_hand = coalesce(p_on_hand, before + p_delta) where sku = p_sku and location = p_location;
  return coalesce(p_on_hand - before, p_delta);
end $$;
