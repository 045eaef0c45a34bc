import { Database } from '#platform/database/database.ts';
import type { KafkaConfig } from '#platform/kafka/settings.ts';
import { Relay } from '#platform/kafka/relay.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { untilSeen } from '#tests/support/until.ts';

// A relay in a process of its own, so that it can be paused.
const [url, config] = process.argv.slice(2) as [string, string];
const database = new Database({ url, poolSize: 2, statementTimeoutMs: 20_000, applicationName: 'paused' });
const relay = await Relay.start({
  config: JSON.parse(config) as KafkaConfig,
  database,
  url,
  logger: createLogger('silent'),
});
await untilSeen(
  'the lease',
  () => relay.active,
  (active) => active,
);
process.send!('active');
