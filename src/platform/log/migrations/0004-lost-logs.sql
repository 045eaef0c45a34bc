-- Kafka: under which epoch of the partition's leader the record before the offset was written; null where nobody knows.
-- By it a consumer notices that the log was cut, also where other records have taken the place of those that were lost.
alter table log.consumer_offsets add column epoch integer;

-- What the brokers acknowledged to the relay: for each partition the last offset and the event there, beside how far the
-- log had been published by then. Ten seconds have a row, and an hour has all of them. Where such an event is not in its
-- place any more, the log was cut, and what followed an older row is published again.
create table log.published (
  slot integer primary key,
  topic bigint not null,
  txid bigint not null,
  position bigint not null,
  partitions json not null,
  at timestamptz not null default now()
);

-- Partitions that are published less far than the relay's offset says, because no broker leads them or their log was cut.
create table log.published_behind (
  partition integer primary key,
  txid bigint not null,
  position bigint not null
);
