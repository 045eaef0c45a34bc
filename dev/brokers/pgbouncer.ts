import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { debianProgram, type Progress, type ServerProcess, startServer } from './programs.ts';

/** PgBouncer of Debian, 1.18, which knows no prepared statements of its clients: the hardest pooler to work through. */

export interface PgBouncerOptions {
  /** Where it keeps its settings and its log; made here. */
  readonly dir: string;
  readonly port: number;
  /** PostgreSQL on this machine. */
  readonly server: { readonly port: number; readonly user: string; readonly password: string };
  /** A database that is there, to see that it answers. */
  readonly database: string;
  /** Of its section `[pgbouncer]`, beside those that it needs here. */
  readonly settings: Readonly<Record<string, string>>;
  readonly log?: Progress;
}

export interface PgBouncer extends ServerProcess {
  /** URL of a database through it. */
  urlOf(database: string): string;
}

const START_TIMEOUT_MS = 20_000;

/** Starts one in front of every database of a server. */
export async function startPgBouncer(options: PgBouncerOptions): Promise<PgBouncer> {
  const { dir, port, server, settings, log = () => {} } = options;
  const { command, env } = await debianProgram('pgbouncer', 'pgbouncer', 'Install pgbouncer.', log);
  mkdirSync(dir, { recursive: true });
  // It does not run as root.
  chmodSync(dir, 0o777);
  const lines = {
    listen_addr: '127.0.0.1',
    listen_port: String(port),
    unix_socket_dir: '',
    auth_type: 'any',
    logfile: '',
    ...(process.getuid?.() === 0 && { user: 'nobody' }),
    ...settings,
  };
  const file = join(dir, 'pgbouncer.ini');
  const target = `host=127.0.0.1 port=${server.port} user=${server.user} password=${server.password}`;
  const section = Object.entries(lines).map(([name, value]) => `${name} = ${value}`);
  writeFileSync(file, ['[databases]', `* = ${target}`, '[pgbouncer]', ...section, ''].join('\n'));
  const urlOf = (database: string): string => `postgres://${server.user}@127.0.0.1:${port}/${database}`;
  const running = await startServer({
    name: 'PgBouncer',
    command,
    args: [file],
    env,
    cwd: dir,
    logFile: join(dir, 'pgbouncer.log'),
    ready: () => answers(urlOf(options.database)),
    startTimeoutMs: START_TIMEOUT_MS,
  });
  return { ...running, urlOf };
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}
