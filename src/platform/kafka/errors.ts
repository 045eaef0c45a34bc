import { protocolErrorsCodesById } from '@platformatic/kafka';
import { certificateAdvice, type TlsError, tlsFailure } from '#platform/runtime/tls.ts';
import { KAFKA_TLS, type KafkaConfig, tlsFilesOf } from './settings.ts';

/**
 * What went wrong with the brokers, in words for whoever has to mend it. Each reason begins with a code that stays
 * the same between versions; docs/runbook.md has a line for each. No reason holds a password or a key.
 */

export interface Diagnosis {
  readonly reason: string;
  /** Waiting does not cure it: settings or rights have to change. */
  readonly fatal: boolean;
}

/** What a broker answered to a request of ours; `apiId` is Kafka's name for it, as in the client's own errors. */
export class BrokerError extends Error {
  readonly apiId: string;
  constructor(apiId: string, what: string) {
    super(`${what}: ${apiId}`);
    this.apiId = apiId;
  }
}

/** Kafka's name for an error code; undefined for none. */
export function errorName(code: number): string | undefined {
  return code === 0 ? undefined : (protocolErrorsCodesById[code] ?? `Kafka error ${code}`);
}

interface KafkaError extends TlsError {
  readonly apiId?: string;
  readonly serverErrorMessage?: string | null;
}

interface Kind {
  /** Whether an error is of this kind. */
  readonly matches: (error: KafkaError) => boolean;
  readonly fatal: boolean;
  readonly explain: (config: KafkaConfig, error: KafkaError) => string;
}

const ERRORS_MAX = 50;
const answered =
  (...apiIds: readonly string[]) =>
  ({ apiId }: KafkaError): boolean =>
    apiId !== undefined && apiIds.includes(apiId);
const hasMessage =
  (pattern: RegExp) =>
  ({ message }: KafkaError): boolean =>
    pattern.test(message);

