-- phase: expand
-- Which order a document belongs to, for all but the first invoice of an order, whose number is a column.
create table billing.document_numbers (
  number text primary key,
  order_id uuid not null
);
