-- Which order holds a reference of its channel: another order with it is refused, whichever process is asked.
create table orders.order_references (
  channel text not null,
  reference text not null,
  order_id uuid not null,
  primary key (channel, reference)
);
-- Where several orders have the same, the first of them holds it.
insert into orders.order_references (channel, reference, order_id)
  select distinct on (channel, reference) channel, reference, id
  from orders.orders where reference is not null order by channel, reference, id;
