import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startEmbeddedPostgres } from '#platform/database/embedded/server.ts';
import { startKafka } from '#dev/brokers/kafka.ts';

/**
 * The servers that test files share, started when the first file asks for one and stopped after the last.
 *
 * - PostgreSQL: one per worker, so that files which run at the same time never hold each other up. The end of the log
 *   waits for every open transaction of a server, whatever its database.
 * - Kafka: one for all; each file has topics of its own.
 *
 * Files that kill or configure a server start their own.
 */

declare module 'vitest' {
  export interface ProvidedContext {
    /** Base URL where workers ask for a server. */
    readonly sharedServers: string;
  }
}

/** Nothing here has to survive a power cut. */
export const FAST_POSTGRES = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  shared_buffers: '64MB',
  max_wal_size: '256MB',
};
/** Users of the shared Kafka, beside its listener that asks for none. */
export const KAFKA_USERS = { olms: 'right' };

const SHM = '/dev/shm';
const ROOM_BYTES = 4 * 1024 ** 3;

interface Shared {
  /** What the file that asked is told. */
  readonly answer: object;
  stop(): Promise<void>;
}

const STARTS: Readonly<Record<string, (dir: string) => Promise<Shared>>> = {
  async postgres(dir) {
    const settings = { ...FAST_POSTGRES, max_connections: '200' };
    const server = await startEmbeddedPostgres({ dataDir: join(dir, 'postgres'), settings });
    return { answer: { url: server.url }, stop: () => server.stop() };
  },
  async kafka(dir) {
    const { brokers, listeners, stop } = await startKafka({ dir, secured: { users: KAFKA_USERS } });
    return { answer: { brokers, listeners }, stop };
  },
};

/** In memory where there is plenty of it: what a test writes is gone a minute later. */
function folderForData(): string {
  let roomy = false;
  try {
    const { bavail, bsize } = statfsSync(SHM);
    roomy = bavail * bsize > ROOM_BYTES && freemem() > ROOM_BYTES;
  } catch {
    // No such file system.
  }
  return mkdtempSync(join(roomy ? SHM : tmpdir(), 'olms-tests-'));
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = folderForData();
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  const started = new Map<string, Promise<Shared>>();
  const door = createServer((request, response) => {
    const name = request.url!.slice(1);
    let shared = started.get(name);
    if (!shared) {
      shared = STARTS[name.split('-')[0]!]!(join(folder, name));
      started.set(name, shared);
    }
    shared.then(
      ({ answer }) => response.end(JSON.stringify(answer)),
      (error: Error) => response.writeHead(500).end(error.message),
    );
  });
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
  project.provide('sharedServers', `http://127.0.0.1:${(door.address() as AddressInfo).port}`);
  return async () => {
    door.closeAllConnections();
    door.close();
    await Promise.allSettled([...started.values()].map(async (shared) => (await shared).stop()));
    process.off('exit', remove);
    remove();
  };
}
