import { join } from 'node:path';
import { type Environment, readSettings, refuseProduction } from '#platform/runtime/settings.ts';
import { processSettings } from '#system/settings.ts';
import { print, table } from '#cli/output.ts';
import { recordRunning } from '#cli/running.ts';
import { Cluster } from './launcher.ts';
import { generatedKey } from '#cli/serve/start.ts';

export interface ClusterCommand {
  readonly replicas: number;
  /** Brokers to use; false: none. */
  readonly kafka?: string | boolean;
}

/** `npm run cluster`: real Kafka, Redis and PostgreSQL, and every service as processes of its own. */
export async function cluster(env: Environment, options: ClusterCommand): Promise<void> {
  refuseProduction(env, 'npm run cluster');
  const { dataFolder, port } = readSettings(processSettings, env);
  const startedMs = performance.now();
  const progress = (line: string): void => void process.stderr.write(`${line}\n`);
  let interrupted = false;
  const signalled = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => {
        if (!interrupted) process.stderr.write('stopping\n');
        interrupted = true;
        resolve();
      });
  });
  progress('Starting Kafka, Redis, PostgreSQL and the services …');
  const starting = Cluster.start({
    env: typeof options.kafka === 'string' ? { ...env, KAFKA_BROKERS: options.kafka } : env,
    folder: join(dataFolder, 'cluster'),
    replicas: options.replicas,
    kafka: options.kafka !== false,
    apiKey: env['OLMS_BOOTSTRAP_API_KEY'] || (await generatedKey(dataFolder)),
    port,
    report: progress,
  });
  const running = await starting;
  const forget = recordRunning(dataFolder, { url: running.urls[0]!, providerUrl: running.providerUrl });
  if (!interrupted) print(overview(running, performance.now() - startedMs));
  await signalled;
  forget();
  await running.stop();
  process.exit(0);
}

function overview(running: Cluster, tookMs: number): string {
  const brokers = running.brokers.map(({ name, address, pid }) => [
    name,
    pid ?? 'not ours',
    withoutPassword(address),
    pid === undefined ? '' : logOf(running, name),
  ]);
  const members = running.members.map(({ name, pid, url, logFile }) => [name, pid, url, logFile]);
  return [
    '',
    table(['service', 'pid', 'URL', 'log'], [...brokers, ...members], { width: Infinity }),
    '',
    `  The cluster runs (started in ${(tookMs / 1000).toFixed(1)} s). Ctrl-C stops it; what was acknowledged is kept.`,
    '',
    `  API         ${running.urls.join(' ')}`,
    `  Health      ${running.urls[0]}/health/readiness`,
    `  API key     ${running.apiKey}`,
    `  For programs: ${join(running.folder, 'cluster.json')}`,
    '',
  ].join('\n');
}

function logOf(running: Cluster, broker: string): string {
  return broker === 'postgres' ? join(running.folder, 'postgres.log') : join(running.folder, broker, `${broker}.log`);
}

function withoutPassword(address: string): string {
  return address.replace(/(:\/\/[^:@/]*):.*@/, '$1:…@');
}
