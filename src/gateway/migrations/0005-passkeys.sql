-- phase: expand
-- What a browser said it is when its person signed in, so that they recognize their sessions.
alter table gateway.sessions add column agent text;

-- Passkeys of the people of this system (WebAuthn): public keys, which open nothing by themselves.
create table gateway.passkeys (
  -- As the authenticator calls it, in base64url.
  id text primary key,
  person text not null references gateway.people (name),
  -- What the person calls it.
  name text not null,
  -- What stands for the person on the authenticator; the same in all passkeys of one.
  handle text not null,
  -- The host that it is good for.
  rp_id text not null,
  public_key bytea not null,
  counter bigint not null,
  transports text[] not null,
  created_at timestamptz not null default now(),
  used_at timestamptz
);
create index passkeys_person on gateway.passkeys (person);

-- Challenges that were answered, until they would have ended by themselves: each is good once.
create table gateway.passkey_challenges (
  hash text primary key,
  ends_at timestamptz not null
);
