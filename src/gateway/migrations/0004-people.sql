-- phase: expand
-- People who sign in to the console with a password of this system, and the sessions of everybody who signed in.
create table gateway.people (
  name text primary key,
  -- Roles and permissions, as those of API keys.
  scopes text[] not null,
  -- Null until the link was used.
  password_hash text,
  link_hash text unique,
  link_until timestamptz,
  created_at timestamptz not null default now(),
  signed_in_at timestamptz,
  disabled_at timestamptz
);

create table gateway.sessions (
  id uuid primary key,
  token_hash text not null unique,
  -- What the browser may still send for a moment after the token was changed.
  previous_hash text unique,
  previous_until timestamptz,
  -- Of gateway.people; null for somebody of an issuer of tokens, whose rights are those below.
  person text references gateway.people (name),
  name text not null,
  client text,
  scopes text[] not null,
  created_at timestamptz not null default now(),
  rotated_at timestamptz not null default now(),
  seen_at timestamptz not null default now(),
  ends_at timestamptz not null
);
create index sessions_ends_at on gateway.sessions (ends_at);
create index sessions_person on gateway.sessions (person);
