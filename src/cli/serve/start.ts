import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newKey } from '#gateway/key-store.ts';
import { gatewaySettings } from '#gateway/settings.ts';
import { recordRunning } from '#cli/running.ts';
import { usablePort } from '#platform/runtime/listen.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { type Environment, inProductionByDefault, readSettings, refuseProduction } from '#platform/runtime/settings.ts';
import { sandboxRuns, sandboxUrl, settings as sandboxSettings } from '#sandbox/settings.ts';
import { SERVICES } from '#system/services.ts';
import { databaseUrlOf, processSettings } from '#system/settings.ts';
import { startSystem, type System } from '#system/system.ts';
import { changeLevelOnSignal } from './log-level.ts';

/** `npm start`: everything in one process, with a key that is made once and kept in the data folder. */
export async function dev(environment: Environment): Promise<void> {
  refuseProduction(environment, 'npm start');
  const env = await besideOthers(environment);
  const { dataFolder } = readSettings(processSettings, env);
  const { bootstrapApiKey } = readSettings(gatewaySettings, env);
  const { logLevel } = readSettings({ logLevel: { ...processSettings.logLevel, default: 'warn' } } as const, env);
  const key = bootstrapApiKey || (await generatedKey(dataFolder));
  const startedMs = performance.now();
  const logger = createLogger(logLevel);
  changeLevelOnSignal(logger);
  const system = await startSystem({ env, adminKey: key, logger });
  const link = await firstLink(system.url, key);
  process.stdout.write(banner(system, env, { key, link }, Math.round(performance.now() - startedMs)));
  await untilSignal(system, env);
}

/** A second system on this machine needs a port for its sandbox provider, which nobody has to know. */
async function besideOthers(env: Environment): Promise<Environment> {
  const { port } = sandboxSettings;
  if (env[port.env] || env['SANDBOX_PROVIDER_URL']) return env;
  const free = await usablePort(port.default);
  return free === port.default ? env : { ...env, [port.env]: String(free) };
}

/** `olms start`: as the environment says, which is production unless it says otherwise. */
export async function start(given: Environment, services: readonly string[]): Promise<void> {
  const env = inProductionByDefault(given);
  const { logLevel, logEventsPerSecond: eventsPerSecond, environment, drainMs } = readSettings(processSettings, env);
  const logger = createLogger(logLevel, { eventsPerSecond });
  changeLevelOnSignal(logger);
  const system = await startSystem({ env, services, logger });
  const names = [...system.services.keys()];
  process.stdout.write(`OLMS (${names.join(', ')}; ${environment}) listens on ${system.url}\n`);
  for (const standIn of standInsOf(env, names)) process.stdout.write(`  not the real thing: ${standIn}\n`);
  await untilSignal(system, env, drainMs);
}

/** What of these services is not the real thing under these settings, in words for whoever starts them. */
export function standInsOf(env: Environment, names: readonly string[]): string[] {
  const chosen = SERVICES.filter(({ name }) => names.includes(name));
  const embedded = chosen.some(({ name, migrations }) => migrations && databaseUrlOf(name, env) === '');
  return [
    ...(embedded ? ['database: the embedded PostgreSQL, without replicas or backups of its own (DATABASE_URL)'] : []),
    ...chosen.flatMap(({ standIns }) => standIns?.(env) ?? []),
  ];
}

/** The key of this data folder, made on first use. */
export async function generatedKey(dataFolder: string): Promise<string> {
  const file = join(dataFolder, 'api-key');
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT') throw error;
    const key = newKey();
    await mkdir(dataFolder, { recursive: true });
    await writeFile(file, `${key}\n`, { mode: 0o600 });
    return key;
  }
}

/** While nobody can sign in to the console: a link, good once, with which the first admin chooses a password. */
async function firstLink(url: string, key: string): Promise<string | undefined> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const signal = AbortSignal.timeout(FIRST_LINK_TIMEOUT_MS);
  const session = await fetch(`${url}/console/session`, { signal });
  const { methods } = (await session.json()) as { methods: { password: boolean; issuer: boolean } };
  if (methods.password || methods.issuer) return undefined;
  const body = JSON.stringify({ name: 'admin', roles: ['admin'] });
  const invited = await fetch(`${url}/console/people`, { method: 'POST', headers, body, signal });
  return invited.ok ? ((await invited.json()) as { link: string }).link : undefined;
}

function banner(
  system: System,
  env: Environment,
  { key, link }: { readonly key: string; readonly link: string | undefined },
  tookMs: number,
): string {
  const { dataFolder } = readSettings(processSettings, env);
  const elsewhere = dataFolder === processSettings.dataFolder.default ? '' : `OLMS_DATA=${dataFolder} `;
  // A browser has passkeys for names, and for no numbers.
  const shown = (url: string): string => url.replace('//127.0.0.1:', '//localhost:');
  return [
    '',
    `  OLMS runs (started in ${(tookMs / 1000).toFixed(1)} s). Ctrl-C stops it; what was acknowledged is kept.`,
    '',
    `  Console     ${shown(system.url)}/console/`,
    ...(link === undefined ? [] : [`  First login ${shown(link)}`, '              (good once, for an hour)']),
    `  API         ${system.url}`,
    `  API docs    ${system.url}/docs`,
    `  Health      ${system.url}/health/readiness`,
    `  Metrics     ${system.url}/metrics`,
    `  API key     ${key}`,
    '',
    '  In another terminal:',
    '',
    `    eval "$(${elsewhere}bin/olms env)"    sets OLMS_URL and OLMS_API_KEY`,
    `    ${elsewhere}bin/olms orders list`,
    '',
    '',
  ].join('\n');
}

const FIRST_LINK_TIMEOUT_MS = 10_000;
/** From the end of the drain to the end of the process, by force if need be. */
const STOP_TIMEOUT_MS = 25_000;
/** npm and shells may send one signal twice. */
const SAME_SIGNAL_MS = 1_000;

/** Serves until a signal comes. SIGTERM, as orchestrators send it, drains; Ctrl-C does not; a second signal ends the process at once. */
async function untilSignal(system: System, env: Environment, drainMs = 0): Promise<void> {
  const forget = system.services.has('gateway')
    ? recordRunning(readSettings(processSettings, env).dataFolder, {
        url: system.url,
        ...(system.services.has('sandbox') && sandboxRuns(env) && { providerUrl: sandboxUrl(env) }),
      })
    : undefined;
  let stoppingSinceMs: number | undefined;
  const signal = await new Promise<NodeJS.Signals>((resolve) => {
    for (const each of ['SIGINT', 'SIGTERM'] as const)
      process.on(each, () => {
        if (stoppingSinceMs === undefined) {
          stoppingSinceMs = performance.now();
          resolve(each);
        } else if (performance.now() - stoppingSinceMs > SAME_SIGNAL_MS) {
          process.stderr.write('stopped by force\n');
          process.exit(1);
        }
      });
  });
  process.stderr.write('stopping\n');
  forget?.();
  const servesMs = signal === 'SIGTERM' ? drainMs : 0;
  setTimeout(() => process.exit(1), servesMs + STOP_TIMEOUT_MS).unref();
  await system.drain(servesMs);
  await system.stop();
  process.exit(0);
}
