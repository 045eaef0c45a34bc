import { setTimeout as sleep } from 'node:timers/promises';
import { Admin, ConfigResourceTypes } from '@platformatic/kafka';
import { EVENT_MAX_BYTES } from '#contracts/envelope.ts';
import { withTimeout } from '#platform/runtime/timeout.ts';
import { clientOptions } from './client-options.ts';
import type { KafkaConfig } from './settings.ts';
import { answeredWith, diagnose } from './errors.ts';

/** The topic as it was found or made. */
export interface Topic {
  readonly name: string;
  /** Another topic of the same name has another one. */
  readonly id: string;
  /** What the broker takes in one batch. */
  readonly maxMessageBytes: number;
}

/** What we make a topic for: what follows from an order repeats its lines, with places and ids. */
const MESSAGE_MAX_BYTES = 4 * EVENT_MAX_BYTES;
const START_TIMEOUT_MS = 20_000;
const RETRY_MS = 250;
const PATIENCE_MS = 5_000;

/** A reason that waiting does not cure. */
class TopicError extends Error {}

/**
 * Makes the topic, or checks the one that is there. Waits for brokers that are still starting, for a bounded
 * time; wrong credentials and a topic that does not fit are reported at once.
 */
export async function ensureTopic(config: KafkaConfig, timeoutMs = START_TIMEOUT_MS): Promise<Topic> {
  return withTopic(config, timeoutMs, findOrMakeTopic);
}

/** The topic as it is now, checked like at the start; never made. Throws where it cannot be had at once. */
export async function findTopic(config: KafkaConfig): Promise<Topic> {
  return withTopic(config, 0, async (admin) => {
    const found = await readTopic(admin, config.topic);
    if (!found) throw new Error(`Unknown topic ${config.topic}.`);
    return checkTopic(found, config);
  });
}

async function withTopic(
  config: KafkaConfig,
  timeoutMs: number,
  work: (admin: Admin, config: KafkaConfig) => Promise<Topic>,
): Promise<Topic> {
  const patienceMs = timeoutMs === 0 ? PATIENCE_MS : Math.min(PATIENCE_MS, timeoutMs);
  const admin = new Admin({
    ...clientOptions(config),
    retries: 0,
    connectTimeout: patienceMs,
    requestTimeout: patienceMs,
  });
  const deadlineMs = Date.now() + timeoutMs;
  try {
    for (;;) {
      try {
        // The client has ways to never answer: whatever it does, this ends.
        return await withTimeout(work(admin, config), Math.max(patienceMs, deadlineMs - Date.now()));
      } catch (error) {
        if (error instanceof TopicError) throw error;
        const { reason, fatal } = diagnose(error, config);
        if (fatal || timeoutMs === 0) throw new Error(`Kafka at ${config.brokers}: ${reason}`, { cause: error });
        if (Date.now() > deadlineMs) {
          throw new Error(
            `Kafka at ${config.brokers} (KAFKA_BROKERS) did not let us in within ${timeoutMs / 1000} s: ${reason}`,
            { cause: error },
          );
        }
        await sleep(RETRY_MS);
      }
    }
  } finally {
    await admin.close().catch(() => {});
  }
}

async function findOrMakeTopic(admin: Admin, config: KafkaConfig): Promise<Topic> {
  const found = await readTopic(admin, config.topic);
  if (found) return checkTopic(found, config);
  const configs = [
    { name: 'cleanup.policy', value: 'delete' },
    { name: 'max.message.bytes', value: String(MESSAGE_MAX_BYTES) },
    { name: 'retention.ms', value: String(config.retentionMs ?? -1) },
    { name: 'min.insync.replicas', value: config.replication >= 3 ? '2' : '1' },
  ];
  try {
    await admin.createTopics({
      topics: [config.topic],
      partitions: config.partitions,
      replicas: config.replication,
      configs,
    });
  } catch (error) {
    // Another process of ours was faster; what it made is checked like any other.
    if (!answeredWith(error, 'TOPIC_ALREADY_EXISTS')) throw error;
  }
  throw new Error('the topic was made, but its partitions have no leaders yet');
}

interface FoundTopic {
  readonly id: string;
  readonly partitions: number;
  readonly replicas: number;
  readonly settings: ReadonlyMap<string, string>;
  /** Those of the topic itself; the others are the brokers' defaults. */
  readonly own: ReadonlyMap<string, string>;
}

