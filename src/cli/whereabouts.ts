import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive } from '#platform/database/embedded/process-identity.ts';
import type { Environment } from '#platform/runtime/settings.ts';

/** What a cluster on this machine writes about itself while it runs. */
export interface ClusterMap {
  readonly launcher: number;
  readonly url: string;
  readonly providerUrl: string;
  readonly brokers: readonly { readonly name: string; readonly address: string }[];
  readonly databases: Readonly<Record<string, string>>;
  readonly members: readonly { readonly service: string; readonly url: string }[];
}

/** Whether the environment names a database itself. */
export function namesDatabase(env: Environment): boolean {
  return Object.keys(env).some((name) => /^(\w+_)?DATABASE_URL$/.test(name) && env[name] !== '');
}

/** The cluster that runs in the data folder, where the environment names no database itself. */
export function clusterOf(env: Environment, dataFolder: string): ClusterMap | undefined {
  if (namesDatabase(env)) return undefined;
  const file = join(dataFolder, 'cluster', 'cluster.json');
  if (!existsSync(file)) return undefined;
  const map = JSON.parse(readFileSync(file, 'utf8')) as ClusterMap;
  // One whose launcher was killed is left behind.
  return isAlive(map.launcher) ? map : undefined;
}

/** The environment with the databases of a cluster. */
export function withDatabasesOf(cluster: ClusterMap, env: Environment): Environment {
  const urls = Object.entries(cluster.databases).map(([service, url]) => [
    `${service.toUpperCase()}_DATABASE_URL`,
    url,
  ]);
  return { ...env, ...Object.fromEntries(urls) };
}