/** From the most specific to the least: the first that matches an error explains it. */
const KINDS: readonly Kind[] = [
  {
    matches: answered('SASL_AUTHENTICATION_FAILED'),
    fatal: true,
    explain: ({ saslUsername, saslMechanism }) =>
      `SASL_AUTHENTICATION_FAILED: the brokers do not know user "${saslUsername}" with this password (${saslMechanism}). Check KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD and KAFKA_SASL_MECHANISM.`,
  },
  {
    matches: answered('UNSUPPORTED_SASL_MECHANISM'),
    fatal: true,
    explain: ({ saslMechanism }) =>
      `UNSUPPORTED_SASL_MECHANISM: this listener does not offer ${saslMechanism}. Set KAFKA_SASL_MECHANISM to one of its sasl.enabled.mechanisms.`,
  },
  {
    matches: answered('ILLEGAL_SASL_STATE'),
    fatal: true,
    explain: () =>
      'ILLEGAL_SASL_STATE: this listener asks for no credentials. Unset KAFKA_SASL_MECHANISM, or set KAFKA_BROKERS to a listener with SASL.',
  },
  {
    // Without any topic to write to, the brokers refuse the writer as such, by the name of the cluster.
    matches: answered('TOPIC_AUTHORIZATION_FAILED', 'CLUSTER_AUTHORIZATION_FAILED'),
    fatal: true,
    explain: (config, { apiId }) =>
      `${apiId}: ${principalOf(config)} lacks a right on topic ${config.topic}. Allow it Describe, DescribeConfigs, Read and Write there, and Create unless the topic is made for us: kafka-acls --add --allow-principal ${aclPrincipalOf(config)} --topic ${config.topic} --operation Describe --operation DescribeConfigs --operation Read --operation Write --operation Create`,
  },
  {
    matches: answered('GROUP_AUTHORIZATION_FAILED'),
    fatal: true,
    explain: (config, { apiId }) =>
      `${apiId}: ${principalOf(config)} may not read in the consumer groups olms-*. Allow it: kafka-acls --add --allow-principal ${aclPrincipalOf(config)} --group olms- --resource-pattern-type prefixed --operation Read`,
  },
  {
    matches: answered(
      'INVALID_REPLICATION_FACTOR',
      'INVALID_PARTITIONS',
      'INVALID_CONFIG',
      'INVALID_TOPIC_EXCEPTION',
      'POLICY_VIOLATION',
    ),
    fatal: true,
    explain: (_, { apiId, serverErrorMessage, message }) => `${apiId}: ${serverErrorMessage ?? message}`,
  },
  {
    matches: hasMessage(/^Broker requires TLS/),
    fatal: true,
    explain: () =>
      'TLS_EXPECTED: this listener speaks TLS. Set KAFKA_TLS=true, or KAFKA_BROKERS to a listener without TLS.',
  },
  {
    // Also what a broker does that goes down at this moment: worth another try.
    matches: hasMessage(/^TLS handshake failed/),
    fatal: false,
    explain: () =>
      'TLS_NOT_SPOKEN: the broker closes the connection when TLS begins. If that stays so, this listener does not speak TLS: unset KAFKA_TLS, or set KAFKA_BROKERS to a listener with TLS.',
  },
  {
    matches: hasMessage(/^Connection closed|^Connection error/),
    fatal: false,
    explain: (config) =>
      `CONNECTION_CLOSED: the broker closes the connection. If that stays so, ${closedAdvice(config)}.`,
  },
  {
    matches: ({ code }) => code === 'PLT_KFK_AUTHENTICATION',
    fatal: true,
    explain: (_, error) =>
      `SASL_FAILED: ${innermost(error).message} Check KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD.`,
  },
  {
    matches: answered('NOT_ENOUGH_REPLICAS', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND'),
    fatal: false,
    explain: ({ topic }, { apiId }) =>
      `${apiId}: fewer replicas of topic ${topic} are in sync than its min.insync.replicas. Bring the missing brokers back.`,
  },
  {
    matches: answered('LEADER_NOT_AVAILABLE'),
    fatal: false,
    explain: ({ topic }, { apiId }) =>
      `${apiId}: no broker leads a partition of topic ${topic}. Bring back a broker that holds it.`,
  },
  {
    matches: answered('CORRUPT_MESSAGE'),
    fatal: false,
    explain: (_, { apiId }) =>
      `${apiId}: the broker got other bytes than were sent to it. Look at the network between.`,
  },
  {
    matches: answered('INVALID_TIMESTAMP'),
    fatal: false,
    explain: (_, { apiId }) =>
      `${apiId}: the clock of this machine is too far from that of the brokers (message.timestamp.after.max.ms). Put it right.`,
  },
  {
    matches: (error) =>
      answered('UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_ID')(error) || error.message.startsWith('Unknown topic'),
    fatal: false,
    explain: ({ topic }) =>
      `UNKNOWN_TOPIC: there is no topic ${topic}, or not all of it. Start a process of OLMS, which makes it, or make it yourself; where it was deleted, everything is published on it again.`,
  },
];

/** Why a partition stands still at the batch that has an offset. */
export function damagedReason(topic: string, partition: number, offset: number, damage: string): string {
  return `CORRUPT_MESSAGE: partition ${partition} of topic ${topic} stands still at offset ${offset}: the batch there is not what was written (${damage}). It is neither used nor skipped, and fetched again from time to time. If that stays so, let another replica lead the partition, or run olms topics --renew.`;
}

/** Why partitions wait that no broker leads. */
export function leaderlessReason(topic: string, partitions: readonly number[]): string {
  const named = partitions.length === 1 ? `partition ${partitions[0]}` : `the partitions ${partitions.join(', ')}`;
  return `LEADER_NOT_AVAILABLE: no broker leads ${named} of topic ${topic}; what belongs there waits, everything else goes on. Bring back a broker that holds it.`;
}

/** How a log was cut, and what is done about it. */
export function truncatedReason(topic: string, partition: number, read: number, end: number): string {
  return `LOG_TRUNCATED: partition ${partition} of topic ${topic} was read up to offset ${read}, but the brokers have lost what followed offset ${end}. It is read again from there; what was lost is published again.`;
}

/** What a relay finds lost of what was acknowledged to it. */
export function lostReason(topic: string, partition: number, end: number): string {
  return `LOG_TRUNCATED: the brokers have lost events of partition ${partition} of topic ${topic} that they had acknowledged, up to offset ${end}. They are published again from the outbox.`;
}

/** How events were deleted before they were read. */
export function gapReason(topic: string, partition: number, wanted: number, start: number): string {
  return `LOG_GAP: partition ${partition} of topic ${topic} begins at offset ${start}, and ${wanted} was to be read next: what lay between was deleted unread. Run olms topics --renew.`;
}

/** What an error of the client means under these settings. */
export function diagnose(error: unknown, config: KafkaConfig): Diagnosis {
  const causes = causesOf(error);
  for (const cause of causes) {
    const failure = tlsFailure(cause, tlsFilesOf(config), KAFKA_TLS);
    if (failure) return failure;
  }
  for (const { matches, fatal, explain } of KINDS) {
    const cause = causes.find(matches);
    if (cause) return { fatal, reason: explain(config, cause) };
  }
  return { fatal: false, reason: reasonOf(error) };
}

/** True where it is the client or a broker that says so, and not a mistake of ours. */
export function isFromBrokers(error: unknown): boolean {
  return causesOf(error).some(({ apiId, code }) => apiId !== undefined || String(code).startsWith('PLT_KFK_'));
}

/** True where the brokers answered with this error. */
export function answeredWith(error: unknown, apiId: string): boolean {
  return causesOf(error).some(answered(apiId));
}

/** The innermost message: outer ones only say that something failed. */
export function reasonOf(error: unknown): string {
  const { message, code } = innermost(error);
  return message || code || String(error);
}

function innermost(error: unknown): Partial<KafkaError> {
  return causesOf(error).at(-1) ?? {};
}

/** An error with all it was caused by, outermost first. The client hides some under `errors`, some under `cause`. */
function causesOf(error: unknown): KafkaError[] {
  const found: KafkaError[] = [];
  const open = [error];
  while (open.length > 0 && found.length < ERRORS_MAX) {
    const next = open.shift();
    if (!(next instanceof Error)) continue;
    found.push(next);
    open.push(next.cause, ...(next instanceof AggregateError ? (next.errors as unknown[]) : []));
  }
  return found;
}

/** Who we are for the brokers. */
function principalOf({ saslMechanism, saslUsername, tlsCert }: KafkaConfig): string {
  if (saslMechanism !== '') return `user "${saslUsername}"`;
  return tlsCert === '' ? 'the user ANONYMOUS' : 'the owner of the certificate in KAFKA_TLS_CERT';
}

function aclPrincipalOf({ saslMechanism, saslUsername, tlsCert }: KafkaConfig): string {
  if (saslMechanism !== '') return `User:${saslUsername}`;
  return tlsCert === '' ? 'User:ANONYMOUS' : '"User:<subject of the certificate>"';
}

/** What a listener may ask for that is not set. */
function closedAdvice(config: KafkaConfig): string {
  const missing: string[] = [];
  if (!config.tls) missing.push('TLS (KAFKA_TLS)');
  if (config.saslMechanism === '') missing.push('credentials (KAFKA_SASL_MECHANISM, …)');
  if (config.tls && config.tlsCert === '') missing.push('a certificate (KAFKA_TLS_CERT, KAFKA_TLS_KEY)');
  const asks = missing.length === 0 ? '' : `this listener may ask for ${missing.join(' or ')}`;
  const refuses = config.tlsCert === '' ? '' : certificateAdvice(tlsFilesOf(config), KAFKA_TLS);
  return [asks, refuses].filter((text) => text !== '').join(', or ') || 'see the log of the broker';
}
