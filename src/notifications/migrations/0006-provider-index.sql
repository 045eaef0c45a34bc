-- phase: expand
-- transaction: none
create index concurrently if not exists notifications_provider on notifications.notifications (provider_id) where provider_id is not null;
