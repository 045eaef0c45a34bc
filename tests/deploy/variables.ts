import { allSettings } from '#cli/serve/settings.ts';
import { readSettings } from '#platform/runtime/settings.ts';
import { SERVICES, settingsByOwner, usesLog } from '#system/services.ts';
import { databaseUrlOf, serviceUrls } from '#system/settings.ts';

/** What a process of a deployment is started with, held against the settings that its services read. */

export interface Container {
  /** Where it is described, for messages. */
  readonly name: string;
  /** Arguments of `olms`. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Services that this deployment does not run. */
  readonly without?: readonly string[];
}

const KNOWN = new Set(allSettings().map(({ env }) => env));
const SECRET_MIN = 32;

/** What is wrong with the variables of a container, in words; nothing where it can start and work. */
export function faultsOf({ name, command, env, without = [] }: Container): string[] {
  const [subcommand, ...names] = command;
  const unknown = Object.keys(env).filter((variable) => !KNOWN.has(variable));
  const faults = unknown.map((variable) => `${variable} is no setting`);
  for (const settings of Object.values(settingsByOwner(SERVICES))) {
    try {
      readSettings(settings, env);
    } catch (error) {
      faults.push((error as Error).message);
    }
  }
  if (env['OLMS_ENV'] !== 'production') faults.push('OLMS_ENV is not production');
  const missing = subcommand === 'start' ? missingForStart(names, env) : missingForMigrate(env, without);
  return [...new Set([...faults, ...missing.map((variable) => `${variable} is missing`)])].map(
    (fault) => `${name}: ${fault}`,
  );
}

function missingForMigrate(env: Container['env'], without: readonly string[]): string[] {
  return SERVICES.filter(
    ({ migrations, name }) => migrations && !without.includes(name) && databaseUrlOf(name, env) === '',
  ).map(({ name }) => `${name.toUpperCase()}_DATABASE_URL`);
}

function missingForStart(names: readonly string[], env: Container['env']): string[] {
  const chosen = SERVICES.filter(({ name }) => names.length === 0 || names.includes(name));
  const local = new Set(chosen.map(({ name }) => name));
  const apart = local.size < SERVICES.length;
  const frontDoor = chosen.some(({ frontDoor }) => frontDoor);
  const needed = new Set(chosen.flatMap(({ needs = [] }) => needs));
  const called = SERVICES.filter(
    ({ name, paths, offers = [] }) =>
      !local.has(name) && (frontDoor ? paths !== undefined : offers.some((call) => needed.has(call))),
  );
  const short = (variable: string): boolean => (env[variable] ?? '').length < SECRET_MIN;
  const wanted: readonly (readonly [variable: string, missing: boolean])[] = [
    ['HOST', (env['HOST'] ?? '127.0.0.1').startsWith('127.')],
    ['METRICS_TOKEN', short('METRICS_TOKEN')],
    ['OLMS_PUBLIC_URL', !env['OLMS_PUBLIC_URL']],
    ['DATABASE_URL', chosen.some(({ name, migrations }) => migrations && databaseUrlOf(name, env) === '')],
    ['KAFKA_BROKERS', apart && chosen.some(usesLog) && !env['KAFKA_BROKERS']],
    ['OLMS_INTERNAL_SECRET', apart && short('OLMS_INTERNAL_SECRET')],
    ['OLMS_BOOTSTRAP_API_KEY', frontDoor && short('OLMS_BOOTSTRAP_API_KEY')],
    ['SANDBOX_WEBHOOK_SECRET', apart && sandboxSide(local, env) !== undefined && short('SANDBOX_WEBHOOK_SECRET')],
    ['SANDBOX_PROVIDER_URL', apart && sandboxSide(local, env) === 'payments' && !env['SANDBOX_PROVIDER_URL']],
    ['SANDBOX_PROVIDER_HOST', apart && sandboxSide(local, env) === 'sandbox' && !env['SANDBOX_PROVIDER_HOST']],
    ['SANDBOX_WEBHOOK_URL', apart && sandboxSide(local, env) === 'sandbox' && !env['SANDBOX_WEBHOOK_URL']],
  ];
  return [
    ...wanted.filter(([, missing]) => missing).map(([variable]) => variable),
    ...called.filter(({ name }) => serviceUrls(name, env).length === 0).map(({ name }) => `${name.toUpperCase()}_URL`),
  ];
}

/** Which side of the sandbox provider runs here, where that is switched on. */
function sandboxSide(local: ReadonlySet<string>, env: Container['env']): 'payments' | 'sandbox' | undefined {
  if (env['SANDBOX_ENABLED'] !== 'true') return undefined;
  return (['payments', 'sandbox'] as const).find((name) => local.has(name));
}
