import { countOf, type Examined, type Finding, sentence, spanOf } from '#platform/diagnosis.ts';
import { type KafkaConfig, kafkaSettings } from '#platform/kafka/settings.ts';
import type { GroupDescription, TopicDescription } from '#platform/kafka/topic.ts';
import { readOffsets } from '#platform/log/bus.ts';
import { readSettings } from '#platform/runtime/settings.ts';
import { consumersWithDatabase, runsNowhere } from './log.ts';
import type { Surroundings } from './surroundings.ts';

/** The log on Kafka: is the topic as it should be, who reads it, and has everybody read it? */

const SAFE_REPLICAS = 3;

/** What is wrong with the topic, by what looking for it says; the last one is everything else. */
const TROUBLES: readonly (readonly [of: RegExp, what: string, advice: string, isThere: boolean])[] = [
  [/^Kafka topic /, 'the topic does not fit', 'Do what it says; bin/olms topics shows the topic.', true],
  [
    /unknown.topic/i,
    'the topic is missing',
    'Start any service (bin/olms start orders), which makes it, or put KAFKA_TOPIC right.',
    false,
  ],
  [
    /(?:)/,
    'Kafka does not answer',
    'Bring the brokers back, or put KAFKA_BROKERS and what goes with it right (docs/runbook.md, "Kafka is down").',
    false,
  ],
];

/** The topic fits, its partitions are led and copied, and every consumer has somebody who reads. Undefined without Kafka. */
export async function examineKafka(surroundings: Surroundings): Promise<Examined | undefined> {
  const config = readSettings(kafkaSettings, surroundings.env);
  if (config.brokers === '') return undefined;
  // Only where there are brokers: their client takes as long to load as everything else together.
  const { loadClient } = await import('#platform/kafka/load-client.ts');
  await loadClient();
  const { describeTopics, findTopic } = await import('#platform/kafka/topic.ts');
  const findings: Finding[] = [];
  try {
    await findTopic(config);
  } catch (error) {
    const { message } = error as Error;
    const [, what, advice, isThere] = TROUBLES.find(([pattern]) => pattern.test(message))!;
    findings.push({
      severity: 'error',
      what,
      detail: `${sentence(message)} Orders are taken meanwhile, and wait in the outbox.`,
      do: advice,
    });
    if (!isThere) return { seen: 'not there', findings };
  }
  const { topics, groups } = await describeTopics(config);
  const [topic] = topics;
  findings.push(...partitionFindings(topic!, config, surroundings.production));
  const { findings: groupsFound, unchecked } = await groupFindings(surroundings, topic!, groups);
  return {
    seen: `${countOf(topic!.partitions.length, 'partition')}, ${countOf(groups.length, 'group')}`,
    findings: [...findings, ...groupsFound],
    ...(unchecked !== undefined && { unchecked }),
  };
}

function partitionFindings(
  { topic, partitions }: TopicDescription,
  { replication }: KafkaConfig,
  production: boolean,
): Finding[] {
  const named = (of: TopicDescription['partitions']): string => of.map(({ partition }) => partition).join(', ');
  const leaderless = partitions.filter(({ leader }) => leader < 0);
  const short = partitions.filter(({ leader, inSync, replicas }) => leader >= 0 && inSync < replicas);
  const findings: Finding[] = [];
  if (leaderless.length > 0)
    findings.push({
      severity: 'error',
      what: `${countOf(leaderless.length, 'partition')} without a leader`,
      detail: `Of ${topic}: ${named(leaderless)}. Their orders wait, the others go on.`,
      do: 'Bring back a broker that holds them; bin/olms topics shows which have come back.',
    });
  if (short.length > 0)
    findings.push({
      severity: 'warning',
      what: `${countOf(short.length, 'partition')} with replicas that are not in sync`,
      detail: `Of ${topic}: ${named(short)}. One more broker lost, and they take no writes, or lose some.`,
      do: 'Bring the brokers back that hold those replicas; bin/olms topics shows how many are in sync.',
    });
  if (production && replication < SAFE_REPLICAS)
    findings.push({
      severity: 'warning',
      what: 'the topic has too few replicas for production',
      detail: `KAFKA_REPLICATION is ${replication}: with its broker the end of the log is away until the outboxes have published it again.`,
      do: `Set KAFKA_REPLICATION=${SAFE_REPLICAS}, and add replicas with kafka-reassign-partitions.`,
    });
  return findings;
}

/** How far consumers are, their databases say: what is there was digested. */
async function groupFindings(
  surroundings: Surroundings,
  { partitions }: TopicDescription,
  groups: readonly GroupDescription[],
): Promise<{ findings: Finding[]; unchecked: string | undefined }> {
  const { limits } = surroundings;
  const findings: Finding[] = [];
  const unchecked: string[] = [];
  await Promise.all(
    consumersWithDatabase(surroundings).map(async ({ service, consumer, found }) => {
      if (!found || found.failure) return void unchecked.push(consumer);
      const stored = await readOffsets(found.database, consumer);
      if (runsNowhere(service, consumer, stored)) return;
      const group = groups.find(({ group: name }) => name === `olms-${consumer}`);
      const unread = partitions.reduce(
        (sum, { partition, start, end }) =>
          sum + Math.max(0, end - Math.max(start, stored.get(partition)?.position ?? 0)),
        0,
      );
      const idleMs = await sinceLastMove(found.database, consumer);
      const start = `Start ${service} (bin/olms start ${service}) without OLMS_CONSUME=false`;
      if (!group || group.members.length === 0)
        findings.push({
          severity: 'error',
          what: `nobody reads for ${consumer}`,
          detail: `The group olms-${consumer} has no member; ${countOf(unread, 'event')} wait.`,
          do: `${start}; bin/olms topics shows its members.`,
        });
      else if (unread > 0 && idleMs > limits.patienceMs)
        findings.push({
          severity: 'error',
          what: `${consumer} is behind`,
          detail: `${countOf(unread, 'event')} unread, and it has not moved for ${spanOf(idleMs)}.`,
          do: `${start}; where it runs, its readiness and log say what it waits for.`,
        });
    }),
  );
  return { findings, unchecked: unchecked.length > 0 ? `how far ${unchecked.join(', ')} read` : undefined };
}

async function sinceLastMove(
  database: { query<Row extends Record<string, unknown>>(text: string, values: unknown[]): Promise<Row[]> },
  consumer: string,
): Promise<number> {
  const [row] = await database.query<{ ms: number | null }>(
    'select extract(epoch from now() - max(updated_at))::float8 * 1000 as ms from log.consumer_offsets where consumer = $1',
    [consumer],
  );
  return row!.ms ?? Infinity;
}