async function readTopic(admin: Admin, name: string): Promise<FoundTopic | undefined> {
  if (!(await admin.listTopics()).includes(name)) return undefined;
  const topic = (await admin.metadata({ topics: [name], forceUpdate: true })).topics.get(name)!;
  // Where only some have none, the others go on, and reader and relay name them.
  if (topic.partitions.every((partition) => partition.leader < 0))
    throw new Error(`no broker leads any partition of topic ${name}`);
  const [description] = await admin.describeConfigs({
    resources: [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: name, configurationKeys: null }],
  });
  const entries = description?.configs ?? [];
  const settings = new Map(entries.map((entry) => [entry.name, entry.value ?? '']));
  const own = entries.filter(({ configSource }) => configSource === OF_THE_TOPIC);
  return {
    id: topic.id,
    partitions: topic.partitionsCount,
    replicas: Math.min(...topic.partitions.map((partition) => partition.replicas.length)),
    settings,
    own: new Map(own.map((entry) => [entry.name, entry.value ?? ''])),
  };
}

/**
 * A topic with more partitions than configured is fine: orders are mapped by the configured count, so the rest
 * stay empty and no order moves. With fewer there is nowhere to put some orders.
 */
function checkTopic(found: FoundTopic, config: KafkaConfig): Topic {
  const { topic } = config;
  const problems: string[] = [];
  if (found.partitions < config.partitions) {
    problems.push(
      `it has ${found.partitions} partitions, KAFKA_PARTITIONS says ${config.partitions}. Set KAFKA_PARTITIONS=${found.partitions}. (Adding partitions is safe only before the first event: orders are mapped to partitions by their number, and one that moves could be read out of order.)`,
    );
  }
  if (found.replicas < config.replication) {
    problems.push(
      `it has ${found.replicas} replicas per partition, KAFKA_REPLICATION says ${config.replication}. Add replicas with kafka-reassign-partitions, or set KAFKA_REPLICATION=${found.replicas}.`,
    );
  }
  const cleanup = found.settings.get('cleanup.policy') ?? 'delete';
  if (cleanup !== 'delete')
    problems.push(
      `its cleanup.policy is "${cleanup}", which drops events of an order that a newer one follows. Run kafka-configs --alter --topic ${topic} --add-config cleanup.policy=delete.`,
    );
  const retentionMs = Number(found.settings.get('retention.ms') ?? -1);
  const wantedMs = config.retentionMs ?? -1;
  if (retentionMs !== -1 && (wantedMs === -1 || retentionMs < wantedMs)) {
    problems.push(
      `it deletes events after ${retentionMs} ms, KAFKA_RETENTION_MS says ${wantedMs === -1 ? 'off (never)' : wantedMs}. Set KAFKA_RETENTION_MS=${retentionMs}, or run kafka-configs --alter --topic ${topic} --add-config retention.ms=${wantedMs}.`,
    );
  }
  const retentionBytes = Number(found.settings.get('retention.bytes') ?? -1);
  if (retentionBytes !== -1) {
    problems.push(
      `it deletes events beyond ${retentionBytes} bytes, read or not. Run kafka-configs --alter --topic ${topic} --add-config retention.bytes=-1.`,
    );
  }
  const inSync = Number(found.settings.get('min.insync.replicas') ?? 1);
  if (inSync > found.replicas) {
    problems.push(
      `it takes a write only with ${inSync} replicas in sync (min.insync.replicas), but has ${found.replicas}: it would never take one. Add replicas with kafka-reassign-partitions, or run kafka-configs --alter --topic ${topic} --add-config min.insync.replicas=${found.replicas}.`,
    );
  }
  if (problems.length > 0)
    throw new TopicError(`Kafka topic ${topic} exists, but does not fit: ${problems.join(' Also, ')}`);
  return { name: topic, id: found.id, maxMessageBytes: Number(found.settings.get('max.message.bytes') ?? 1_048_588) };
}

const GONE_TIMEOUT_MS = 30_000;
/** Kafka's word for a setting that belongs to the topic itself. */
const OF_THE_TOPIC = 1;

/**
 * Deletes the topic and makes it again with the settings it had. Relays then publish their whole logs on it, and consumers
 * read it from the start: whatever was damaged, lost or missing on the old one is there, and what was digested is known.
 * Throws with what the brokers say; where the topic is gone by then, the next start makes it.
 */
