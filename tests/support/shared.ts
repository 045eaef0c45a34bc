import { inject } from 'vitest';
import type { Kafka } from '#dev/brokers/kafka.ts';

/** What a test file asks of the servers in shared-servers.ts. */

async function shared<Answer>(name: string): Promise<Answer> {
  // No connection stays: tests count those that a system leaves behind.
  const response = await fetch(`${inject('sharedServers')}/${name}`, { headers: { connection: 'close' } });
  const text = await response.text();
  if (!response.ok) throw new Error(`The shared ${name} does not start: ${text}`);
  return JSON.parse(text) as Answer;
}

/** URL of this worker's PostgreSQL, as its superuser. */
export async function sharedPostgres(): Promise<string> {
  return (await shared<{ url: string }>(`postgres-${process.env['VITEST_POOL_ID']}`)).url;
}

/** The Kafka of all files: topics and consumer groups need names of their own. */
export function sharedKafka(): Promise<Pick<Kafka, 'brokers' | 'listeners'>> {
  return shared('kafka');
}
