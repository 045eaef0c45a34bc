import { mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { type Kafka, startKafka } from '#dev/brokers/kafka.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#platform/database/embedded/server.ts';

/**
 * The PostgreSQL servers that test files share, started when the first file asks and stopped after the last: one per
 * worker, so that files which run at the same time never hold each other up. The end of the log waits for every open
 * transaction of a server, whatever its database. Files that kill or configure a server start their own.
 *
 * Kafka is one for all files of tests/bus, whose consumers and topics have names of their own. Files with a whole
 * system start their own: consumer groups are named after services, and two systems on one broker would be one group.
 */

declare module 'vitest' {
  export interface ProvidedContext {
    /** Where workers ask for the URL of their PostgreSQL, and for the brokers. */
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
  let kafka: Promise<Kafka> | undefined;
  const door = createServer((request, response) => {
    const fail = (error: Error): unknown => response.writeHead(500).end(error.message);
    const worker = request.url!.slice(1);
    if (worker === 'kafka') {
      kafka ??= startKafka({ dir: join(folder, 'kafka'), secured: { users: KAFKA_USERS } });
      kafka.then(({ brokers, listeners }) => response.end(JSON.stringify({ brokers, listeners })), fail);
      return;
    }
    let server = started.get(worker);
    if (!server) {
      const settings = { ...FAST_POSTGRES, max_connections: '200' };
      server = startEmbeddedPostgres({ dataDir: join(folder, worker, 'postgres'), settings });
      started.set(worker, server);
    }
    server.then(({ url }) => response.end(url), fail);
  });
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
  project.provide('sharedServers', `http://127.0.0.1:${(door.address() as AddressInfo).port}`);
  return async () => {
    door.closeAllConnections();
    door.close();
    await Promise.allSettled([...started.values(), kafka].map(async (server) => (await server)?.stop()));
    process.off('exit', remove);
    remove();
  };
}
