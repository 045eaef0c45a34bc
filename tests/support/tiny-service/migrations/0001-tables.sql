create schema tiny;

-- How many pieces of an order are wrapped.
create table tiny.wrappings (
  order_id uuid primary key,
  version integer not null,
  sequence integer not null,
  seen json not null,
  pieces integer not null
);
