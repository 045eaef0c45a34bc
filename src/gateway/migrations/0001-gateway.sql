create schema gateway;

-- Keys are 32 random bytes; only their SHA-256 is kept, so a copy of this table opens nothing.
create table gateway.api_keys (
  name text primary key,
  key_hash text not null unique,
  role text not null check (role in ('admin', 'operator', 'client', 'reader')),
  created_at timestamptz not null default now(),
  revoked_at timestamptz
);
