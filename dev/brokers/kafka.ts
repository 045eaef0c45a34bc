import { Admin } from '@platformatic/kafka';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, formatStorage, KAFKA_VERSION, type KafkaProgram, sharedClasses } from './kafka-program.ts';
import { freePort, type Progress, run, type ServerProcess, startServer } from './programs.ts';

/** Apache Kafka without Docker: one node that is broker and controller (KRaft). */

const START_TIMEOUT_MS = 90_000;
const ARCHIVE_TIMEOUT_MS = 120_000;
/** It lives for minutes on a machine it shares: what the second compiler and a concurrent collector cost, they do not give back. */
const JVM = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];

export interface KafkaOptions {
  /** Data, settings and log of this broker; kept when it is started again with the same folder and port. */
  readonly dir: string;
  readonly port?: number;
  readonly heapMb?: number;
  /** Name or address under which clients reach the broker. */
  readonly host?: string;
  /** Adds listeners that ask for users, and with certificates some that speak TLS. */
  readonly secured?: Secured;
  /** Start one even where KAFKA_BROKERS is set: for those who need its users or its end. */
  readonly own?: boolean;
  /** Its number among several. */
  readonly nodeId?: number;
  /** Settings that win over ours. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly log?: Progress;
}

export interface Secured {
  /** Passwords by name, for PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 alike. */
  readonly users: Readonly<Record<string, string>>;
  /** PEM files: the brokers' key with its certificate, and the authorities whose clients are let in. */
  readonly tls?: { readonly keyStore: string; readonly trustStore: string };
  /** Everybody but who comes in by the plain listener may do only what an ACL allows. */
  readonly authorize?: boolean;
}

/** Listeners beside the plain one, by what they speak; `mutual` is TLS that asks for a certificate of the client. */
export type Listener = 'SASL_PLAINTEXT' | 'SSL' | 'MUTUAL' | 'SASL_SSL';

export interface Kafka {
  readonly brokers: string;
  /** Addresses of the listeners that were asked for. */
  readonly listeners: Readonly<Partial<Record<Listener, string>>>;
  /** Where it keeps the topics; undefined for a broker elsewhere. */
  readonly dataDir: string | undefined;
  /** Undefined for a broker that was running already. */
  readonly pid: number | undefined;
  /** Changes settings, users for example, as an operator does: with Kafka's own kafka-configs. */
  configure(args: readonly string[]): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
}

/** Uses KAFKA_BROKERS where set; else the Kafka on the PATH; else installs one. */
export async function startKafka(options: KafkaOptions): Promise<Kafka> {
  const external = options.own ? undefined : process.env['KAFKA_BROKERS'];
  if (external) return notOurs(external);
  const log = options.log ?? (() => {});
  const program = await findProgram(log);
  const classes = await sharedClasses(
    program,
    async (dir, jvm) => {
      const broker = { ...options, dir, port: await freePort(), secured: undefined, settings: {} };
      await (await launch(program, broker, {}, jvm)).stop(ARCHIVE_TIMEOUT_MS);
    },
    log,
  );
  return startBroker(options, program, classes, log);
}

function notOurs(brokers: string): Kafka {
  const refuse = (): Promise<void> =>
    Promise.reject(new Error('KAFKA_BROKERS is set: this broker was not started here and is not changed here.'));
  const stop = async (): Promise<void> => {};
  return { brokers, listeners: {}, dataDir: undefined, pid: undefined, configure: refuse, stop, kill: refuse };
}

async function startBroker(
  options: KafkaOptions,
  program: KafkaProgram,
  jvm: readonly string[],
  log: Progress,
): Promise<Kafka> {
  const { dir, host = '127.0.0.1', port = await freePort() } = options;
  const listeners = await listenersOf(options, host);
  const startedAt = Date.now();
  const server = await launch(program, { ...options, port }, listeners, jvm);
  const brokers = `${host}:${port}`;
  log(`Kafka ${KAFKA_VERSION} answers on ${brokers} after ${((Date.now() - startedAt) / 1000).toFixed(1)} s.`);
  return {
    brokers,
    listeners,
    dataDir: join(dir, 'data'),
    configure: async (args) => {
      const command = ['kafka.admin.ConfigCommand', '--bootstrap-server', brokers, ...args];
      await run(program.java, [...JVM, ...jvm, ...program.classPath, ...command], dir);
    },
    pid: server.pid,
    stop: () => server.stop(),
    kill: () => server.kill(),
  };
}

