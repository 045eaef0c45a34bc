-- W3C trace context of the event that a notification is about: the mail, sent later, belongs to the same trace.
alter table notifications.notifications add column traceparent text;
