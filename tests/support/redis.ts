import { type Redis, startRedis } from '#dev/brokers/redis.ts';
import { freePort } from './ports.ts';

/** A Redis to be paused, killed and started again, at one address. */
export interface OwnRedis {
  readonly url: string;
  /** Stops it in the middle of whatever it does; connections stay open. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  kill(): Promise<void>;
  /** Starts it where it does not run, empty; resumes it where it is paused. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function startOwnRedis(dir: string): Promise<OwnRedis> {
  const port = await freePort();
  let server: Redis | undefined = await startRedis({ dir, port, own: true });
  const signal = (name: NodeJS.Signals): void => {
    if (server) process.kill(server.pid!, name);
  };
  return {
    url: server.url,
    pause: async () => signal('SIGSTOP'),
    resume: async () => signal('SIGCONT'),
    async kill() {
      await server?.kill();
      server = undefined;
    },
    async restart() {
      signal('SIGCONT');
      server ??= await startRedis({ dir, port, own: true });
    },
    async stop() {
      signal('SIGCONT');
      await server?.stop();
    },
  };
}
