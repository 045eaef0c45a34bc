import { createHash, randomUUID } from 'node:crypto';
import { cpSync, existsSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cached, onPath, type Progress, run } from './programs.ts';

/** What it takes to run Kafka, each found or made once and kept: Java, the jars, and what makes its start short. */

export const KAFKA_VERSION = '4.3.0';
const JAVA_MIN = 17;

/** How this broker is run: a JVM and its class path. */
export interface KafkaProgram {
  readonly java: string;
  readonly classPath: readonly string[];
  /** Names JVM and jars, so that what is kept for them is used with no others. */
  readonly id: string;
}

export async function findProgram(log: Progress): Promise<KafkaProgram> {
  const { java, version } = await findJava(log);
  const libraries = await findKafka(log);
  const id = `kafka-${KAFKA_VERSION}-${hash(realpathSync(java), version, libraries)}`;
  return { java, classPath: ['-cp', join(libraries, '*')], id };
}

/**
 * Puts the data of a new cluster into `folder`. Formatting takes a JVM two seconds, so the result is kept: clusters
 * with the same `args` (users, for example) have the same id, which nobody minds who starts them one beside the other.
 */
export async function formatStorage(
  { java, classPath, id }: KafkaProgram,
  folder: string,
  args: readonly string[],
  nodeId = 1,
): Promise<void> {
  const kept = await cached(`${id}-formatted-${hash(...args)}`, async (fresh) => {
    const settingsFile = join(fresh, 'format.properties');
    writeFileSync(settingsFile, FORMAT_SETTINGS + `log.dirs=${join(fresh, 'data')}\n`);
    const clusterId = Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url');
    // An id that begins with a dash would be taken for an option.
    const format = ['format', '-t', `A${clusterId.slice(1)}`, '-c', settingsFile, ...args];
    await run(java, [...classPath, 'kafka.tools.StorageTool', ...format], fresh);
  });
  cpSync(join(kept, 'data'), folder, { recursive: true });
  if (nodeId === 1) return;
  const meta = join(folder, 'meta.properties');
  // A folder has an id of its own, which is given where none is written.
  const lines = readFileSync(meta, 'utf8')
    .split('\n')
    .filter((line) => !line.startsWith('directory.id='));
  writeFileSync(meta, lines.join('\n').replace(/^node\.id=1$/m, `node.id=${nodeId}`));
}

const FORMAT_SETTINGS = [
  'process.roles=broker,controller',
  'node.id=1',
  'controller.quorum.voters=1@127.0.0.1:9093',
  'controller.listener.names=CONTROLLER',
  'listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093',
  '',
].join('\n');

/**
 * JVM options with which classes are mapped from a file instead of being read from the jars: a start takes half the
 * time (3.8 instead of 8.2 s, 1.6 instead of 3.0 s of processor, on two busy cores). `runOnce` starts a broker with
 * given options, and stops it; without the file, a broker starts as slowly as ever.
 */
export async function sharedClasses(
  { id }: KafkaProgram,
  runOnce: (dir: string, options: readonly string[]) => Promise<void>,
  log: Progress,
): Promise<readonly string[]> {
  try {
    const folder = await cached(`${id}-classes`, async (fresh) => {
      log('Kafka: writing its classes into one file (once) …');
      const dir = join(fresh, 'broker');
      await runOnce(dir, [`-XX:ArchiveClassesAtExit=${join(fresh, 'classes.jsa')}`]);
      rmSync(dir, { recursive: true });
    });
    return [`-XX:SharedArchiveFile=${join(folder, 'classes.jsa')}`, '-Xlog:cds=off', '-Xlog:cds+dynamic=off'];
  } catch (error) {
    log(`Kafka: its classes could not be written into one file: ${(error as Error).message}`);
    return [];
  }
}

function hash(...texts: readonly string[]): string {
  return createHash('sha256').update(texts.join('\n')).digest('hex').slice(0, 12);
}

async function findJava(log: Progress): Promise<{ java: string; version: string }> {
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
  const version = await run('sh', ['-c', '"$0" -version 2>&1', java], '/');
  const major = /version "(\d+)/.exec(version)?.[1];
  if (Number(major) < JAVA_MIN)
    throw new Error(
      `Kafka needs Java ${JAVA_MIN} or newer; ${java} is ${major}. Set JAVA_HOME to another, or KAFKA_BROKERS to a Kafka that runs already.`,
    );
  return { java, version };
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
