import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { newAuthority } from './support/certificates.ts';
import { startKafka } from '../tools/brokers/kafka.ts';
const dir = '/tmp/kafka-security/explore';
rmSync(dir, { recursive: true, force: true });
mkdirSync(dir, { recursive: true });
const ca = await newAuthority(dir, 'ca');
const broker = await ca.issue('broker', 'IP:127.0.0.1');
await ca.issue('client');
const kafka = await startKafka({
  own: true,
  dir: dir + '/kafka',
  secured: {
    users: { alice: 'secret-of-alice', mallory: 'm-secret' },
    tls: { keyStore: broker.bothFile, trustStore: ca.certFile },
  },
  settings: { 'connections.max.reauth.ms': '30000' },
  log: console.log,
});
writeFileSync(dir + '/map.json', JSON.stringify({ brokers: kafka.brokers, listeners: kafka.listeners }));
console.log(kafka);
await new Promise<void>((r) => process.once('SIGTERM', () => r()));
await kafka.stop();
