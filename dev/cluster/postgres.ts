import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEmbeddedPostgres } from '#platform/database/embedded/server.ts';

/**
 * The PostgreSQL server of a local cluster as a process of the cluster: it follows the launcher like every other
 * one, and a server that crashed is started again on its data, where clients look for it. Where that is, it writes
 * to `<data folder>.json`.
 *
 *   node dev/cluster/postgres.ts <data folder> <settings as JSON>
 */

const RETRY_MS = 300;
/** After the launcher's death all end at once, and who uses the server should end first. */
const LAST_WORDS_MS = 1_500;

const [dataDir, settings] = process.argv.slice(2);
const addressFile = `${dataDir}.json`;
let stopping = false;

async function start(): ReturnType<typeof startEmbeddedPostgres> {
  const server = await startEmbeddedPostgres({
    dataDir: dataDir!,
    settings: JSON.parse(settings ?? '{}') as Record<string, string>,
    log: report,
    onUnexpectedExit: (reason) => {
      rmSync(addressFile, { force: true });
      report(reason);
      current = again();
    },
  });
  const fresh = `${addressFile}.new`;
  writeFileSync(fresh, JSON.stringify({ url: server.url, pid: server.pid }), { mode: 0o600 });
  renameSync(fresh, addressFile);
  report(`PostgreSQL runs as process ${server.pid}`);
  return server;
}

async function again(): ReturnType<typeof startEmbeddedPostgres> {
  for (;;) {
    try {
      return await start();
    } catch (error) {
      report(`PostgreSQL does not start: ${(error as Error).message}`);
      if (stopping) throw error;
      await sleep(RETRY_MS);
    }
  }
}

function report(line: string): void {
  process.stdout.write(`${new Date().toISOString()} ${line}\n`);
}

async function stop(afterMs: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  await sleep(afterMs);
  rmSync(addressFile, { force: true });
  await (await current).stop();
  process.exit(0);
}

process.once('SIGINT', () => void stop(0));
process.once('SIGTERM', () => void stop(LAST_WORDS_MS));
let current = start();
await current;
setInterval(() => {}, 60_000);
