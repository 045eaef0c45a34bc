-- Backorders stand in line for each SKU that was short when they asked, first come first served (ids are ordered by
-- creation). What lies there is kept for them: nobody else may take of it, whichever process decides.
create table inventory.waiting (
  sku text not null,
  order_id uuid not null,
  quantity integer not null check (quantity > 0),
  primary key (sku, order_id)
);
create index waiting_order on inventory.waiting (order_id);

-- waiting: pieces that the line wants. places: rows of stock, by which whoever joins the line knows that it has seen
-- all. losses: how often less was counted, after which nobody's turn is what it was.
alter table inventory.products
  add column waiting bigint not null default 0,
  add column places integer not null default 0,
  add column losses integer not null default 0;
create index products_waiting on inventory.products (sku) where waiting > 0;
update inventory.products p set places = s.places
  from (select sku, count(*) as places from inventory.stock group by sku) s where p.sku = s.sku;

create function inventory.count_place() returns trigger language plpgsql as $$
begin
  update inventory.products set places = places + case tg_op when 'INSERT' then 1 else -1 end
    where sku = case tg_op when 'INSERT' then new.sku else old.sku end;
  return null;
end $$;
create trigger count_place after insert or delete on inventory.stock for each row execute function inventory.count_place();

-- Counts how often the line moved: somebody joined it, or took while there was one. Who takes must have seen it as it is.
alter table inventory.stock add column line bigint not null default 0;

-- As before; where less is left than was there, the line moves and nobody's turn in it is what it was.
create or replace function inventory.adjust(p_sku text, p_location text, p_delta integer, p_on_hand integer) returns integer language plpgsql as $$
declare before integer;
begin
  insert into inventory.stock (sku, location, on_hand) values (p_sku, p_location, 0) on conflict do nothing;
  select on_hand into before from inventory.stock where sku = p_sku and location = p_location for update;
  if before::bigint + p_delta > 2000000000 and p_delta > 0 then
    raise exception 'more than 2000000000 pieces at one place' using errcode = 'numeric_value_out_of_range';
  end if;
  update inventory.stock set on_hand = coalesce(p_on_hand, before + p_delta) where sku = p_sku and location = p_location;
  if coalesce(p_on_hand - before, p_delta) < 0 then
    update inventory.stock t set line = t.line + 1
      from (select sku, location from inventory.stock where sku = p_sku order by location for update) l
      where t.sku = l.sku and t.location = l.location;
    update inventory.products set losses = losses + 1 where sku = p_sku;
  end if;
  return coalesce(p_on_hand - before, p_delta);
end $$;