async function launch(
  program: KafkaProgram,
  options: KafkaOptions & { readonly port: number },
  listeners: Kafka['listeners'],
  jvm: readonly string[],
): Promise<ServerProcess> {
  const { dir, port, host = '127.0.0.1', heapMb = 512 } = options;
  mkdirSync(dir, { recursive: true });
  const settingsFile = join(dir, 'server.properties');
  const settings = { ...brokerSettings(options, host, port, await freePort(), listeners), ...options.settings };
  writeFileSync(settingsFile, propertiesText(settings), { mode: 0o600 });
  if (!existsSync(join(dir, 'data', 'meta.properties')))
    await formatStorage(program, join(dir, 'data'), scramUsers(options.secured), options.nodeId);
  const logging = '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn';
  return startServer({
    name: 'Kafka',
    command: program.java,
    args: [
      `-Xmx${heapMb}m`,
      `-Xms${heapMb >> 1}m`,
      ...JVM,
      ...jvm,
      logging,
      ...program.classPath,
      'kafka.Kafka',
      settingsFile,
    ],
    cwd: dir,
    logFile: join(dir, 'kafka.log'),
    ready: () => answers(`${host}:${port}`),
    startTimeoutMs: START_TIMEOUT_MS,
  });
}

function brokerSettings(
  options: KafkaOptions,
  host: string,
  port: number,
  controllerPort: number,
  secured: Kafka['listeners'],
): Record<string, string> {
  const listeners = Object.entries(secured).map(([name, address]) => `,${name}://${address}`);
  return {
    'process.roles': 'broker,controller',
    'node.id': String(options.nodeId ?? 1),
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://${host}:${port},CONTROLLER://127.0.0.1:${controllerPort}${listeners.join('')}`,
    'advertised.listeners': `PLAINTEXT://${host}:${port}${listeners.join('')}`,
    'listener.security.protocol.map':
      'CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL,MUTUAL:SSL,SASL_SSL:SASL_SSL',
    'log.dirs': join(options.dir, 'data'),
    'auto.create.topics.enable': 'false',
    'offsets.topic.replication.factor': '1',
    'offsets.topic.num.partitions': '4',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'transaction.state.log.num.partitions': '4',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    // Groups of one machine form at once; the default waits 3 s for company.
    'group.initial.rebalance.delay.ms': '0',
    'group.min.session.timeout.ms': '1000',
    // One that was killed is let in when the controller has given up its last life: after 9 s by default.
    'broker.session.timeout.ms': '3000',
    'broker.heartbeat.interval.ms': '500',
    'num.network.threads': '2',
    'num.io.threads': '2',
    ...securitySettings(options.secured),
  };
}

const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'];

async function listenersOf({ secured }: KafkaOptions, host: string): Promise<Kafka['listeners']> {
  if (!secured) return {};
  const names: readonly Listener[] = secured.tls ? ['SASL_PLAINTEXT', 'SSL', 'MUTUAL', 'SASL_SSL'] : ['SASL_PLAINTEXT'];
  const listeners: Partial<Record<Listener, string>> = {};
  for (const name of names) listeners[name] = `${host}:${await freePort()}`;
  return listeners;
}

function securitySettings(secured: Secured | undefined): Record<string, string> {
  if (!secured) return {};
  const { users, tls, authorize } = secured;
  const plainUsers = Object.entries(users).map(([name, password]) => ` user_${name}="${password}"`);
  const settings: Record<string, string> = { 'sasl.enabled.mechanisms': MECHANISMS.join(',') };
  for (const listener of ['sasl_plaintext', 'sasl_ssl']) {
    settings[`listener.name.${listener}.plain.sasl.jaas.config`] =
      `org.apache.kafka.common.security.plain.PlainLoginModule required${plainUsers.join('')};`;
    for (const mechanism of MECHANISMS.slice(1))
      settings[`listener.name.${listener}.${mechanism.toLowerCase()}.sasl.jaas.config`] =
        'org.apache.kafka.common.security.scram.ScramLoginModule required;';
  }
  if (tls)
    Object.assign(settings, {
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.location': tls.keyStore,
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.location': tls.trustStore,
      'listener.name.mutual.ssl.client.auth': 'required',
    });
  if (authorize)
    Object.assign(settings, {
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'super.users': 'User:ANONYMOUS',
    });
  return settings;
}

/** SCRAM users are data of the cluster: they are there from its first start on. */
function scramUsers(secured: Secured | undefined): string[] {
  return Object.entries(secured?.users ?? {}).flatMap(([name, password]) =>
    MECHANISMS.slice(1).flatMap((mechanism) => ['--add-scram', `${mechanism}=[name=${name},password=${password}]`]),
  );
}

function propertiesText(settings: Readonly<Record<string, string>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

/** A broker that lists itself is registered with its controller and takes requests. */
async function answers(brokers: string): Promise<boolean> {
  const admin = new Admin({
    clientId: 'olms-start',
    bootstrapBrokers: brokers.split(','),
    retries: 0,
    connectTimeout: 1_000,
  });
  try {
    return (await admin.metadata({ topics: [] })).brokers.size > 0;
  } catch {
    return false;
  } finally {
    await admin.close().catch(() => {});
  }
}
