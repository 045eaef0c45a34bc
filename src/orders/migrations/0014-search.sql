-- phase: expand
-- What people find an order by. words: its words and SKUs, as src/orders/terms.ts makes them, so that an order that one word
-- finds is held against the others without the index; null where a version before this one wrote the order, until the
-- orders service has caught up. country: where it goes. number: what mails, lists and people call it.
alter table orders.orders add column words text;
alter table orders.orders add column country text;
alter table orders.orders add column number text;
-- The names of its holds, each between commas; null for nearly every order.
alter table orders.order_states add column holds text;

-- Which SKUs orders name by a word: one row for each, however many orders have it.
create table orders.product_words (
  word text not null,
  sku text not null,
  primary key (word, sku)
);
-- A process takes a thousand order numbers at a time, see src/orders/numbers.ts.
create sequence orders.order_numbers as bigint increment by 1000 minvalue 0 start with 0;

-- An amendment that leaves the words as they were may be one of a version that does not know them: they are made again.
create function orders.forget_words() returns trigger language plpgsql as $$
begin
  new.words := null;
  return new;
end $$;
create trigger forget_words before update on orders.orders
  for each row when (old.words is not null and new.words = old.words
    and (new.reference is distinct from old.reference or new.body::text is distinct from old.body::text))
  execute function orders.forget_words();
