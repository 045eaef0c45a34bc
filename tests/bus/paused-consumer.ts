import { setTimeout as sleep } from 'node:timers/promises';
import { ConflictError, Database } from '#platform/database/database.ts';
import { KafkaBus } from '#platform/kafka/bus.ts';
import type { KafkaConfig } from '#platform/kafka/settings.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { save } from './support.ts';

// A consumer in a process of its own: it holds its first delivery long enough to be paused with it, tries to save it
// afterwards, and goes on as any consumer does.
const [url, config, consumer, type] = process.argv.slice(2) as [string, string, string, string];
const database = new Database({ url, poolSize: 2, statementTimeoutMs: 20_000, applicationName: 'paused' });
const bus = await KafkaBus.open(JSON.parse(config) as KafkaConfig, createLogger('silent'));
const subscription = await bus.subscribe({ consumer, types: new Set([type]), database, onReady: () => {} });
const report = (kind: string): void => void process.send!({ kind });

while (subscription.lag().events > 0) await sleep(20);
report('joined');
let held = false;
for (;;) {
  const delivery = subscription.take(10);
  if (!delivery) {
    await sleep(5);
    continue;
  }
  if (!held) {
    held = true;
    report('holding');
    await sleep(1_000);
  }
  try {
    await save(database, consumer, delivery);
    subscription.saved(delivery.moves);
    report('saved');
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    report('refused');
    await subscription.reset();
  }
}
