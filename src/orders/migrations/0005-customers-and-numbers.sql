-- A customer is a UUID in customer_id, or any other text in customer; a guest is neither. The former version reads an
-- order of a customer that is no UUID as one without.
alter table orders.orders alter column customer_id drop not null, add column customer text;
create index orders_customer_text on orders.orders (customer, id) where customer is not null;

-- What mails call an order without a reference: the last digits of its id.
create index orders_number on orders.orders (right(id::text, 12));
