-- What people received for orders whose money they receive.
alter table payments.payments add column receipts json;
