import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { OPEN_STATUSES } from '#orders/rules/lifecycle.ts';
import type { LoadPlan, LoadResult } from './load-generator.ts';

export const KEY = 'bench-key';
/** What every measured system has beside its own settings: nothing waits for a carrier, and nothing is logged. */
export const MEASURED_ENV = {
  OLMS_ENV: 'development',
  SANDBOX_CARRIER_DELAY_MS: '0',
  OLMS_BOOTSTRAP_API_KEY: KEY,
  LOG_LEVEL: 'error',
};
const PRODUCTS = 300;
const OPEN = [...OPEN_STATUSES];
const POLL_MS = 50;
const GENERATOR = join(import.meta.dirname, 'load-generator.ts');
const GENERATOR_TIMEOUT_MS = 900_000;
const run = promisify(execFile);

/** A running system of whatever shape: its API, and a client on the database of its orders. */
export class MeasuredSystem {
  readonly url: string;
  readonly sql: pg.Client;
  readonly skus = Array.from({ length: PRODUCTS }, (_, n) => `SKU-${n}`);
  #runs = 0;

  constructor(url: string, sql: pg.Client) {
    this.url = url;
    this.sql = sql;
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
      port: Number(new URL(this.url).port),
      key: KEY,
      connections: 64,
      rate: 0,
      skus: this.skus,
      lines: 3,
      waitSeconds: 0,
      run: `r${process.pid}-${Date.now()}-${this.#runs++}`,
      ...plan,
    };
    const { stdout } = await run(process.execPath, [GENERATOR, JSON.stringify(full)], {
      maxBuffer: 1e6,
      timeout: GENERATOR_TIMEOUT_MS,
    });
    return JSON.parse(stdout) as LoadResult;
  }

  async count(statuses: readonly string[]): Promise<number> {
    const result = await this.sql.query<{ n: string }>(
      'select count(*) as n from orders.order_states where status = any($1)',
      [statuses],
    );
    return Number(result.rows[0]!.n);
  }

  /** Orders that are not final yet. */
  openOrders(): Promise<number> {
    return this.count(OPEN);
  }

  /**
   * Waits until no order is open any more. The question finds one open order in the index and stops there: one that
   * counts them all takes more of the machine than the orders it asks about.
   */
  async allFinal(timeoutMs = 600_000): Promise<void> {
    const deadlineMs = Date.now() + timeoutMs;
    // For this question alone: other plans of this client are looked at.
    await this.sql.query('set enable_seqscan = off');
    try {
      while (await this.#anyOpen()) {
        if (Date.now() > deadlineMs) throw new Error('orders are still open');
        await sleep(POLL_MS);
      }
    } finally {
      await this.sql.query('reset enable_seqscan');
    }
  }

  async #anyOpen(): Promise<boolean> {
    const { rows } = await this.sql.query('select 1 from orders.order_states where status = any($1) limit 1', [OPEN]);
    return rows.length > 0;
  }
}
