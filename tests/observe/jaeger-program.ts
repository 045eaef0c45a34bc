import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { cached, freePort, onPath, type Progress, type ServerProcess, startServer } from '#dev/brokers/programs.ts';

/**
 * A real Jaeger, built from its Go module into the cache (Go 1.26 or newer; about six minutes of processor time, once). It
 * is an OpenTelemetry Collector with storage, and has the processors of deploy/observability/collector.yaml: the same
 * program runs that file.
 */

const MODULE = 'github.com/jaegertracing/jaeger';
const VERSION = 'v1.76.0';
const BUILD_TIMEOUT_MS = 2_700_000;
const START_TIMEOUT_MS = 60_000;
const ASK_TIMEOUT_MS = 15_000;
const GO_ENV = { GOTOOLCHAIN: 'local', CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false' };

interface Downloaded {
  readonly Dir: string;
  readonly Sum: string;
  readonly GoModSum: string;
}

async function go(args: readonly string[], cwd: string): Promise<string> {
  const options = { cwd, timeout: BUILD_TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, ...GO_ENV } };
  return (await promisify(execFile)('go', [...args], options)).stdout;
}

/**
 * The program. Its module asks for versions by `replace`, which count in the main module only: so ours has the same
 * requirements and sums as Jaeger's own, and Jaeger.
 */
export async function jaegerProgram(log: Progress): Promise<string> {
  if (!onPath('go')) throw new Error('Jaeger is built by Go 1.26 or newer, and there is no go on the PATH.');
  const folder = await cached(`jaeger-${VERSION}`, async (fresh) => {
    log(`building Jaeger ${VERSION} …`);
    const { Dir, Sum, GoModSum } = JSON.parse(
      await go(['mod', 'download', '-json', `${MODULE}@${VERSION}`], fresh),
    ) as Downloaded;
    const requirements = readFileSync(join(Dir, 'go.mod'), 'utf8')
      .replace(/^module .*$/m, 'module olms/jaeger')
      .replace(/^toolchain .*$/m, '');
    writeFileSync(join(fresh, 'go.mod'), `${requirements}\nrequire ${MODULE} ${VERSION}\n`);
    const sums = `${MODULE} ${VERSION} ${Sum}\n${MODULE} ${VERSION}/go.mod ${GoModSum}\n`;
    writeFileSync(join(fresh, 'go.sum'), readFileSync(join(Dir, 'go.sum'), 'utf8') + sums);
    await go(['build', '-mod=mod', '-ldflags=-s -w', '-o', 'jaeger', `${MODULE}/cmd/jaeger`], fresh);
  });
  return join(folder, 'jaeger');
}

/** A span as Jaeger's API gives it. */
export interface JaegerSpan {
  readonly traceID: string;
  readonly spanID: string;
  readonly operationName: string;
  /** Its parent, and what it is linked with. */
  readonly references: readonly {
    readonly refType: 'CHILD_OF' | 'FOLLOWS_FROM';
    readonly traceID: string;
    readonly spanID: string;
  }[];
  readonly processID: string;
  readonly tags: readonly { readonly key: string; readonly value: unknown }[];
}

export interface JaegerTrace {
  readonly traceID: string;
  readonly spans: readonly JaegerSpan[];
  readonly processes: Readonly<Record<string, { readonly serviceName: string }>>;
}

/** Starts a collector with this configuration; it answers once its receiver for OTLP over HTTP does. */
async function startCollector(
  name: string,
  folder: string,
  config: string,
  otlpUrl: string,
  env: Readonly<Record<string, string>>,
  log: Progress,
): Promise<ServerProcess> {
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, config);
  return startServer({
    name,
    command: await jaegerProgram(log),
    args: ['--config', file],
    // It would trace itself.
    env: { ...env, OTEL_TRACES_SAMPLER: 'always_off' },
    cwd: folder,
    logFile: join(folder, `${name}.log`),
    ready: async () =>
      (await fetch(`${otlpUrl}/v1/traces`, { signal: AbortSignal.timeout(1_000) }).catch(() => undefined)) !==
      undefined,
    startTimeoutMs: START_TIMEOUT_MS,
  });
}

