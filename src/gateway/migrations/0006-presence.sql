-- phase: expand
-- Who has which order open in the console, for a minute. Not worth a log: after a crash the browsers say it again.
create unlogged table gateway.presence (
  order_id uuid not null,
  name text not null,
  doing text,
  seen_at timestamptz not null default now(),
  primary key (order_id, name)
);
create index presence_seen_at on gateway.presence (seen_at);
