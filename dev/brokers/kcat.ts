import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { debianProgram, type Progress } from './programs.ts';

/** A Kafka client of other people's making: what it reads, any client reads. */

export interface KcatMessage {
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: string | null;
}

const TIMEOUT_MS = 300_000;

interface KcatLine {
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  readonly headers?: readonly string[];
  readonly payload: string | null;
}

/**
 * Hands over everything that is on a topic now, partition by partition in the order of offsets; returns how much it
 * was. `settings` are those of librdkafka, for brokers that ask who reads.
 */
export async function eachMessage(
  brokers: string,
  topic: string,
  take: (message: KcatMessage) => void,
  log: Progress = () => {},
  settings: Readonly<Record<string, string>> = {},
): Promise<number> {
  const { command, env } = await debianProgram('kcat', 'kcat', 'Install kcat.', log);
  const more = Object.entries(settings).flatMap(([name, value]) => ['-X', `${name}=${value}`]);
  const args = ['-b', brokers, '-C', '-t', topic, '-o', 'beginning', '-e', '-q', '-J', ...more];
  const kcat = spawn(command, args, {
    env: { ...process.env, ...env },
    timeout: TIMEOUT_MS,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = new Promise<string | undefined>((resolve) => {
    kcat.once('error', (error) => resolve(error.message));
    kcat.once('close', (code, signal) => resolve(code === 0 ? undefined : `it ended with ${signal ?? code}`));
  });
  let complaints = '';
  kcat.stderr.on('data', (chunk: Buffer) => (complaints = `${complaints}${chunk.toString()}`.slice(-2_000)));
  let count = 0;
  for await (const line of createInterface({ input: kcat.stdout, crlfDelay: Infinity })) {
    if (line === '') continue;
    take(parsed(line));
    count++;
  }
  const failure = await ended;
  if (failure !== undefined) throw new Error(`kcat failed: ${failure}\n${complaints}`);
  return count;
}

/** Everything that is on a topic now. */
export async function readTopic(
  brokers: string,
  topic: string,
  log: Progress = () => {},
  settings: Readonly<Record<string, string>> = {},
): Promise<KcatMessage[]> {
  const messages: KcatMessage[] = [];
  await eachMessage(brokers, topic, (message) => messages.push(message), log, settings);
  return messages;
}

function parsed(line: string): KcatMessage {
  const { partition, offset, key, headers = [], payload } = JSON.parse(line) as KcatLine;
  const named: Record<string, string> = {};
  for (let i = 0; i < headers.length; i += 2) named[headers[i]!] = headers[i + 1]!;
  return { partition, offset, key, headers: named, payload };
}
