import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { readSettings } from '#platform/runtime/settings.ts';
import { kafkaSettings } from '#platform/kafka/settings.ts';
import { describeTopics, type GroupDescription } from '#platform/kafka/topic.ts';
import { Cluster } from '#dev/cluster/launcher.ts';
import { KEY, MEASURED_ENV, MeasuredSystem } from './measured-system.ts';
import { processorSeconds, serverSeconds } from './cpu-time.ts';

const REACHABLE_TIMEOUT_MS = 30_000;

/** The cluster shape on a fresh folder: Kafka, Redis, PostgreSQL, and every service as a process of its own. */
export class ClusterSystem extends MeasuredSystem {
  readonly cluster: Cluster;
  readonly #folder: string;

  private constructor(cluster: Cluster, sql: pg.Client, folder: string) {
    super(cluster.urls[0]!, sql);
    this.cluster = cluster;
    this.#folder = folder;
  }

  static async start(
    report: (line: string) => void,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<ClusterSystem> {
    const folder = await mkdtemp(join(tmpdir(), 'olms-bench-'));
    const cluster = await Cluster.start({
      env: { ...process.env, ...MEASURED_ENV, ...settings },
      folder,
      apiKey: KEY,
      report,
    });
    const sql = new pg.Client({ connectionString: cluster.databaseUrl('orders') });
    const system = new ClusterSystem(cluster, sql, folder);
    try {
      await sql.connect();
      await system.#reachable();
      await system.#assertDurable();
      return system;
    } catch (error) {
      await system.stop();
      throw error;
    }
  }

  /** Ready means that a process can work; calls arrive only once the gateway reaches the others. */
  async #reachable(): Promise<void> {
    const deadlineMs = Date.now() + REACHABLE_TIMEOUT_MS;
    for (;;) {
      const readiness = (await (await fetch(`${this.url}/health/readiness`)).json()) as { status: string };
      if (readiness.status === 'ok') return;
      if (Date.now() > deadlineMs)
        throw new Error(`the gateway does not reach all services: ${JSON.stringify(readiness)}`);
      await sleep(100);
    }
  }

  async #assertDurable(): Promise<void> {
    for (const setting of ['fsync', 'synchronous_commit']) {
      const { rows } = await this.sql.query<Record<string, string>>(`show ${setting}`);
      if (rows[0]![setting] !== 'on')
        throw new Error(`${setting} is ${rows[0]![setting]}; the benchmark compares durable settings only`);
    }
  }

  /** The groups of all consumers, as `olms topics` shows them. */
  async groups(): Promise<readonly GroupDescription[]> {
    const config = readSettings(kafkaSettings, { KAFKA_BROKERS: this.cluster.kafkaBrokers });
    return (await describeTopics(config)).groups;
  }

  /** Processor seconds used so far, by the name of the process; all of PostgreSQL is one. */
  async usage(): Promise<Map<string, number>> {
    const used = new Map<string, number>();
    for (const { name, pid } of this.cluster.members)
      used.set(name, pid === undefined ? 0 : await processorSeconds(pid));
    for (const { name, pid } of this.cluster.brokers)
      if (pid !== undefined) used.set(name, await (name === 'postgres' ? serverSeconds(pid) : processorSeconds(pid)));
    return used;
  }

  async stop(): Promise<void> {
    await this.sql.end().catch(() => {});
    await this.cluster.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}
