import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#platform/database/embedded/server.ts';

/**
 * The PostgreSQL servers that test files share, started when the first file asks and stopped after the last: one per
 * worker, so that files which run at the same time never hold each other up. The end of the log waits for every open
 * transaction of a server, whatever its database. Files that kill or configure a server start their own.
 *
 * Kafka is not shared: consumer groups are named after services, and two systems on one broker would be one group.
 */

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where workers ask for the URL of their server. */
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

const SHM = '/dev/shm';
const ROOM_BYTES = 4 * 1024 ** 3;

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
  const started = new Map<string, Promise<EmbeddedPostgres>>();
  const door = createServer((request, response) => {
    const worker = request.url!.slice(1);
    let server = started.get(worker);
    if (!server) {
      const settings = { ...FAST_POSTGRES, max_connections: '200' };
      server = startEmbeddedPostgres({ dataDir: join(folder, worker, 'postgres'), settings });
      started.set(worker, server);
    }
    server.then(
      ({ url }) => response.end(url),
      (error: Error) => response.writeHead(500).end(error.message),
    );
  });
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
  project.provide('sharedServers', `http://127.0.0.1:${(door.address() as AddressInfo).port}`);
  return async () => {
    door.closeAllConnections();
    door.close();
    await Promise.allSettled([...started.values()].map(async (server) => (await server).stop()));
    process.off('exit', remove);
    remove();
  };
}
