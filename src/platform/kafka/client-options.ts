import { isIP } from 'node:net';
import {
  type BaseOptions,
  type Connection,
  connectionsConnectsChannel,
  instancesChannel,
  type ResponseError,
  type ResponseParser,
} from '@platformatic/kafka';
import { secureContexts, tlsProblems } from '#platform/runtime/tls.ts';
import { KAFKA_TLS, type KafkaConfig, tlsFilesOf } from './settings.ts';

const CONNECT_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 15_000;

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

const METADATA = 3;
/** What the metadata says of a partition that nobody leads, or that has replicas nobody reaches. */
const WITHOUT_LEADER = new Set(['LEADER_NOT_AVAILABLE', 'REPLICA_NOT_AVAILABLE', 'LISTENER_NOT_FOUND']);

interface PartitionError {
  readonly apiId?: string;
  readonly path?: string;
}

function isLeaderless({ apiId = '', path = '' }: PartitionError): boolean {
  return WITHOUT_LEADER.has(apiId) && path.includes('/partitions/');
}

/** The client refuses the metadata of a topic whole where one of its partitions has no leader; the others have one. */
function withLeaderless<Answer>(parse: ResponseParser<Answer>): ResponseParser<Answer> {
  return (...parts) => {
    try {
      return parse(...parts);
    } catch (error) {
      const { response, errors = [] } = error as Partial<ResponseError>;
      if (response === undefined || !(errors as PartitionError[]).every(isLeaderless)) throw error;
      return response as Answer;
    }
  };
}

instancesChannel.subscribe((message) => {
  const { type, instance } = message as { type: string; instance: unknown };
  if (type !== 'connection') return;
  const connection = instance as Connection;
  // An error of a connection that is in nobody's use any more has no listener, and would end the process.
  connection.on('error', () => {});
  const send = connection.send.bind(connection);
  connection.send = (apiKey, version, payload, parse, ...rest) =>
    send(apiKey, version, payload, apiKey === METADATA ? withLeaderless(parse) : parse, ...rest);
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
