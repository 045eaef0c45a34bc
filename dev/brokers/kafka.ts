import { Admin } from '@platformatic/kafka';
import { existsSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cached, freePort, onPath, type Progress, run, startServer } from './programs.ts';

/** Apache Kafka without Docker: one node that is broker and controller (KRaft). */

const KAFKA_VERSION = '4.3.0';
const JAVA_MIN = 17;
const START_TIMEOUT_MS = 90_000;
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
  if (external) {
    const notOurs = (): Promise<void> =>
      Promise.reject(new Error('KAFKA_BROKERS is set: this broker was not started here and is not killed here.'));
    return {
      brokers: external,
      listeners: {},
      pid: undefined,
      configure: notOurs,
      stop: async () => {},
      kill: notOurs,
    };
  }
  const log = options.log ?? (() => {});
  const java = await findJava(log);
  const libraries = await findKafka(log);
  return startBroker(options, java, libraries, log);
}

async function startBroker(options: KafkaOptions, java: string, libraries: string, log: Progress): Promise<Kafka> {
  const port = options.port ?? (await freePort());
  const host = options.host ?? '127.0.0.1';
  mkdirSync(options.dir, { recursive: true });
  const listeners = await listenersOf(options, host);
  const settingsFile = join(options.dir, 'server.properties');
  writeFileSync(
    settingsFile,
    propertiesText({ ...brokerSettings(options, host, port, await freePort(), listeners), ...options.settings }),
    { mode: 0o600 },
  );
  const classPath = ['-cp', join(libraries, '*')];
  if (!existsSync(join(options.dir, 'data', 'meta.properties'))) {
    const clusterId = (await run(java, [...classPath, 'kafka.tools.StorageTool', 'random-uuid'], options.dir)).trim();
    await run(
      java,
      [
        ...classPath,
        'kafka.tools.StorageTool',
        'format',
        '-t',
        clusterId,
        '-c',
        settingsFile,
        ...scramUsers(options.secured),
      ],
      options.dir,
    );
  }
  const heapMb = options.heapMb ?? 512;
  const startedAt = Date.now();
  const brokers = `${host}:${port}`;
  const server = await startServer({
    name: 'Kafka',
    command: java,
    args: [
      `-Xmx${heapMb}m`,
      `-Xms${heapMb >> 1}m`,
      ...JVM,
      '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
      ...classPath,
      'kafka.Kafka',
      settingsFile,
    ],
    cwd: options.dir,
    logFile: join(options.dir, 'kafka.log'),
    ready: () => answers(brokers),
    startTimeoutMs: START_TIMEOUT_MS,
  });
  log(`Kafka ${KAFKA_VERSION} answers on ${brokers} after ${((Date.now() - startedAt) / 1000).toFixed(1)} s.`);
  return {
    brokers,
    listeners,
    configure: async (args) =>
      void (await run(
        java,
        [...classPath, 'kafka.admin.ConfigCommand', '--bootstrap-server', brokers, ...args],
        options.dir,
      )),
    pid: server.pid,
    stop: () => server.stop(),
    kill: () => server.kill(),
  };
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
    'node.id': '1',
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

async function findJava(log: Progress): Promise<string> {
  const home = process.env['JAVA_HOME'];
  let java = home && existsSync(join(home, 'bin', 'java')) ? join(home, 'bin', 'java') : onPath('java');
  if (!java) {
    await installAsRoot(
      'openjdk-17-jre-headless',
      `Kafka needs Java ${JAVA_MIN} or newer. Install it, or set KAFKA_BROKERS to a Kafka that runs already.`,
      log,
    );
    java = onPath('java')!;
  }
  const version = /version "(\d+)/.exec(await run('sh', ['-c', '"$0" -version 2>&1', java], '/'))?.[1];
  if (Number(version) < JAVA_MIN)
    throw new Error(
      `Kafka needs Java ${JAVA_MIN} or newer; ${java} is ${version}. Set JAVA_HOME to another, or KAFKA_BROKERS to a Kafka that runs already.`,
    );
  return java;
}

/** The folder of Kafka's jars. */
async function findKafka(log: Progress): Promise<string> {
  const script = onPath('kafka-server-start.sh') ?? onPath('kafka-server-start');
  const beside = script ? join(dirname(realpathSync(script)), '..', 'libs') : undefined;
  if (beside && existsSync(beside)) return beside;
  return cached(`kafka-${KAFKA_VERSION}`, async (folder) => {
    if (!onPath('mvn'))
      await installAsRoot(
        'maven',
        'Kafka is fetched with Maven. Install it, or set KAFKA_BROKERS to a Kafka that runs already.',
        log,
      );
    log(`Kafka ${KAFKA_VERSION}: getting it from Maven Central (44 MB, once) …`);
    writeFileSync(join(folder, 'pom.xml'), POM);
    const plugin = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies';
    await run('mvn', ['-B', '-q', '-ntp', plugin, `-DoutputDirectory=${folder}`, '-DincludeScope=runtime'], folder);
  });
}

async function installAsRoot(packageName: string, advice: string, log: Progress): Promise<void> {
  if (process.getuid?.() !== 0 || !onPath('apt-get')) throw new Error(advice);
  log(`Installing ${packageName} …`);
  await run('apt-get', ['update', '-qq'], '/');
  await run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', packageName], '/');
}

// slf4j-simple writes what the broker has to say to its log; without a binding it would fail in silence.
const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion><groupId>olms</groupId><artifactId>brokers</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${KAFKA_VERSION}</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
</dependencies></project>
`;
