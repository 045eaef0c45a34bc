import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AclOperations, AclPermissionTypes, Admin, ResourcePatternTypes, ResourceTypes } from '@platformatic/kafka';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readSettings } from '#platform/runtime/settings.ts';
import type { Database } from '#platform/database/database.ts';
import { KafkaBus } from '#platform/kafka/bus.ts';
import { KAFKA_TLS, type KafkaConfig, kafkaSettings, tlsFilesOf } from '#platform/kafka/settings.ts';
import { describeTopics, ensureTopic } from '#platform/kafka/topic.ts';
import { listParked } from '#platform/log/parked.ts';
import { Relay } from '#platform/kafka/relay.ts';
import { secureContexts } from '#platform/runtime/tls.ts';
import { type Kafka, type Listener, startKafka } from '#dev/brokers/kafka.ts';
import { type KcatMessage, readTopic } from '#dev/brokers/kcat.ts';
import { type Authority, type Certificate, newAuthority, selfSigned } from '#tests/support/certificates.ts';
import { untilSeen } from '#tests/support/until.ts';
import { append, disorder, startTestServer, stories, TestConsumer, type TestServer, untilEffects } from './support.ts';

/**
 * A real broker that asks who we are, in every way we can answer: with a password over TLS and without, and with a
 * certificate. It is always one of our own: nobody else's lets us add and remove users.
 */

const PASSWORDS = { alice: 'open-sesame-alice', carol: 'open-sesame-carol', mallory: 'open-sesame-mallory' };
const WRONG = 'open-sesame-wrong';
const SECRETS = [...Object.values(PASSWORDS), WRONG];
/** The brokers ask everybody again so often who they are. */
const REAUTHENTICATE_MS = 1_500;
const START_BOUND_MS = 15_000;

let server: TestServer;
let kafka: Kafka;
let authority: Authority;
let otherAuthority: Authority;
let client: Certificate;
let stranger: Certificate;
let itself: Certificate;
const open: { stop(): Promise<unknown> }[] = [];
let topics = 0;

const logLines: string[] = [];
const logger = pino({ level: 'debug' }, { write: (line: string) => void logLines.push(line) });

type User = keyof typeof PASSWORDS;
type Settings = Record<string, string>;

function password(mechanism: string, username: string = 'alice', secret = PASSWORDS[username as User]): Settings {
  return { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: secret };
}

const trusting = (): Settings => ({ KAFKA_TLS: 'true', KAFKA_TLS_CA: authority.certFile });
const showing = ({ certFile, keyFile }: Certificate): Settings => ({
  KAFKA_TLS_CERT: certFile,
  KAFKA_TLS_KEY: keyFile,
});

function newConfig(listener: Listener | undefined, settings: Settings = {}): KafkaConfig {
  return readSettings(kafkaSettings, {
    KAFKA_BROKERS: listener === undefined ? kafka.brokers : kafka.listeners[listener],
    KAFKA_TOPIC: `test-${++topics}`,
    KAFKA_PARTITIONS: '3',
    ...settings,
  });
}

beforeAll(async () => {
  server = await startTestServer();
  const { folder } = server;
  [authority, otherAuthority, itself] = await Promise.all([
    newAuthority(folder, 'authority'),
    newAuthority(folder, 'other-authority'),
    selfSigned(folder, 'itself', 'IP:127.0.0.1'),
  ]);
  let broker: Certificate;
  [broker, client, stranger] = await Promise.all([
    authority.issue('broker', 'IP:127.0.0.1'),
    authority.issue('client'),
    otherAuthority.issue('stranger'),
  ]);
  kafka = await startKafka({
    own: true,
    dir: join(folder, 'kafka'),
    log: (line) => console.log(line),
    secured: {
      users: PASSWORDS,
      tls: { keyStore: broker.bothFile, trustStore: authority.certFile },
      authorize: true,
    },
    settings: {
      'connections.max.reauth.ms': String(REAUTHENTICATE_MS),
      // One listener with a certificate that nobody signed.
      'listener.name.ssl.ssl.keystore.type': 'PEM',
      'listener.name.ssl.ssl.keystore.location': itself.bothFile,
    },
  });
  for (const user of ['alice', 'carol', 'CN=client']) await allow(user);
}, 300_000);

afterAll(async () => {
  await Promise.allSettled(open.map((part) => part.stop()));
  await kafka?.stop();
  await server?.stop();
});

