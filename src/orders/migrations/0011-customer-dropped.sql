-- phase: contract
-- Nobody knows the old name any more. The index of the old name goes with its column.
drop trigger keep_customer_names_equal on orders.orders;
drop function orders.keep_customer_names_equal();
alter table orders.orders drop column customer;
