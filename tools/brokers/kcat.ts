import { execFile } from 'node:child_process';
import { debianProgram, type Progress } from './programs.ts';

/** A Kafka client of other people's making: what it reads, any client reads. */

export interface KcatMessage {
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly payload: string | null;
}

const TIMEOUT_MS = 60_000;

interface KcatLine {
  readonly partition: number;
  readonly offset: number;
  readonly key: string | null;
  readonly headers?: readonly string[];
  readonly payload: string | null;
}

/** Everything that is on a topic now; `settings` are those of librdkafka, for brokers that ask who reads. */
export async function readTopic(
  brokers: string,
  topic: string,
  log: Progress = () => {},
  settings: Readonly<Record<string, string>> = {},
): Promise<KcatMessage[]> {
  const { command, env } = await debianProgram('kcat', 'kcat', 'Install kcat.', log);
  const more = Object.entries(settings).flatMap(([name, value]) => ['-X', `${name}=${value}`]);
  const args = ['-b', brokers, '-C', '-t', topic, '-o', 'beginning', '-e', '-q', '-J', ...more];
  const text = await new Promise<string>((resolve, reject) => {
    execFile(
      command,
      args,
      { env: { ...process.env, ...env }, timeout: TIMEOUT_MS, maxBuffer: 512 * 1024 * 1024 },
      (error, stdout, stderr) => {
        if (error) reject(new Error(`kcat failed: ${error.message}\n${stderr}`, { cause: error }));
        else resolve(stdout);
      },
    );
  });
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const { partition, offset, key, headers = [], payload } = JSON.parse(line) as KcatLine;
      const named: Record<string, string> = {};
      for (let i = 0; i < headers.length; i += 2) named[headers[i]!] = headers[i + 1]!;
      return { partition, offset, key, headers: named, payload };
    });
}
