create schema reviews;

-- One review per flagged order; orders that need none have no row.
create table reviews.reviews (
  order_id uuid primary key,
  -- UUIDv7: the newest review has the greatest id.
  review_id uuid not null unique,
  version integer not null,
  sequence integer not null,
  seen json not null,
  status text not null check (status in ('pending', 'approved', 'rejected', 'closed')),
  reasons json not null,
  opened_at timestamptz not null,
  deadline_at timestamptz not null,
  decision json
);
create index reviews_by_status on reviews.reviews (status, review_id desc);
create index reviews_deadline on reviews.reviews (deadline_at) where status = 'pending';
