-- phase: expand
-- transaction: none
create index concurrently if not exists notifications_send on notifications.notifications (channel, send_at) where status = 'queued' and send_at is not null;
