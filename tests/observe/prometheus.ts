import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePort, type Progress, type ServerProcess, startServer } from '#dev/brokers/programs.ts';
import { prometheusProgram } from '#dev/observability/promtool.ts';
import { ruleFiles } from '#dev/observability/rules.ts';

/** A real Prometheus that scrapes every few seconds, with the rules of deploy/observability. */

export interface Target {
  /** The service, or `olms` where one process runs all of them. */
  readonly component: string;
  readonly url: string;
}

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [time: number, value: string];
}

export interface ScrapedTarget {
  readonly labels: Readonly<Record<string, string>>;
  readonly health: string;
  readonly lastError: string;
}

export interface Alerting {
  readonly labels: Readonly<Record<string, string>>;
  readonly state: string;
}

const START_TIMEOUT_MS = 30_000;
const QUERY_TIMEOUT_MS = 15_000;

export class Prometheus {
  readonly url: string;
  readonly #server: ServerProcess;

  private constructor(url: string, server: ServerProcess) {
    this.url = url;
    this.#server = server;
  }

  static async start(folder: string, targets: readonly Target[], log: Progress): Promise<Prometheus> {
    const { command, env } = await prometheusProgram(log);
    mkdirSync(join(folder, 'rules'), { recursive: true });
    // What is recorded every five minutes of days is recorded at once here.
    for (const [path, text] of ruleFiles())
      writeFileSync(join(folder, 'rules', path.split('/').at(-1)!), text.replaceAll('interval: 5m', 'interval: 5s'));
    writeFileSync(
      join(folder, 'prometheus.yml'),
      stringify({
        global: { scrape_interval: '2s', scrape_timeout: '2s', evaluation_interval: '5s' },
        rule_files: [join(folder, 'rules', '*.yaml')],
        scrape_configs: [
          {
            job_name: 'olms',
            static_configs: targets.map(({ component, url }) => ({
              targets: [new URL(url).host],
              labels: { component },
            })),
          },
        ],
      }),
    );
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const server = await startServer({
      name: 'Prometheus',
      command,
      args: [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--enable-feature=exemplar-storage',
      ],
      env,
      cwd: folder,
      logFile: join(folder, 'prometheus.log'),
      ready: async () => (await fetch(`${url}/-/ready`).catch(() => undefined))?.ok ?? false,
      startTimeoutMs: START_TIMEOUT_MS,
    });
    return new Prometheus(url, server);
  }

  async #get<Data>(path: string, parameters: Readonly<Record<string, string>> = {}): Promise<Data> {
    const answer = await fetch(`${this.url}/api/v1/${path}?${new URLSearchParams(parameters).toString()}`, {
      signal: AbortSignal.timeout(QUERY_TIMEOUT_MS),
    });
    const body = (await answer.json()) as { status: string; error?: string; data: Data };
    if (body.status !== 'success') throw new Error(`${JSON.stringify(parameters)}: ${body.error}`);
    return body.data;
  }

  /** What a query returns now. Throws where Prometheus does not understand it. */
  async query(expr: string): Promise<readonly Sample[]> {
    return (await this.#get<{ result: Sample[] }>('query', { query: expr })).result;
  }

  async targets(): Promise<readonly ScrapedTarget[]> {
    return (await this.#get<{ activeTargets: ScrapedTarget[] }>('targets', { state: 'active' })).activeTargets;
  }

  /** Alerts that wait for their time, or fire. */
  async alerts(): Promise<readonly Alerting[]> {
    return (await this.#get<{ alerts: Alerting[] }>('alerts')).alerts;
  }

  /** How many exemplars there are for a series since a time. */
  async exemplars(series: string, sinceMs: number): Promise<number> {
    const found = await this.#get<{ exemplars: unknown[] }[]>('query_exemplars', {
      query: series,
      start: String(sinceMs / 1000),
      end: String(Date.now() / 1000),
    });
    return found.reduce((sum, { exemplars }) => sum + exemplars.length, 0);
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }
}
