-- Which topic an offset holds for, as 48 bits of the topic's id: a topic that was deleted and made again has another id.
create table log.topics (
  consumer text not null,
  partition integer not null,
  topic bigint not null,
  primary key (consumer, partition)
);

-- With how many partitions this database has published on Kafka; one row, or none.
create table log.publishing (
  one_row boolean primary key default true check (one_row),
  partitions integer not null
);

-- Both stood among the offsets, under names of consumers that do not exist. The previous version reads and writes them
-- there, so the rows stay for one release.
insert into log.topics (consumer, partition, topic)
select left(consumer, -length('@topic')), partition, position from log.consumer_offsets where consumer like '%@topic';
insert into log.publishing (partitions)
select position from log.consumer_offsets where consumer = 'relay-partitions' and partition = 0;