type Right = { readonly on: 'topic' | 'group'; readonly operations: readonly (keyof typeof AclOperations)[] };
const ALL_RIGHTS: readonly Right[] = [
  { on: 'topic', operations: ['DESCRIBE', 'DESCRIBE_CONFIGS', 'READ', 'WRITE', 'CREATE'] },
  { on: 'group', operations: ['READ'] },
];

/** What docs/runbook.md says to allow, or a part of it. */
async function allow(user: string, rights: readonly Right[] = ALL_RIGHTS): Promise<void> {
  await withAdmin((admin) =>
    admin.createAcls({
      creations: rights.flatMap(({ on, operations }) =>
        operations.map((operation) => ({
          resourceType: on === 'topic' ? ResourceTypes.TOPIC : ResourceTypes.GROUP,
          resourceName: on === 'topic' ? 'test-' : 'olms-',
          resourcePatternType: ResourcePatternTypes.PREFIXED,
          principal: `User:${user}`,
          host: '*',
          operation: AclOperations[operation],
          permissionType: AclPermissionTypes.ALLOW,
        })),
      ),
    }),
  );
}

async function withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Admin({ clientId: 'operator', bootstrapBrokers: kafka.brokers.split(',') });
  try {
    return await work(admin);
  } finally {
    await admin.close();
  }
}

/** A database with a relay and a consumer at the brokers. */
async function startService(
  config: KafkaConfig,
  consumer: string,
): Promise<{ database: Database; relay: Relay; bus: KafkaBus; consumer: TestConsumer }> {
  const { connect, url } = await server.newDatabase();
  const database = connect();
  const relay = await Relay.start({ config, database, url, logger });
  const bus = await KafkaBus.open(config, logger);
  const reading = await TestConsumer.start(bus, database, consumer, 'Secured');
  open.push(relay, reading);
  return { database, relay, bus, consumer: reading };
}

const healthOf = ({ relay, bus }: { relay: Relay; bus: KafkaBus }): string =>
  `${relay.healthy().detail}; ${bus.healthy().detail}`;
const isWell = ({ relay, bus }: { relay: Relay; bus: KafkaBus }): boolean => relay.healthy().ok && bus.healthy().ok;

describe('events go to the brokers and come back', () => {
  const ways: [string, Listener, () => Settings][] = [
    ...['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((mechanism): [string, Listener, () => Settings][] => [
      [`${mechanism} without TLS`, 'SASL_PLAINTEXT', () => password(mechanism)],
      [`${mechanism} over TLS`, 'SASL_SSL', () => ({ ...password(mechanism), ...trusting() })],
    ]),
    ['a certificate of ours', 'MUTUAL', () => ({ ...trusting(), ...showing(client) })],
    ['TLS whose certificate signed itself', 'SSL', () => ({ KAFKA_TLS: 'true', KAFKA_TLS_CA: itself.certFile })],
  ];
  test.each(ways)('with %s', async (_, listener, settings) => {
    const config = newConfig(listener, settings());
    const consumer = `way-${topics}`;
    const service = await startService(config, consumer);
    const events = stories(20, 3, 'Secured');
    await append(service.database, events);
    expect(disorder(await untilEffects(service.database, consumer, events.length))).toEqual([]);
    // The relay counts once more when it next reads the log, which may come after the events have arrived.
    await untilSeen(
      'the relay has nothing left to publish',
      () => healthOf(service),
      (text) => text.startsWith('relaying, 0 events to publish, 0 orders parked; 1 consumers'),
    );
    const { topics: found, groups } = await describeTopics(config);
    expect(found[0]!.partitions.reduce((sum, { end }) => sum + end, 0)).toBe(events.length);
    expect(groups.map(({ group }) => group)).toContain(`olms-${consumer}`);
  });

  test('and a client of other people reads the same over SASL_SSL', async () => {
    const config = newConfig('SASL_SSL', { ...password('SCRAM-SHA-512'), ...trusting() });
    const { database, relay } = await startService(config, 'independent');
    const events = stories(20, 3, 'Secured');
    await append(database, events);
    await relay.settled();
    const settings = {
      'security.protocol': 'SASL_SSL',
      // Debian's librdkafka 2.0.2 repeats its nonce in SCRAM, which brokers refuse since CVE-2024-56128.
      'sasl.mechanism': 'PLAIN',
      'sasl.username': 'alice',
      'sasl.password': PASSWORDS.alice,
      'ssl.ca.location': authority.certFile,
    };
    const idsOf = (read: readonly KcatMessage[]): Set<string | undefined> =>
      new Set(read.map(({ headers }) => headers['ce_id']));
    // Settled is also a relay that is not elected, or from which a transaction elsewhere holds back the end of the log.
    const messages = await untilSeen(
      'kcat to read everything',
      () => readTopic(config.brokers, config.topic, (line) => console.log(line), settings),
      (read) => idsOf(read).size >= events.length,
      60_000,
    );
    expect(idsOf(messages)).toEqual(new Set(events.map(({ id }) => id)));
    expect(
      disorder(messages.map(({ key, headers }) => ({ subject: key!, sequence: Number(headers['ce_sequence']) }))),
    ).toEqual([]);
  }, 90_000);

  test('while the brokers ask again and again who we are', async () => {
    const config = newConfig('SASL_SSL', { ...password('SCRAM-SHA-256'), ...trusting() });
    const service = await startService(config, 'asked-again');
    const events = stories(90, 4, 'Secured');
    const startedMs = Date.now();
    for (let i = 0; i < events.length; i += 12) {
      await append(service.database, events.slice(i, i + 12));
      await sleep(REAUTHENTICATE_MS / 10);
    }
    expect(Date.now() - startedMs).toBeGreaterThan(2.5 * REAUTHENTICATE_MS);
    expect(disorder(await untilEffects(service.database, 'asked-again', events.length))).toEqual([]);
    await untilSeen(
      'all well',
      () => healthOf(service),
      () => isWell(service),
    );
    expect(await listParked(service.database)).toEqual([]);
  }, 60_000);
});

