import type { Settings, Values } from '#platform/runtime/settings.ts';
import type { TlsFiles, TlsSettings } from '#platform/runtime/tls.ts';

/**
 * What can be set about Kafka. Read by every process, so nothing here loads the client of the brokers: it compiles
 * its schemas while it is loaded, which is half of what the whole system takes to load (0.5 of 1.0 s of processor).
 */
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
    min: 1,
    env: 'KAFKA_PARTITIONS',
    default: 12,
    meaning:
      'Partitions orders are spread over. It must not change while events are unread: an order would move to another partition',
  },
  replication: {
    type: 'integer',
    min: 1,
    max: 32_767,
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
  transport: {
    type: 'choice',
    choices: ['wire', 'client'],
    env: 'KAFKA_TRANSPORT',
    default: 'wire',
    meaning:
      'What carries records to the brokers and back: wire, our own code, which is faster and checks what it reads; or client, that of the Kafka client, should a broker not understand ours; it checks no checksums',
  },
  saslMechanism: {
    type: 'choice',
    choices: ['', 'PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'],
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
    meaning:
      'File with the certificate authority of the brokers, or their own certificate (PEM); empty: the public authorities that Node.js knows',
  },
  tlsCert: {
    type: 'string',
    env: 'KAFKA_TLS_CERT',
    default: '',
    meaning:
      'File with the certificate we show to the brokers, and those between it and its authority (PEM); empty: none',
  },
  tlsKey: {
    type: 'string',
    env: 'KAFKA_TLS_KEY',
    default: '',
    meaning: 'File with the private key of KAFKA_TLS_CERT (PEM)',
  },
  clientId: {
    type: 'string',
    env: 'KAFKA_CLIENT_ID',
    default: 'olms',
    meaning: 'Name of this program in the logs and quotas of the brokers',
  },
} as const satisfies Settings;

export type KafkaConfig = Values<typeof kafkaSettings> & {
  /** Base URL of the API as it is reached from outside: where the schemas of events are. */
  readonly publicUrl?: string;
};

/** The settings of the files that TLS with the brokers uses. */
export const KAFKA_TLS: TlsSettings = { ca: 'KAFKA_TLS_CA', cert: 'KAFKA_TLS_CERT', key: 'KAFKA_TLS_KEY' };

export function tlsFilesOf({ tlsCa, tlsCert, tlsKey }: KafkaConfig): TlsFiles {
  return { ca: tlsCa, cert: tlsCert, key: tlsKey };
}
