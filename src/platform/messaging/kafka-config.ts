import { readFileSync } from 'node:fs';
import type { BaseOptions, SASLMechanismValue } from '@platformatic/kafka';
import type { Settings, Values } from '../config.ts';

export const kafkaSettings = {
  brokers: {
    type: 'string',
    env: 'KAFKA_BROKERS',
    default: '',
    meaning: 'Kafka brokers (3.1 or newer) as host:port, comma-separated; empty: the log in PostgreSQL',
  },
  topic: { type: 'string', env: 'KAFKA_TOPIC', default: 'order-events', meaning: 'Topic of the events about orders' },
  partitions: {
    type: 'integer',
    env: 'KAFKA_PARTITIONS',
    default: 12,
    meaning:
      'Partitions orders are spread over. It must not change while events are unread: an order would move to another partition',
  },
  replication: {
    type: 'integer',
    env: 'KAFKA_REPLICATION',
    default: 1,
    meaning: 'Copies of each partition; 3 in production. From 3 on, a write is acknowledged by at least two',
  },
  retentionMs: {
    type: 'milliseconds-or-off',
    env: 'KAFKA_RETENTION_MS',
    default: undefined,
    meaning:
      'How long the topic keeps events; off keeps them for ever, so that no consumer can miss one and replay reaches back to the start',
  },
  saslMechanism: {
    type: 'string',
    env: 'KAFKA_SASL_MECHANISM',
    default: '',
    meaning: 'PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; empty: no authentication',
  },
  saslUsername: { type: 'string', env: 'KAFKA_SASL_USERNAME', default: '', meaning: 'User at the brokers' },
  saslPassword: { type: 'secret', env: 'KAFKA_SASL_PASSWORD', default: '', meaning: 'Password at the brokers' },
  tls: { type: 'boolean', env: 'KAFKA_TLS', default: false, meaning: 'Speak TLS with the brokers' },
  tlsCa: {
    type: 'string',
    env: 'KAFKA_TLS_CA',
    default: '',
    meaning: 'File with the certificate authority of the brokers (PEM); empty: those the system trusts',
  },
  clientId: {
    type: 'string',
    env: 'KAFKA_CLIENT_ID',
    default: 'olms',
    meaning: 'Name of this program in the logs and quotas of the brokers',
  },
} as const satisfies Settings;

export type KafkaConfig = Values<typeof kafkaSettings>;

const MECHANISMS: readonly string[] = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'];
const CONNECT_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 15_000;

/** Options every client of the brokers shares; throws where the settings contradict each other. */
export function clientOptions(config: KafkaConfig): BaseOptions {
  const brokers = config.brokers
    .split(',')
    .map((broker) => broker.trim())
    .filter((broker) => broker !== '');
  const problems: string[] = [];
  if (brokers.length === 0) problems.push('KAFKA_BROKERS is empty');
  for (const broker of brokers)
    if (!/^[^:\s]+:\d{1,5}$|^\[[^\]]+\]:\d{1,5}$/.test(broker))
      problems.push(`KAFKA_BROKERS: "${broker}" is not host:port`);
  if (config.partitions < 1) problems.push('KAFKA_PARTITIONS must be at least 1');
  if (config.replication < 1) problems.push('KAFKA_REPLICATION must be at least 1');
  if (config.saslMechanism !== '' && !MECHANISMS.includes(config.saslMechanism))
    problems.push(`KAFKA_SASL_MECHANISM must be one of ${MECHANISMS.join(', ')}`);
  if (config.saslMechanism !== '' && (config.saslUsername === '' || config.saslPassword === ''))
    problems.push('KAFKA_SASL_MECHANISM needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD');
  if (config.tlsCa !== '' && !config.tls) problems.push('KAFKA_TLS_CA is set, but KAFKA_TLS is not');
  if (problems.length > 0) throw new Error(`Configuration: ${problems.join('; ')}`);
  return {
    clientId: config.clientId,
    bootstrapBrokers: brokers,
    connectTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    autocreateTopics: false,
    ...(config.saslMechanism === ''
      ? {}
      : {
          sasl: {
            mechanism: config.saslMechanism as SASLMechanismValue,
            username: config.saslUsername,
            password: config.saslPassword,
          },
        }),
    ...(config.tls ? { tls: config.tlsCa === '' ? {} : { ca: readFileSync(config.tlsCa) }, tlsServerName: true } : {}),
  };
}
