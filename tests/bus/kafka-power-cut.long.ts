import { join } from 'node:path';
import { afterAll, test } from 'vitest';
import { type Kafka, startKafka } from '#dev/brokers/kafka.ts';
import { freePort } from '#tests/support/ports.ts';
import { KafkaUnderTest } from './kafka-support.ts';
import { powerCutStory } from './power-cut-story.ts';

let broker: Kafka;
let port: number;
const kafka = new KafkaUnderTest(async (folder) => {
  port = await freePort();
  return startBroker(folder);
});

afterAll(() => broker?.stop());

async function startBroker(folder: string): Promise<Kafka> {
  broker = await startKafka({ dir: join(folder, 'kafka'), port, own: true });
  return broker;
}

test("a power cut by the client's own code", async () => {
  await powerCutStory(kafka, 'client', broker, () => startBroker(kafka.server.folder));
}, 120_000);
