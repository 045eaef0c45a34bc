import { gatewayConfig } from '#gateway/settings.ts';
import { countOf, type Examined, type Finding } from '#platform/diagnosis.ts';
import { Identities } from '#platform/http/remote/identity.ts';
import { kafkaSettings, KAFKA_TLS, tlsFilesOf } from '#platform/kafka/settings.ts';
import { type Environment, isProduction, readSettings, unknownVariables } from '#platform/runtime/settings.ts';
import { tlsProblems } from '#platform/runtime/tls.ts';
import type { ServiceDefinition } from '#platform/service.ts';
import { standInsOf } from '#cli/serve/start.ts';
import { assertOneLog } from '#system/databases.ts';
import { settingsByOwner, usesLog } from '#system/services.ts';
import { asInstalled } from './surroundings.ts';
import { databaseUrlOf, directDatabaseUrlOf, processSettings, serviceUrls } from '#system/settings.ts';

/** The settings: can they be read, do they go together, and are they for production where this is? */

/** Secrets that every list of guesses begins with. */
const GUESSED = new Set(['', 'admin', 'changeme', 'olms', 'password', 'postgres', 'root', 'secret', 'test']);
const SECRET_LENGTH_MIN = 16;
/** What is a secret by itself; a URL is one by the password in it. */
const URL_VARIABLE = /_URL$/;

/** Every variable is known and has a value that it takes, and none contradicts another. */
export async function examineConfiguration(
  given: Environment,
  definitions: readonly ServiceDefinition[],
): Promise<Examined> {
  const env = problemsOf(() => asInstalled(given)).length > 0 ? given : asInstalled(given);
  const owners = settingsByOwner(definitions);
  const settings = Object.values(owners).flatMap((owned) => Object.values(owned));
  const names = [...new Set(settings.map((setting) => setting.env))];
  const findings: Finding[] = unknownVariables(env, names).map(({ name, nearest }) => {
    return {
      severity: 'warning',
      what: `${name} is no variable of OLMS`,
      detail: 'It has no effect.',
      do: `Set ${nearest} instead, if that was meant; bin/olms config lists all.`,
    };
  });
  const wrong = new Set<string>();
  for (const owned of Object.values(owners))
    for (const problem of problemsOf(() => readSettings(owned, env))) wrong.add(problem);
  const readable = wrong.size === 0;
  if (readable) for (const contradiction of contradictionsOf(env, definitions)) wrong.add(contradiction);
  for (const problem of wrong)
    findings.push({
      severity: 'error',
      what: readable ? 'settings contradict each other' : 'a setting has a value that it does not take',
      detail: `${problem}. A process with these settings does not start, or not as it should.`,
      do: 'Put it right; bin/olms config says what each takes.',
    });
  if (readable) findings.push(...doubts(env, definitions));
  const set = names.filter((name) => env[name]).length;
  return { seen: `${countOf(set, 'variable')} set${readable && isProduction(env) ? ', production' : ''}`, findings };
}

/** What reading throws, one text for each problem. */
function problemsOf(read: () => unknown): string[] {
  try {
    read();
    return [];
  } catch (error) {
    return (error as Error).message
      .replace(/^Configuration: /, '')
      .replace(/\.$/, '')
      .split('; ');
  }
}

function contradictionsOf(env: Environment, definitions: readonly ServiceDefinition[]): string[] {
  const kafka = readSettings(kafkaSettings, env);
  const { internalSecret } = readSettings(processSettings, env);
  const apart = definitions.filter(({ name, paths }) => paths && serviceUrls(name, env).length > 0);
  const checks: (() => unknown)[] = [
    () => gatewayConfig(env),
    () => definitions.forEach(({ name }) => directDatabaseUrlOf(name, env)),
    // Each reads its settings and throws where they do not go together.
    ...definitions.flatMap(({ standIns, replays }) => [() => standIns?.(env), () => replays?.(env)]),
    () => {
      if (kafka.brokers === '')
        assertOneLog(definitions.filter(usesLog).map(({ name }) => [name, databaseUrlOf(name, env)]));
    },
    () => {
      if (internalSecret !== '') return new Identities(internalSecret, []);
      if (apart.length > 0)
        throw new Error(
          `${apart.map(({ name }) => name).join(', ')} runs elsewhere, and OLMS_INTERNAL_SECRET is not set`,
        );
    },
    () => {
      const problems = tlsProblems(tlsFilesOf(kafka), KAFKA_TLS, kafka.tls, 'KAFKA_TLS');
      if (problems.length > 0) throw new Error(problems.join('; '));
    },
  ];
  return checks.flatMap(problemsOf);
}

interface Doubt {
  readonly when: boolean;
  readonly finding: Finding;
}

/** What starts, and should not stay so. */
function doubts(env: Environment, definitions: readonly ServiceDefinition[]): Finding[] {
  const { consume, statementTimeoutMs } = readSettings(processSettings, env);
  const production = isProduction(env);
  const always: Doubt[] = [
    {
      when: !consume,
      finding: {
        severity: 'warning',
        what: 'nothing consumes events',
        detail: 'OLMS_CONSUME is false: orders are taken, and none goes on.',
        do: 'Start without OLMS_CONSUME as soon as the maintenance is over.',
      },
    },
    {
      when: statementTimeoutMs === 0,
      finding: {
        severity: 'warning',
        what: 'statements may take any time',
        detail: 'DATABASE_STATEMENT_TIMEOUT_MS is 0: one that hangs holds every reader of the log back.',
        do: 'Set DATABASE_STATEMENT_TIMEOUT_MS, 15000 for example.',
      },
    },
  ];
  const findings = always.filter(({ when }) => when).map(({ finding }) => finding);
  if (!production) return findings;
  // Settings that contradict each other are named as such.
  const played = new Set(
    definitions.flatMap(({ name }) =>
      problemsOf(() => standInsOf(env, [name])).length > 0 ? [] : standInsOf(env, [name]),
    ),
  );
  const standIns = [...played].map((what): Finding => {
    return {
      severity: 'warning',
      what: 'something is not the real thing, in production',
      detail: what,
      do: 'Set what it names; bin/olms config says more of each setting.',
    };
  });
  return [...findings, ...standIns, ...guessedSecrets(env, definitions)];
}

/** Secrets that anybody could guess; said without what they are. */
function guessedSecrets(env: Environment, definitions: readonly ServiceDefinition[]): Finding[] {
  const secrets = Object.values(settingsByOwner(definitions)).flatMap((owned) =>
    Object.values(owned).filter(({ type }) => type === 'secret'),
  );
  const names = new Set(secrets.map((setting) => setting.env));
  return [...names].flatMap((name): Finding[] => {
    const text = env[name];
    if (!text) return [];
    const isUrl = URL_VARIABLE.test(name);
    const url = isUrl ? URL.parse(text) : null;
    // Without a password in the URL there may be a certificate, a file of passwords, or trust.
    const secret = isUrl ? url?.password : text;
    if (!secret) return [];
    if (!GUESSED.has(secret.toLowerCase()) && secret !== url?.username && (isUrl || secret.length >= SECRET_LENGTH_MIN))
      return [];
    return [
      {
        severity: 'error',
        what: 'a secret that anybody could guess, in production',
        detail: `${isUrl ? `The password in ${name}` : name} is one of the first that are tried, or too short.`,
        do: `Set another ${name}: openssl rand -base64 32 makes one.`,
      },
    ];
  });
}
