import { spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { execFile } from 'node:child_process';
import pg from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#platform/database/embedded-postgres.ts';
import type { LoadPlan, LoadResult } from './load-generator.ts';

const KEY = 'bench-key';
const READY_TIMEOUT_MS = 60_000;
const PRODUCTS = 300;
const MAIN = join(import.meta.dirname, '../../main.ts');
const GENERATOR = join(import.meta.dirname, 'load-generator.ts');
const run = promisify(execFile);

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function processStat(pid: number | string): Promise<{ parent: number; cpuSeconds: number }> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]!.split(' ');
  return { parent: Number(fields[1]), cpuSeconds: (Number(fields[11]) + Number(fields[12])) / 100 };
}

/** The system in a process of its own on a fresh data folder, as a user runs it, with a client on its database. */
export class SystemProcess {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly sql: pg.Client;
  readonly postgres: EmbeddedPostgres;
  readonly #stop: () => Promise<void>;
  readonly skus = Array.from({ length: PRODUCTS }, (_, n) => `SKU-${n}`);
  #runs = 0;

  private constructor(
    port: number,
    pid: number,
    postgres: EmbeddedPostgres,
    sql: pg.Client,
    stop: () => Promise<void>,
  ) {
    this.port = port;
    this.url = `http://127.0.0.1:${port}`;
    this.pid = pid;
    this.postgres = postgres;
    this.sql = sql;
    this.#stop = stop;
  }

  /** Starts it; `dataFolder` may be one of an earlier run. */
  static async start(env: Record<string, string> = {}, dataFolder?: string): Promise<SystemProcess> {
    const folder = dataFolder ?? (await mkdtemp(join(tmpdir(), 'olms-bench-')));
    const port = await freePort();
    const sandboxPort = await freePort();
    const child = spawn(
      process.execPath,
      [...(process.env['OLMS_BENCH_NODE_OPTIONS'] ?? '').split(' ').filter(Boolean), MAIN, 'start'],
      {
        env: {
          ...process.env,
          OLMS_DATA: folder,
          PORT: String(port),
          SANDBOX_PROVIDER_PORT: String(sandboxPort),
          SANDBOX_CARRIER_DELAY_MS: '0',
          OLMS_BOOTSTRAP_API_KEY: KEY,
          LOG_LEVEL: 'error',
          ...env,
        },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => reject(new Error('the system did not start in time')), READY_TIMEOUT_MS);
      child.once('exit', (code) => reject(new Error(`the system ended with ${code} while starting`)));
      child.stdout.on('data', (chunk: Buffer) => {
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

  async call(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${KEY}`,
        'content-type': 'application/json',
        'idempotency-key': crypto.randomUUID(),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  /** Products with plenty of stock. */
  async stockUp(): Promise<void> {
    for (const sku of this.skus) {
      await this.call('PUT', `/products/${sku}`, { name: `Product ${sku}`, price: '9.95', currency: 'EUR' });
      await this.call('POST', '/stock/adjustments', { sku, onHand: 500_000_000, reason: 'bench' });
    }
  }

  /** Sends orders from a generator process. */
  async load(plan: Pick<LoadPlan, 'total'> & Partial<LoadPlan>): Promise<LoadResult> {
    const full: LoadPlan = {
      host: '127.0.0.1',
      port: this.port,
      key: KEY,
      connections: 64,
      rate: 0,
      skus: this.skus,
      lines: 3,
      run: `r${process.pid}-${Date.now()}-${this.#runs++}`,
      ...plan,
    };
    const { stdout } = await run(process.execPath, [GENERATOR, JSON.stringify(full)], {
      maxBuffer: 1e6,
      timeout: 900_000,
    });
    return JSON.parse(stdout) as LoadResult;
  }

  async count(where: string): Promise<number> {
    const result = await this.sql.query<{ n: string }>(`select count(*) as n from orders.order_states ${where}`);
    return Number(result.rows[0]!.n);
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
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** Waits until no order is open any more. */
  async allFinal(timeoutMs = 600_000): Promise<void> {
    const deadlineMs = Date.now() + timeoutMs;
    while ((await this.count("where status not in ('COMPLETED', 'REJECTED', 'PAYMENT_FAILED', 'CANCELLED')")) > 0) {
      if (Date.now() > deadlineMs) throw new Error('orders are still open');
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  /** Resident memory of the system in MiB, and processor seconds used so far by it and by its PostgreSQL. */
  async usage(): Promise<{ rssMiB: number; cpuSeconds: number; postgresCpuSeconds: number }> {
    const status = await readFile(`/proc/${this.pid}/status`, 'utf8');
    let postgresCpuSeconds = 0;
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const stat = await processStat(pid).catch(() => undefined);
      if (stat && (stat.parent === this.postgres.pid || Number(pid) === this.postgres.pid))
        postgresCpuSeconds += stat.cpuSeconds;
    }
    return {
      rssMiB: Number(/VmRSS:\s+(\d+)/.exec(status)![1]) / 1024,
      cpuSeconds: (await processStat(this.pid)).cpuSeconds,
      postgresCpuSeconds,
    };
  }

  stop(): Promise<void> {
    return this.#stop();
  }
}
