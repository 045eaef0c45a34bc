-- Orders that follow another one, such as a replacement of goods that were lost: known before they are placed, so that
-- a crash in between forgets none, and until their end is noted with the order they follow.
create table orders.follow_ups (
  order_id uuid primary key,
  follows uuid not null,
  claim_id uuid not null,
  closed boolean not null default false
);
create index follow_ups_open on orders.follow_ups (order_id) where not closed;
