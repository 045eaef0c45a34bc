import { KafkaBus } from '#platform/kafka/bus.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { busContract, type BusUnderTest } from './bus.contract.ts';
import { KafkaUnderTest, TRANSPORTS } from './kafka-support.ts';

const kafka = new KafkaUnderTest();

for (const transport of TRANSPORTS) busContract(`Kafka by ${transport}`, () => setUp(transport));

async function setUp(transport: string): Promise<BusUnderTest> {
  const database = await kafka.server.newDatabase();
  const config = kafka.newConfig({ KAFKA_TRANSPORT: transport });
  await kafka.startRelay(database.connect(), config, database.url);
  return { database, open: () => KafkaBus.open(config, createLogger('silent')) };
}
