-- transaction: none
-- Mails that were given up: few, looked for by the day.
create index concurrently if not exists notifications_failed on notifications.notifications (created_at) where status = 'failed';
