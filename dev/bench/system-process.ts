import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#platform/database/embedded/server.ts';
import { MEASURED_ENV, MeasuredSystem } from './measured-system.ts';
import { processorSeconds, serverSeconds } from './cpu-time.ts';

const READY_TIMEOUT_MS = 60_000;
const MAIN = join(import.meta.dirname, '../../src/main.ts');

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The system in a process of its own on a fresh data folder, as a user runs it, with a client on its database. */
export class SystemProcess extends MeasuredSystem {
  readonly pid: number;
  readonly postgres: EmbeddedPostgres;
  readonly #stop: () => Promise<void>;

  private constructor(
    port: number,
    pid: number,
    postgres: EmbeddedPostgres,
    sql: pg.Client,
    stop: () => Promise<void>,
  ) {
    super(`http://127.0.0.1:${port}`, sql);
    this.pid = pid;
    this.postgres = postgres;
    this.#stop = stop;
  }

  /** Starts it; `dataFolder` may be one of an earlier run, `logFile` takes what it logs. */
  static async start(
    env: Record<string, string> = {},
    { dataFolder, logFile }: { readonly dataFolder?: string; readonly logFile?: string } = {},
  ): Promise<SystemProcess> {
    const folder = dataFolder ?? (await mkdtemp(join(tmpdir(), 'olms-bench-')));
    const port = await freePort();
    const sandboxPort = await freePort();
    const logFd = logFile === undefined ? 'inherit' : openSync(logFile, 'a');
    const child = spawn(
      process.execPath,
      [
        ...process.execArgv,
        ...(process.env['OLMS_BENCH_NODE_OPTIONS'] ?? '').split(' ').filter(Boolean),
        MAIN,
        'start',
      ],
      {
        env: {
          ...process.env,
          OLMS_DATA: folder,
          PORT: String(port),
          SANDBOX_PROVIDER_PORT: String(sandboxPort),
          ...MEASURED_ENV,
          ...env,
        },
        stdio: ['ignore', 'pipe', logFd],
      },
    );
    if (typeof logFd === 'number') closeSync(logFd);
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('the system did not start in time')), READY_TIMEOUT_MS);
      child.once('exit', (code) => reject(new Error(`the system ended with ${code} while starting`)));
      child.stdout!.on('data', (chunk: Buffer) => {
        if (!chunk.toString().includes('listens on')) return;
        clearTimeout(late);
        resolve();
      });
    });
    const postgres = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres') });
    const sql = new pg.Client({ connectionString: postgres.url });
    await sql.connect();
    const stop = async (): Promise<void> => {
      await sql.end();
      child.kill('SIGINT');
      await exited;
      if (dataFolder === undefined) await rm(folder, { recursive: true, force: true });
    };
    return new SystemProcess(port, child.pid!, postgres, sql, stop);
  }

  /** Milliseconds from sending one order to reading it as COMPLETED. */
  async oneLife(): Promise<number> {
    const startedMs = performance.now();
    const items = this.skus.slice(0, 3).map((sku) => ({ sku, quantity: 1, unitPrice: '9.95' }));
    const order = (await this.call('POST', '/orders', {
      customerId: crypto.randomUUID(),
      currency: 'EUR',
      items,
      contact: { email: 'one@example.com' },
      payment: { token: 'tok_approve' },
    })) as { id: string };
    for (;;) {
      const { rows } = await this.sql.query<{ status: string }>(
        'select status from orders.order_states where order_id = $1',
        [order.id],
      );
      if (rows[0]?.status === 'COMPLETED') return performance.now() - startedMs;
      if (performance.now() - startedMs > 30_000) throw new Error(`order ${order.id} is still ${rows[0]?.status}`);
      await sleep(2);
    }
  }

  /** Resident memory of the system in MiB, and processor seconds used so far by it and by its PostgreSQL. */
  async usage(): Promise<{ rssMiB: number; cpuSeconds: number; postgresCpuSeconds: number }> {
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8');
    return {
      rssMiB: Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024,
      cpuSeconds: await processorSeconds(this.pid),
      postgresCpuSeconds: await serverSeconds(this.postgres.pid),
    };
  }

  stop(): Promise<void> {
    return this.#stop();
  }
}
