-- What keys may beside the four ranked roles, whose orders a customer's key shows, when a key ends, and when it was used.
alter table gateway.api_keys
  add column scopes text[],
  add column customer text,
  add column prefix text,
  add column expires_at timestamptz,
  add column last_used_at timestamptz,
  add column rotated_at timestamptz;

-- Secrets that the previous version must not open a key by, because it would check neither scopes nor an end: those of
-- such keys, whose `key_hash` is no hash, and the one before a rotation, which is good until a time. A hash stands here or
-- in `key_hash`, never in both.
create table gateway.api_key_secrets (
  key_hash text primary key,
  name text not null,
  -- Null: the present one.
  valid_until timestamptz
);
create index api_key_secrets_name on gateway.api_key_secrets (name);