describe('what does not fit is refused at the start, with what to do', () => {
  const refusal = async (config: KafkaConfig, timeoutMs = 2_500): Promise<string> => {
    const startedMs = Date.now();
    const message = await ensureTopic(config, timeoutMs).then(
      () => 'no error',
      (error: Error) => `${error.message}\n${error.stack}`,
    );
    expect(Date.now() - startedMs).toBeLessThan(START_BOUND_MS);
    for (const secret of SECRETS) expect(message).not.toContain(secret);
    return message.split('\n')[0]!;
  };

  const cases: [string, Listener | undefined, () => Settings, RegExp][] = [
    ...['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap(
      (mechanism): [string, Listener, () => Settings, RegExp][] => [
        [
          `a wrong password (${mechanism})`,
          'SASL_SSL',
          () => ({ ...password(mechanism, 'alice', WRONG), ...trusting() }),
          /SASL_AUTHENTICATION_FAILED: .*user "alice".*Check KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD/,
        ],
        [
          `an unknown user (${mechanism})`,
          'SASL_PLAINTEXT',
          () => password(mechanism, 'nobody', WRONG),
          /SASL_AUTHENTICATION_FAILED: .*user "nobody".*Check KAFKA_SASL_USERNAME/,
        ],
      ],
    ),
    [
      'another authority than that of the brokers',
      'SASL_SSL',
      () => ({ ...password('PLAIN'), KAFKA_TLS: 'true', KAFKA_TLS_CA: otherAuthority.certFile }),
      /TLS_NOT_TRUSTED: the authority in KAFKA_TLS_CA \(.*other-authority\.crt\) does not vouch for the server/,
    ],
    [
      'a private authority, and none named',
      'SASL_SSL',
      () => ({ ...password('PLAIN'), KAFKA_TLS: 'true' }),
      /TLS_NOT_TRUSTED: .*Set KAFKA_TLS_CA to the file of the authority/,
    ],
    [
      'a certificate that signed itself, and none named',
      'SSL',
      () => ({ KAFKA_TLS: 'true' }),
      /TLS_NOT_TRUSTED: .*DEPTH_ZERO_SELF_SIGNED_CERT.*Set KAFKA_TLS_CA/,
    ],
    [
      'a certificate for another host',
      undefined,
      () => ({
        KAFKA_BROKERS: kafka.listeners.SASL_SSL!.replace('127.0.0.1', 'localhost'),
        ...password('PLAIN'),
        ...trusting(),
      }),
      /TLS_WRONG_HOST: .*not for "localhost", but for IP Address:127\.0\.0\.1\. Address it by such a name/,
    ],
    ['no TLS where it is spoken', 'SSL', () => ({}), /TLS_EXPECTED: .*Set KAFKA_TLS=true/],
    [
      'a password without TLS where it is spoken',
      'SASL_SSL',
      () => password('PLAIN'),
      /CONNECTION_CLOSED: .*may ask for TLS \(KAFKA_TLS\)/,
    ],
    ['TLS where it is not spoken', undefined, () => trusting(), /TLS_NOT_SPOKEN: .*unset KAFKA_TLS/],
    [
      'TLS and a password where it is not spoken',
      'SASL_PLAINTEXT',
      () => ({ ...password('PLAIN'), ...trusting() }),
      /TLS_NOT_SPOKEN: .*unset KAFKA_TLS/,
    ],
    [
      'a password where none is asked for',
      undefined,
      () => password('PLAIN'),
      /ILLEGAL_SASL_STATE: .*Unset KAFKA_SASL_M/,
    ],
    [
      'no password where one is asked for',
      'SASL_SSL',
      () => trusting(),
      /CONNECTION_CLOSED: .*may ask for credentials \(KAFKA_SASL_MECHANISM/,
    ],
    [
      'no certificate where one is asked for',
      'MUTUAL',
      () => trusting(),
      /(CONNECTION_CLOSED|TLS_CLIENT_REFUSED): .*KAFKA_TLS_CERT.*KAFKA_TLS_KEY/,
    ],
    [
      'a certificate of a stranger',
      'MUTUAL',
      () => ({ ...trusting(), ...showing(stranger) }),
      /(CONNECTION_CLOSED|TLS_CLIENT_REFUSED): .*does not accept the certificate in KAFKA_TLS_CERT \(.*stranger\.crt\)/,
    ],
    [
      'a user who may do nothing',
      'SASL_SSL',
      () => ({ ...password('SCRAM-SHA-512', 'mallory'), ...trusting() }),
      /TOPIC_AUTHORIZATION_FAILED: user "mallory" lacks a right on topic test-\d+\. .*kafka-acls --add --allow-principal User:mallory/,
    ],
  ];
  // Where a broker only hangs up we go on trying until the bound: all of these at the same time.
  const hungUp = ({ source }: RegExp): boolean => /CONNECTION_CLOSED|TLS_NOT_SPOKEN/.test(source);
  test.concurrent.for(cases.filter(([, , , expected]) => hungUp(expected)))(
    '%s',
    async ([, listener, settings, expected], { expect }) => {
      expect(await refusal(newConfig(listener, settings()), 4_000)).toMatch(expected);
    },
  );
  // The others end with the broker's answer, however long that takes.
  test.for(cases.filter(([, , , expected]) => !hungUp(expected)))('%s', async ([, listener, settings, expected]) => {
    expect(await refusal(newConfig(listener, settings()), 10_000)).toMatch(expected);
  });

  test('files that are missing, hold something else or do not belong together', async () => {
    const files = (settings: Settings): KafkaConfig => newConfig('MUTUAL', { KAFKA_TLS: 'true', ...settings });
    const { certFile, keyFile } = client;
    const missing = join(server.folder, 'missing.pem');
    expect(await refusal(files({ KAFKA_TLS_CA: missing }))).toMatch(
      /KAFKA_TLS_CA: the file .* cannot be read \(ENOENT\)/,
    );
    expect(await refusal(files({ KAFKA_TLS_CA: keyFile }))).toMatch(/KAFKA_TLS_CA: .* holds no certificate/);
    expect(await refusal(files({ KAFKA_TLS_CERT: certFile, KAFKA_TLS_KEY: certFile }))).toMatch(
      /KAFKA_TLS_KEY: .* holds no private key/,
    );
    expect(await refusal(files({ KAFKA_TLS_CERT: certFile, KAFKA_TLS_KEY: stranger.keyFile }))).toMatch(
      /key in KAFKA_TLS_KEY does not belong to the certificate in KAFKA_TLS_CERT/,
    );
    expect(await refusal(files({ KAFKA_TLS_CERT: certFile }))).toMatch(
      /KAFKA_TLS_CERT and KAFKA_TLS_KEY need each other/,
    );
    expect(await refusal(newConfig('MUTUAL', { KAFKA_TLS_CERT: certFile, KAFKA_TLS_KEY: keyFile }))).toMatch(
      /KAFKA_TLS_CERT is set, but KAFKA_TLS is not; KAFKA_TLS_KEY is set, but KAFKA_TLS is not/,
    );
  });
});

test('renewed certificates are used by the next connection, half written ones are not', async () => {
  const config = newConfig('MUTUAL', {
    ...trusting(),
    KAFKA_TLS_CERT: join(server.folder, 'renewed.crt'),
    KAFKA_TLS_KEY: join(server.folder, 'renewed.key'),
  });
  const put = (certFile: string, keyFile: string): void => {
    writeFileSync(config.tlsCert, readFileSync(certFile));
    writeFileSync(config.tlsKey, readFileSync(keyFile));
  };
  put(client.certFile, client.keyFile);
  const current = secureContexts(tlsFilesOf(config), KAFKA_TLS);
  const first = current();
  expect(current()).toBe(first);
  put(stranger.certFile, client.keyFile);
  expect(current()).toBe(first);
  put(stranger.certFile, stranger.keyFile);
  expect(current()).not.toBe(first);
});

describe('rights and credentials that change while processes run', () => {
  test('a right that is missing is named, events wait, and go on when it is granted', async () => {
    const settings = { ...password('SCRAM-SHA-512', 'mallory'), ...trusting() };
    const config = newConfig('SASL_SSL', settings);
    await ensureTopic({ ...config, brokers: kafka.brokers, tls: false, tlsCa: '', saslMechanism: '' });
    expect(await ensureTopic(config, 2_000).catch((error: Error) => error.message)).toMatch(
      /TOPIC_AUTHORIZATION_FAILED/,
    );
    await allow('mallory', [{ on: 'topic', operations: ['DESCRIBE', 'DESCRIBE_CONFIGS'] }]);
    const service = await startService(config, 'allowed');
    const events = stories(10, 3, 'Secured');
    await append(service.database, events);
    const untilReported = (pattern: RegExp): Promise<string> =>
      untilSeen(
        String(pattern),
        () => healthOf(service),
        (text) => pattern.test(text),
      );

    await untilReported(
      /Kafka at .*: (TOPIC|CLUSTER)_AUTHORIZATION_FAILED: user "mallory" lacks a right on topic.*Write/,
    );
    await untilReported(
      /allowed: GROUP_AUTHORIZATION_FAILED: user "mallory" may not read in the consumer groups olms-\*/,
    );
    await allow('mallory', [{ on: 'topic', operations: ['WRITE'] }]);
    await untilSeen(
      'the relay to publish',
      () => service.relay.healthy(),
      ({ ok }) => ok,
    );
    await service.relay.settled();
    await allow('mallory', [{ on: 'group', operations: ['READ'] }]);
    await untilReported(/allowed: TOPIC_AUTHORIZATION_FAILED: user "mallory" lacks a right on topic.*Read/);
    expect(service.consumer.delivered).toEqual([]);
    await allow('mallory', [{ on: 'topic', operations: ['READ'] }]);
    expect(disorder(await untilEffects(service.database, 'allowed', events.length))).toEqual([]);
    await untilSeen(
      'all well',
      () => healthOf(service),
      () => isWell(service),
    );
    expect(await listParked(service.database)).toEqual([]);
  }, 120_000);

  test('credentials that are revoked are reported, events wait, and go on when they are given back', async () => {
    const config = newConfig('SASL_SSL', { ...password('SCRAM-SHA-256', 'carol'), ...trusting() });
    const service = await startService(config, 'revoked');
    const events = stories(20, 4, 'Secured');
    await append(service.database, events.slice(0, 40));
    await untilEffects(service.database, 'revoked', 40);
    const carol = ['--alter', '--entity-type', 'users', '--entity-name', 'carol'];
    await kafka.configure([...carol, '--delete-config', 'SCRAM-SHA-256']);
    const reported = (detail: string): boolean => /SASL_AUTHENTICATION_FAILED: .*user \\?"carol/.test(detail);
    await untilSeen(
      'relay and consumer to say so',
      () => [service.relay.healthy().detail, service.bus.healthy().detail],
      (details) => details.every(reported),
      40_000,
    );
    await untilSeen(
      'the log to say so',
      () => logLines,
      (lines) => lines.some((line) => line.includes('gives no events') && reported(line)),
      40_000,
    );
    await append(service.database, events.slice(40));
    await sleep(REAUTHENTICATE_MS);
    expect(service.consumer.delivered.length).toBe(40);
    await kafka.configure([...carol, '--add-config', `SCRAM-SHA-256=[password=${PASSWORDS.carol}]`]);
    const backMs = Date.now();
    expect(disorder(await untilEffects(service.database, 'revoked', events.length, 60_000))).toEqual([]);
    console.log(`flow back ${((Date.now() - backMs) / 1000).toFixed(1)} s after the credentials`);
    await untilSeen(
      'all well',
      () => healthOf(service),
      () => isWell(service),
    );
    expect(await listParked(service.database)).toEqual([]);
  }, 180_000);
});

test('no password was ever written to a log', () => {
  const text = logLines.join('');
  expect(text).toMatch(/AUTHENTICATION_FAILED|AUTHORIZATION_FAILED/);
  for (const secret of SECRETS) expect(text).not.toContain(secret);
  expect(text).not.toMatch(/BEGIN [A-Z ]*PRIVATE KEY/);
});
