-- phase: expand
-- What the message is made of, in order; null: of its text (messages of former versions, and those that are text alone).
alter table notifications.notifications add column content json;
alter table notifications.notifications add column language text;
-- When a queued text message or push is due. Mails have next_attempt_at: whoever knows of no other channel takes all that
-- is due by that for a mail.
alter table notifications.notifications add column send_at timestamptz;
-- Since when it has been meant to be sent, where that is not when it was written; which sending that is.
alter table notifications.notifications add column queued_at timestamptz;
alter table notifications.notifications add column sendings integer not null default 1;
-- How the provider calls it, and when it reported that it arrived.
alter table notifications.notifications add column provider_id text;
alter table notifications.notifications add column delivered_at timestamptz;
-- Whose browsers a push goes to, where the order names none.
alter table notifications.notifications add column customer_id text;

-- Browsers in which customers asked to be notified.
create table notifications.push_subscriptions (
  id uuid primary key,
  customer_id text not null,
  endpoint text not null unique,
  keys json not null,
  created_at timestamptz not null
);
create index push_subscriptions_customer on notifications.push_subscriptions (customer_id, id);