/** Jaeger with its memory as storage. */
export class Jaeger {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly otlpUrl: string;
  /** `host:port` of its receiver for OTLP over gRPC. */
  readonly grpc: string;
  readonly #queryUrl: string;
  readonly #server: ServerProcess;

  private constructor(ports: readonly [query: number, http: number, grpc: number], server: ServerProcess) {
    this.#queryUrl = `http://127.0.0.1:${ports[0]}`;
    this.otlpUrl = `http://127.0.0.1:${ports[1]}`;
    this.grpc = `127.0.0.1:${ports[2]}`;
    this.#server = server;
  }

  static async start(folder: string, log: Progress): Promise<Jaeger> {
    const [query, http, grpc, queryGrpc] = [await freePort(), await freePort(), await freePort(), await freePort()];
    const here = (port: number): { endpoint: string } => ({ endpoint: `127.0.0.1:${port}` });
    const config = {
      extensions: {
        jaeger_storage: { backends: { memory: { memory: { max_traces: 100_000 } } } },
        jaeger_query: { storage: { traces: 'memory' }, http: here(query), grpc: here(queryGrpc) },
      },
      receivers: { otlp: { protocols: { grpc: here(grpc), http: here(http) } } },
      exporters: { jaeger_storage_exporter: { trace_storage: 'memory' } },
      service: {
        extensions: ['jaeger_storage', 'jaeger_query'],
        pipelines: { traces: { receivers: ['otlp'], exporters: ['jaeger_storage_exporter'] } },
        telemetry: { metrics: { level: 'none' }, logs: { level: 'warn' } },
      },
    };
    const server = await startCollector('jaeger', folder, stringify(config), `http://127.0.0.1:${http}`, {}, log);
    return new Jaeger([query, http, grpc], server);
  }

  /** The trace as far as it arrived; undefined where nothing did. */
  async trace(traceId: string): Promise<JaegerTrace | undefined> {
    const [trace] = await this.#get(`/api/traces/${traceId}`);
    return trace;
  }

  /** Traces with a span of this process that has this attribute. */
  traces(service: string, tags: Readonly<Record<string, string>>, limit = 1_000): Promise<readonly JaegerTrace[]> {
    const query = new URLSearchParams({ service, tags: JSON.stringify(tags), limit: String(limit), lookback: '1h' });
    return this.#get(`/api/traces?${query.toString()}`);
  }

  async #get(path: string): Promise<readonly JaegerTrace[]> {
    const answer = await fetch(`${this.#queryUrl}${path}`, { signal: AbortSignal.timeout(ASK_TIMEOUT_MS) });
    if (answer.status === 404) return [];
    const { data } = (await answer.json()) as { readonly data: readonly JaegerTrace[] | null };
    return data ?? [];
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }
}

/** The collector of deploy/observability in front of a Jaeger: the file as it is, but for where it listens. */
export async function startDeployedCollector(
  folder: string,
  config: string,
  jaeger: Jaeger,
  log: Progress,
): Promise<{ readonly otlpUrl: string; stop(): Promise<void> }> {
  const [http, grpc] = [await freePort(), await freePort()];
  const otlpUrl = `http://127.0.0.1:${http}`;
  const placed = config.replace('0.0.0.0:4317', `127.0.0.1:${grpc}`).replace('0.0.0.0:4318', `127.0.0.1:${http}`);
  // Of itself it would publish metrics on a fixed port.
  const quiet = placed.replace(/^service:$/m, 'service:\n  telemetry: { metrics: { level: none } }');
  const server = await startCollector('collector', folder, quiet, otlpUrl, { JAEGER_ENDPOINT: jaeger.grpc }, log);
  return { otlpUrl, stop: () => server.stop() };
}
