-- short: how much less is there than is reserved, because a count found less. Only a count makes it grow; whatever else
-- moves the stock can only make it smaller, so nothing is ever promised out of it. Where a person lets parcels go that
-- the books do not have, on_hand falls below zero until it is counted.
alter table inventory.stock add column short bigint not null default 0 check (short >= 0);
create index stock_short on inventory.stock (sku, location) where short > 0;
alter table inventory.stock drop constraint guard_available;
alter table inventory.stock add constraint guard_available check (on_hand + short >= reserved) not valid;

-- What orders were reported to be short of.
create table inventory.shortages (
  sku text not null,
  location text not null,
  order_id uuid not null,
  quantity integer not null check (quantity > 0),
  primary key (sku, location, order_id)
);
create index shortages_order on inventory.shortages (order_id);

-- As before; a shortage becomes smaller where more is there.
create or replace function inventory.adjust(p_sku text, p_location text, p_delta integer, p_on_hand integer) returns integer language plpgsql as $$
declare before integer;
begin
  insert into inventory.stock (sku, location, on_hand) values (p_sku, p_location, 0) on conflict do nothing;
  select on_hand into before from inventory.stock where sku = p_sku and location = p_location for update;
  if before::bigint + p_delta > 2000000000 and p_delta > 0 then
    raise exception 'more than 2000000000 pieces at one place' using errcode = 'numeric_value_out_of_range';
  end if;
  update inventory.stock set on_hand = coalesce(p_on_hand, before + p_delta),
      short = greatest(0, least(short, reserved - coalesce(p_on_hand, before + p_delta)))
    where sku = p_sku and location = p_location;
  if coalesce(p_on_hand - before, p_delta) < 0 then
    perform inventory.lose(p_sku);
  end if;
  return coalesce(p_on_hand - before, p_delta);
end $$;

-- Less of a SKU is left than was there: its line moves, and nobody's turn in it is what it was.
create function inventory.lose(p_sku text) returns void language plpgsql as $$
begin
  update inventory.stock t set line = t.line + 1
    from (select sku, location from inventory.stock where sku = p_sku order by location for update) l
    where t.sku = l.sku and t.location = l.location;
  update inventory.products set losses = losses + 1 where sku = p_sku;
end $$;

-- Takes a count that is below what is reserved, as long as so much is reserved as whoever counted has seen; returns the
-- difference.
create function inventory.count_short(p_sku text, p_location text, p_on_hand integer, p_reserved integer) returns integer language plpgsql as $$
declare before integer;
begin
  select on_hand into before from inventory.stock where sku = p_sku and location = p_location and reserved = p_reserved for update;
  if before is null then
    raise exception 'count_short' using errcode = 'OL001';
  end if;
  update inventory.stock set on_hand = p_on_hand, short = greatest(0, reserved - p_on_hand)
    where sku = p_sku and location = p_location;
  perform inventory.lose(p_sku);
  return p_on_hand - before;
end $$;
