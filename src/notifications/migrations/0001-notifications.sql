create schema notifications;

-- What is kept of an order to write about it later: contact, reference, currency. Written when the order is
-- created or amended, and by no other event, so it needs no version: every save is fenced by the consumer's
-- offset, and a repeated event meets its notification below.
create table notifications.orders (
  order_id uuid primary key,
  body json not null
);

create table notifications.notifications (
  id uuid primary key,
  order_id uuid not null,
  event_id uuid not null,
  event_type text not null,
  channel text not null check (channel in ('email', 'sms', 'push', 'none')),
  recipient text,
  subject text not null,
  body text not null,
  status text not null check (status in ('queued', 'sent', 'failed', 'suppressed', 'mailbox')),
  -- Why it was suppressed or has not been sent.
  detail text,
  attempts integer not null default 0,
  -- When the sender takes a queued mail; while one is being sent, when another sender may take it over.
  next_attempt_at timestamptz,
  created_at timestamptz not null,
  sent_at timestamptz,
  -- An event belongs to one order, so this is one notification per event and channel; it also finds those of an order.
  unique (order_id, event_id, channel)
);
create index notifications_due on notifications.notifications (next_attempt_at) where status = 'queued';