export async function renewTopic(
  config: KafkaConfig,
): Promise<{ readonly partitions: number; readonly replicas: number }> {
  const { topic: name } = config;
  const admin = new Admin({ ...clientOptions(config), retries: 3, retryDelay: 500 });
  try {
    const found = await readTopic(admin, name);
    if (!found) throw new Error(`Unknown topic ${name}.`);
    const { partitions, replicas, own } = found;
    await admin.deleteTopics({ topics: [name] });
    for (
      const deadlineMs = Date.now() + GONE_TIMEOUT_MS;
      (await admin.listTopics()).includes(name);
      await sleep(RETRY_MS)
    )
      if (Date.now() > deadlineMs)
        throw new Error(`the topic ${name} is still there ${GONE_TIMEOUT_MS / 1000} s after it was deleted`);
    const configs = [...own].map(([key, value]) => ({ name: key, value }));
    await admin.createTopics({ topics: [name], partitions, replicas, configs });
    return { partitions, replicas };
  } catch (error) {
    throw new Error(`Kafka at ${config.brokers}: ${diagnose(error, config).reason}`, { cause: error });
  } finally {
    await admin.close().catch(() => {});
  }
}

export interface TopicDescription {
  readonly topic: string;
  readonly partitions: readonly {
    partition: number;
    leader: number;
    replicas: number;
    inSync: number;
    start: number;
    end: number;
  }[];
}

export interface GroupDescription {
  readonly group: string;
  readonly state: string;
  readonly members: readonly { id: string; clientId: string; host: string; partitions: readonly number[] }[];
  readonly lag: readonly { partition: number; committed: number | undefined; end: number; lag: number }[];
}

/** What `olms topics` shows: the topic, the groups of our consumers, and how far each is. */
export async function describeTopics(
  config: KafkaConfig,
): Promise<{ topics: TopicDescription[]; groups: GroupDescription[] }> {
  const admin = new Admin({ ...clientOptions(config), retries: 3, retryDelay: 500 });
  try {
    const topic = await describeTopic(admin, config.topic);
    const ids = [...(await admin.listGroups()).keys()].filter((id) => id.startsWith('olms-')).sort();
    const groups: GroupDescription[] = [];
    for (const id of ids) groups.push(await describeGroup(admin, id, topic));
    return { topics: [topic], groups };
  } catch (error) {
    throw new Error(`Kafka at ${config.brokers}: ${diagnose(error, config).reason}`, { cause: error });
  } finally {
    await admin.close().catch(() => {});
  }
}

const EARLIEST = -2n;
const LATEST = -1n;

async function describeTopic(admin: Admin, name: string): Promise<TopicDescription> {
  const metadata = (await admin.metadata({ topics: [name] })).topics.get(name)!;
  const offsetsAt = async (timestamp: bigint): Promise<Map<number, number>> => {
    const partitions = metadata.partitions.map((_, partitionIndex) => ({ partitionIndex, timestamp }));
    const [listed] = await admin.listOffsets({ topics: [{ name, partitions }] });
    return new Map((listed?.partitions ?? []).map((entry) => [entry.partitionIndex, Number(entry.offset)]));
  };
  const [starts, ends] = [await offsetsAt(EARLIEST), await offsetsAt(LATEST)];
  const partitions = metadata.partitions.map(({ leader, replicas, isr }, partition) => {
    return {
      partition,
      leader,
      replicas: replicas.length,
      inSync: isr?.length ?? 0,
      start: starts.get(partition) ?? 0,
      end: ends.get(partition) ?? 0,
    };
  });
  return { topic: name, partitions };
}

async function describeGroup(admin: Admin, id: string, topic: TopicDescription): Promise<GroupDescription> {
  const group = (await admin.describeGroups({ groups: [id] })).get(id);
  const [offsets] = await admin.listConsumerGroupOffsets({ groups: [id] });
  const committed = new Map(
    (offsets?.topics.find((entry) => entry.name === topic.topic)?.partitions ?? [])
      .filter((entry) => entry.committedOffset >= 0n)
      .map((entry) => [entry.partitionIndex, Number(entry.committedOffset)]),
  );
  const members = [...(group?.members.values() ?? [])].map((member) => {
    return {
      id: member.id,
      clientId: member.clientId,
      host: member.clientHost,
      partitions: member.assignments?.get(topic.topic)?.partitions ?? [],
    };
  });
  const lag = topic.partitions.map(({ partition, start, end }) => {
    const offset = committed.get(partition);
    // The end was asked for first: a consumer may have passed it since.
    return { partition, committed: offset, end, lag: Math.max(0, end - Math.max(start, offset ?? start)) };
  });
  return { group: id, state: group?.state ?? 'UNKNOWN', members, lag };
}
