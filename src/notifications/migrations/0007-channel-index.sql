-- phase: expand
-- transaction: none
create index concurrently if not exists notifications_by_phone_or_push on notifications.notifications (id) where channel in ('sms', 'push');
