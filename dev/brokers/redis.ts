import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { debianProgram, freePort, type Progress, startServer } from './programs.ts';

/** A Redis without persistence: what it holds is a cache. */

export interface RedisOptions {
  readonly dir: string;
  readonly port?: number;
  readonly maxMemoryMb?: number;
  /** Start one even where REDIS_URL is set: for those who kill it. */
  readonly own?: boolean;
  /** Further arguments of redis-server: a password, users, a port with TLS. */
  readonly args?: readonly string[];
  readonly log?: Progress;
}

export interface Redis {
  readonly url: string;
  /** Undefined for a server that was running already. */
  readonly pid: number | undefined;
  stop(): Promise<void>;
  kill(): Promise<void>;
}

/** Uses REDIS_URL where set; else the redis-server on the PATH; else installs one. */
export async function startRedis(options: RedisOptions): Promise<Redis> {
  const external = options.own ? undefined : process.env['REDIS_URL'];
  if (external) {
    const notOurs = (): Promise<void> =>
      Promise.reject(new Error('REDIS_URL is set: this server was not started here and is not killed here.'));
    return { url: external, pid: undefined, stop: async () => {}, kill: notOurs };
  }
  const log = options.log ?? (() => {});
  const { command, env } = await debianProgram(
    'redis-server',
    'redis-server',
    'Install Redis, or set REDIS_URL to one that runs already.',
    log,
  );
  const port = options.port ?? (await freePort());
  mkdirSync(options.dir, { recursive: true });
  const memory = ['--maxmemory', `${options.maxMemoryMb ?? 128}mb`, '--maxmemory-policy', 'allkeys-lru'];
  const server = await startServer({
    name: 'Redis',
    command,
    args: [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--appendonly',
      'no',
      '--daemonize',
      'no',
      '--dir',
      options.dir,
      ...memory,
      ...(options.args ?? []),
    ],
    env,
    cwd: options.dir,
    logFile: join(options.dir, 'redis.log'),
    ready: () => answersPing(port),
    startTimeoutMs: 15_000,
  });
  log(`Redis answers on 127.0.0.1:${port}.`);
  return { url: `redis://127.0.0.1:${port}`, pid: server.pid, stop: () => server.stop(), kill: () => server.kill() };
}

function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 500 }, () => socket.write('PING\r\n'));
    const done = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('data', (data) => done(/^(\+PONG|-NOAUTH)/.test(data.toString())));
    socket.once('error', () => done(false));
    socket.once('timeout', () => done(false));
  });
}
