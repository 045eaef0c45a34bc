-- phase: expand
-- The column customer becomes customer_id_text: it holds the id of a customer whose id is no UUID, and nothing else of
-- them. Versions before this one know the old name alone, later ones the new name alone, and both run at once: whichever
-- is written, the other follows. Orders of a customer with a UUID, or of a guest, do not even call the function.
alter table orders.orders add column customer_id_text text;

create function orders.keep_customer_names_equal() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    new.customer_id_text := coalesce(new.customer_id_text, new.customer);
    new.customer := new.customer_id_text;
  elsif new.customer_id_text is distinct from old.customer_id_text then
    new.customer := new.customer_id_text;
  else
    new.customer_id_text := new.customer;
  end if;
  return new;
end $$;
create trigger keep_customer_names_equal before insert or update on orders.orders
  for each row when (new.customer is distinct from new.customer_id_text)
  execute function orders.keep_customer_names_equal();
