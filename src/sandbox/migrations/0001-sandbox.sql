create schema sandbox;

-- The books of the sandbox payment provider: the outside world, in a schema of its own. No other service
-- reads it; audits ask its API.
create table sandbox.charges (
  -- UUIDv7, so that the books page by time of creation.
  id uuid primary key,
  version integer not null default 1,
  key text not null unique,
  reference text not null,
  token text not null,
  currency text not null,
  amount numeric(20, 4) not null check (amount > 0),
  capture boolean not null,
  status text not null check (status in ('approved', 'declined', 'pending')),
  reason text,
  authorized numeric(20, 4) not null check (authorized >= 0 and authorized <= amount),
  captured numeric(20, 4) not null check (captured >= 0 and captured <= authorized),
  voided numeric(20, 4) not null check (voided >= 0 and voided + captured <= authorized),
  refunded numeric(20, 4) not null check (refunded >= 0 and refunded <= captured),
  -- When a pending charge is decided, or its webhook is to be sent again; null where neither waits.
  wake_at timestamptz,
  webhook_attempts integer not null default 0
) with (fillfactor = 80);
create index charges_wake on sandbox.charges (wake_at) where wake_at is not null;

-- Captures, voids and refunds by idempotency key, the refused ones included.
create table sandbox.operations (
  key text primary key,
  charge_id uuid not null,
  kind text not null check (kind in ('capture', 'void', 'refund')),
  amount numeric(20, 4) not null,
  reason text
);
