create schema payments;

-- One row per order that was asked to pay. The constraints are the last word on money; the rules should
-- never come near them.
create table payments.payments (
  order_id uuid primary key,
  version integer not null,
  sequence integer not null,
  seen json not null,
  provider text not null,
  token text not null,
  currency text not null,
  status text not null check (status in ('PENDING', 'AUTHORIZED', 'CAPTURED', 'FAILED', 'VOIDED', 'PARTIALLY_REFUNDED', 'REFUNDED')),
  amount numeric(20, 4) not null check (amount >= 0),
  authorized numeric(20, 4) not null check (authorized >= 0 and authorized <= amount),
  captured numeric(20, 4) not null check (captured >= 0 and captured <= authorized),
  voided numeric(20, 4) not null check (voided >= 0 and voided + captured <= authorized),
  refunded numeric(20, 4) not null check (refunded >= 0 and refunded <= captured),
  -- The provider's name for the charge; captures, voids and refunds refer to it.
  charge_reference text,
  cancel_requested boolean not null,
  pending_told boolean not null,
  operations json not null,
  -- When the first open operation is to be looked after; null where the outcome of all is known.
  next_attempt_at timestamptz
) with (fillfactor = 70);
create index payments_due on payments.payments (next_attempt_at) where next_attempt_at is not null;
-- Whether an authorization waits for its shipment, asked once at start.
create index payments_authorized on payments.payments (order_id) where status = 'AUTHORIZED';
