import { isIP } from 'node:net';
import { type BaseOptions, connectionsConnectsChannel, instancesChannel } from '@platformatic/kafka';
import type { Settings, Values } from '#platform/runtime/settings.ts';
import { secureContexts, type TlsFiles, tlsProblems, type TlsSettings } from '#platform/runtime/tls.ts';

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
      'What carries records to the brokers and back: wire, our own code, which is faster and checks what it reads; or client, that of the Kafka client, should a broker not understand ours',
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

export type KafkaConfig = Values<typeof kafkaSettings>;

const CONNECT_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 15_000;

/** The settings of the files that TLS with the brokers uses. */
export const KAFKA_TLS: TlsSettings = { ca: 'KAFKA_TLS_CA', cert: 'KAFKA_TLS_CERT', key: 'KAFKA_TLS_KEY' };

export function tlsFilesOf({ tlsCa, tlsCert, tlsKey }: KafkaConfig): TlsFiles {
  return { ca: tlsCa, cert: tlsCert, key: tlsKey };
}

/**
 * The host the client is about to connect to. The client publishes it just before it reads the options of
 * the connection, and is the only one who knows: brokers are found by asking other brokers.
 */
let connectingTo = '';
connectionsConnectsChannel.start.subscribe((message) => {
  connectingTo = (message as { host: string }).host;
});

function tlsOptions(config: KafkaConfig): object {
  const current = secureContexts(tlsFilesOf(config), KAFKA_TLS);
  return {
    get secureContext() {
      return current();
    },
    // A name is sent to the broker, so that one address can serve several; an IP address must not be.
    get servername() {
      return isIP(connectingTo) === 0 ? connectingTo : undefined;
    },
  };
}

/** An error of a connection that is in nobody's use any more has no listener, and would end the process. */
instancesChannel.subscribe((message) => {
  const { type, instance } = message as { type: string; instance: NodeJS.EventEmitter };
  if (type === 'connection') instance.on('error', () => {});
});

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
  if (config.saslMechanism !== '' && (config.saslUsername === '' || config.saslPassword === ''))
    problems.push('KAFKA_SASL_MECHANISM needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD');
  problems.push(...tlsProblems(tlsFilesOf(config), KAFKA_TLS, config.tls, 'KAFKA_TLS'));
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
            mechanism: config.saslMechanism,
            username: config.saslUsername,
            password: config.saslPassword,
          },
        }),
    ...(config.tls ? { tls: tlsOptions(config) } : {}),
  };
}
