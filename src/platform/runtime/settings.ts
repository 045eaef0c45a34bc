/**
 * Configuration comes from the environment and nowhere else. Each service declares its settings as data in
 * its `settings.ts`; `olms config` and docs/configuration.md print them all from the same values.
 */
interface SettingOf<Type extends string, Value> {
  readonly type: Type;
  readonly env: string;
  readonly default: Value;
  readonly meaning: string;
}

/** A whole number within bounds, both of them allowed; 0 or more where it says nothing. */
interface IntegerSetting extends SettingOf<'integer', number> {
  readonly min?: number;
  readonly max?: number;
}

export type Setting =
  | IntegerSetting
  | SettingOf<'string', string>
  /** One of these words. */
  | (SettingOf<'choice', string> & { readonly choices: readonly string[] })
  | SettingOf<'boolean', boolean>
  | (SettingOf<'secret', string> & { readonly generated?: boolean })
  /** A duration or `off`, read as undefined. */
  | SettingOf<'milliseconds-or-off', number | undefined>;

export type Settings = Readonly<Record<string, Setting>>;
type ValueOf<S extends Setting> = S extends { readonly type: 'choice'; readonly choices: readonly (infer Choice)[] }
  ? Choice
  : S['type'] extends 'integer'
    ? number
    : S['type'] extends 'boolean'
      ? boolean
      : S['type'] extends 'milliseconds-or-off'
        ? number | undefined
        : string;
export type Values<S extends Settings> = { readonly [K in keyof S]: ValueOf<S[K]> };

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a setting takes, for whoever set it to something else. */
export function domainOf(setting: Setting): string {
  switch (setting.type) {
    case 'integer': {
      const { min = 0, max } = setting;
      return max === undefined ? `an integer from ${min}` : `an integer from ${min} to ${max}`;
    }
    case 'choice':
      return `one of ${setting.choices.filter((choice) => choice !== '').join(', ')}`;
    case 'boolean':
      return 'true or false';
    case 'milliseconds-or-off':
      return 'a number of milliseconds, or off';
    case 'secret':
      return 'a secret text';
    case 'string':
      return 'a text';
  }
}

const WRONG = Symbol('wrong');

function parse(setting: Setting, text: string): unknown {
  switch (setting.type) {
    case 'integer': {
      const { min = 0, max = Number.MAX_SAFE_INTEGER } = setting;
      const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
      return value >= min && value <= max ? value : WRONG;
    }
    case 'milliseconds-or-off':
      return text === 'off' ? undefined : /^\d{1,12}$/.test(text) ? Number(text) : WRONG;
    case 'boolean':
      return text === 'true' || text === '1' ? true : text === 'false' || text === '0' ? false : WRONG;
    case 'choice':
      return setting.choices.includes(text) ? text : WRONG;
    default:
      return text;
  }
}

/** Whether this is production, where nothing that is only for trying out starts. */
export const environmentSetting = {
  type: 'choice',
  choices: ['development', 'test', 'production'],
  env: 'OLMS_ENV',
  default: 'development',
  meaning:
    'production, which is what `olms start` takes where nothing is said: nothing that is only for trying out starts (no sandbox provider, no generated key)',
} as const satisfies Setting;

/** The environment of a program that is in production unless somebody says otherwise. */
export function inProductionByDefault(env: Environment): Environment {
  const { environment } = readSettings({ environment: { ...environmentSetting, default: 'production' } }, env);
  return { ...env, [environmentSetting.env]: environment };
}

/** Throws where this is production, and `what` is only for trying out. */
export function refuseProduction(env: Environment, what: string): void {
  if (isProduction(env))
    throw new Error(
      `Configuration: ${what} is for trying OLMS out, with play money and a key that it makes and prints, and OLMS_ENV says production. Run bin/olms start, or set OLMS_ENV=development.`,
    );
}

export function isProduction(env: Environment): boolean {
  return readSettings({ environment: environmentSetting }, env).environment === 'production';
}

/** Typed values of settings; throws one error that lists every variable with a wrong value. */
export function readSettings<S extends Settings>(settings: S, env: Environment): Values<S> {
  const values: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [key, setting] of Object.entries(settings)) {
    const text = env[setting.env];
    if (text === undefined || text === '') {
      values[key] = setting.default;
      continue;
    }
    const value = parse(setting, text);
    if (value === WRONG) problems.push(`${setting.env} must be ${domainOf(setting)}, not ${JSON.stringify(text)}`);
    else values[key] = value;
  }
  if (problems.length > 0) throw new Error(`Configuration: ${problems.join('; ')}`);
  return values as Values<S>;
}

/** Variables of this prefix are ours alone: one that is not known is a mistake, whatever it looks like. */
const OWN_PREFIX = 'OLMS_';
/** Edits between two names up to which one is taken for the other misspelt. */
const MISSPELT_MAX = 2;

/** A variable that nothing reads, with the known one that was most likely meant. */
export interface UnknownVariable {
  readonly name: string;
  readonly nearest: string;
}

/**
 * Variables of the environment that are meant for us and read by nothing: all that begin with `OLMS_`, and those that
 * begin like a known one and are nearly spelt like it. Others are not ours: a cluster sets `REDIS_PORT` by itself.
 */
export function unknownVariables(env: Environment, known: readonly string[]): UnknownVariable[] {
  const names = new Set(known);
  const firstWords = new Set(known.map(firstWord));
  return Object.keys(env).flatMap((name) => {
    if (names.has(name) || !env[name]) return [];
    const own = name.startsWith(OWN_PREFIX);
    if (!own && !firstWords.has(firstWord(name))) return [];
    const [nearest, edits] = known
      .map((candidate): [string, number] => [candidate, editsBetween(name, candidate)])
      .reduce((best, next) => (next[1] < best[1] ? next : best));
    return own || edits <= MISSPELT_MAX ? [{ name, nearest }] : [];
  });
}

function firstWord(name: string): string {
  return name.split('_', 1)[0]!;
}

/** Letters to insert, remove or replace until one text is the other (Levenshtein). */
function editsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}
