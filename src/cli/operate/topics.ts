import { type Environment, readSettings } from '#platform/runtime/settings.ts';
import { kafkaSettings } from '#platform/kafka/settings.ts';
import { describeTopics, renewTopic } from '#platform/kafka/topic.ts';
import { print, printJson, table } from '#cli/output.ts';

/** `olms topics`: what is on the topic, who reads it, and how far behind; `--renew` makes it again before. */
export async function topics(
  env: Environment,
  options: { readonly json?: boolean; readonly renew?: boolean },
): Promise<void> {
  const config = readSettings(kafkaSettings, env);
  if (config.brokers === '')
    throw new Error('Set KAFKA_BROKERS. Without it the log is in PostgreSQL, and there are no topics.');
  if (options.renew) {
    const { partitions, replicas } = await renewTopic(config);
    const made = { renewed: config.topic, partitions, replicas };
    if (options.json) return printJson(made);
    return print(
      `The topic ${config.topic} was made again (${partitions} partitions, ${replicas} replicas). Within seconds every service publishes its whole log there, and reads it from the start; what was digested before is recognized.\n`,
    );
  }
  const found = await describeTopics(config);
  if (options.json) return printJson(found);
  for (const { topic, partitions } of found.topics) {
    const messages = partitions.reduce((sum, { start, end }) => sum + end - start, 0);
    print(`${topic}: ${partitions.length} partitions, ${messages} messages\n`);
    const rows = partitions.map(({ partition, leader, replicas, inSync, start, end }) => [
      partition,
      leader,
      `${inSync} of ${replicas}`,
      start,
      end,
    ]);
    print(`${table(['partition', 'leader', 'in sync', 'start', 'end'], rows)}\n`);
  }
  const rows = found.groups.map(({ group, state, members, lag }) => [
    group,
    state,
    members.length,
    members.map(({ partitions }) => partitions.length).join('+') || '-',
    lag.reduce((sum, entry) => sum + entry.lag, 0),
    Math.max(0, ...lag.map((entry) => entry.lag)),
  ]);
  print(table(['group', 'state', 'members', 'partitions', 'lag', 'worst'], rows));
}
