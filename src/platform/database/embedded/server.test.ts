import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './server.ts';
import { processIdentity } from './process-identity.ts';

describe('the embedded PostgreSQL', () => {
  let folder: string;
  let dataDir: string;
  const running: { stop(): Promise<void> }[] = [];
  const children: ChildProcess[] = [];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'olms-pg-')); // 0700: as root, the server's user cannot enter it without help
    dataDir = join(folder, 'postgres');
  });

  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    for (const server of running.splice(0)) await server.stop();
    // A server whose owner was killed above is adopted, to stop it.
    if (existsSync(join(dataDir, 'postmaster.pid'))) await (await startEmbeddedPostgres({ dataDir })).stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function start(): Promise<EmbeddedPostgres> {
    const server = await startEmbeddedPostgres({ dataDir, settings: { shared_buffers: '32MB' } });
    running.push(server);
    return server;
  }

  /** Starts the server in another Node and answers what that one got. */
  async function startElsewhere(): Promise<{ child: ChildProcess; pid: number; owned: boolean }> {
    const module = JSON.stringify(new URL('./server.ts', import.meta.url).href);
    const script = `import { startEmbeddedPostgres } from ${module};
      const server = await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)}, settings: { shared_buffers: '32MB' } });
      console.log(JSON.stringify({ pid: server.pid, owned: server.owned }));
      process.once('SIGTERM', async () => { await server.stop(); process.exit(0); });
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    const ended = once(child, 'exit').then(() => Promise.reject(new Error('the other process ended early')));
    const [line] = (await Promise.race([once(child.stdout!, 'data'), ended])) as [Buffer];
    ended.catch(() => {});
    return { child, ...(JSON.parse(line.toString()) as { pid: number; owned: boolean }) };
  }

  async function killServer(pid: number): Promise<void> {
    process.kill(pid, 'SIGKILL');
    while (processIdentity(pid) !== undefined) await sleep(5);
  }

  test('keeps what was committed when it is killed', async () => {
    const first = await start();
    await query(first.url, 'CREATE TABLE kept (id int PRIMARY KEY)');
    await query(first.url, 'INSERT INTO kept VALUES (42)');
    await killServer(first.pid);

    const second = await start();
    expect(second.pid).not.toBe(first.pid);
    expect(await query(second.url, 'SELECT id FROM kept')).toEqual([{ id: 42 }]);
  });

  test('is private, safe and exact by default', async () => {
    const server = await start();
    expect(
      await query(
        server.url,
        `SELECT name, setting FROM pg_settings
         WHERE name IN ('fsync', 'synchronous_commit', 'full_page_writes', 'data_checksums', 'listen_addresses', 'TimeZone', 'server_encoding')
         ORDER BY name COLLATE "C"`,
      ),
    ).toEqual([
      { name: 'TimeZone', setting: 'UTC' },
      { name: 'data_checksums', setting: 'on' },
      { name: 'fsync', setting: 'on' },
      { name: 'full_page_writes', setting: 'on' },
      { name: 'listen_addresses', setting: '' },
      { name: 'server_encoding', setting: 'UTF8' },
      { name: 'synchronous_commit', setting: 'on' },
    ]);
    expect(await query(server.url, 'SELECT count(*) >= 0 AS works FROM pg_stat_statements')).toEqual([{ works: true }]);
    expect(statSync(`${dataDir}.password`).mode & 0o777).toBe(0o600);
    expect(statSync(server.host).mode & 0o777).toBe(0o700);
    await expect(query(server.url.replace(server.password, 'wrong'), 'SELECT 1')).rejects.toThrow(/password/);
  });

  test('starts again in under a second', async () => {
    await (await start()).stop();
    const startedAt = performance.now();
    await start();
    // About 0.1 s by itself; the limit leaves room for tests that run beside this one.
    expect(performance.now() - startedAt).toBeLessThan(1000);
  });

  test('adopts a server that outlived its owner, and stops it', async () => {
    const { child, pid } = await startElsewhere();
    child.kill('SIGKILL');
    await once(child, 'exit');

    const adopted = await start();
    expect(adopted).toMatchObject({ pid, owned: true });
    expect(await query(adopted.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await adopted.stop();
    expect(processIdentity(pid)).toBeUndefined();
  });

  test('uses the server of a living process and leaves it running', async () => {
    const { child, pid } = await startElsewhere();
    const guest = await start();
    expect(guest).toMatchObject({ pid, owned: false });
    await guest.stop();
    expect(await query(guest.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);

    child.kill('SIGTERM');
    await once(child, 'exit');
    expect(processIdentity(pid)).toBeUndefined();
  });

  test('two processes that start at once share one server', async () => {
    const [one, two] = await Promise.all([startElsewhere(), startElsewhere()]);
    expect(one.pid).toBe(two.pid);
    expect([one.owned, two.owned].toSorted()).toEqual([false, true]);
    const owner = one.owned ? one : two;
    owner.child.kill('SIGTERM');
    await once(owner.child, 'exit');
  });

  test('starts although the number in its lock file was given to another process', async () => {
    const first = await start();
    await query(first.url, 'CREATE TABLE kept (id int)');
    const lockFile = join(dataDir, 'postmaster.pid');
    const lock = readFileSync(lockFile, 'utf8');
    await killServer(first.pid);
    // A process of the server's own user, which is the case PostgreSQL itself cannot distinguish.
    const { uid, gid } = statSync(dataDir);
    const other = spawn('sleep', ['60'], { uid, gid, stdio: 'ignore', cwd: '/' });
    children.push(other);
    await once(other, 'spawn');
    writeFileSync(lockFile, lock.replace(/^\d+/, String(other.pid)));

    const second = await start();
    expect(await query(second.url, 'SELECT * FROM kept')).toEqual([]);
  });

  test('an interrupted first start leaves nothing in the way', async () => {
    mkdirSync(`${dataDir}.new`);
    writeFileSync(join(`${dataDir}.new`, 'half'), '');
    writeFileSync(`${dataDir}.password.copy`, 'old');
    await start();
    expect(existsSync(`${dataDir}.new`)).toBe(false);
    expect(existsSync(`${dataDir}.password.copy`)).toBe(false);
  });

  test('says why it does not start', async () => {
    await expect(startEmbeddedPostgres({ dataDir, settings: { shared_buffers: 'plenty' } })).rejects.toThrow(
      /did not start[\s\S]*invalid value for parameter "shared_buffers"/,
    );
    await expect(startEmbeddedPostgres({ dataDir: folder })).rejects.toThrow(/holds no PostgreSQL data/);
  });

  test('reports when it ends by itself', async () => {
    const reason = new Promise<string>((resolve) => {
      void startEmbeddedPostgres({ dataDir, settings: { shared_buffers: '32MB' }, onUnexpectedExit: resolve }).then(
        (server) => {
          running.push(server);
          process.kill(server.pid, 'SIGKILL');
        },
      );
    });
    expect(await reason).toMatch(/ended by itself/);
  });

  test('puts its socket elsewhere when the path is too long for one', async () => {
    dataDir = join(folder, 'a'.repeat(100), 'postgres');
    const server = await start();
    expect(server.host.length).toBeLessThan(80);
    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await server.stop();
    expect(existsSync(server.host)).toBe(false);
  });
});

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client(url);
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.query(sql)).rows as unknown[];
  } finally {
    await client.end().catch(() => {});
  }
}
