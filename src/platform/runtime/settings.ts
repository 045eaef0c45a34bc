/**
 * Configuration comes from the environment and nowhere else. Each service declares its settings as data in
 * its `config.ts`; `olms config` and docs/configuration.md print them all from the same values.
 */
interface SettingOf<Type extends string, Value> {
  readonly type: Type;
  readonly env: string;
  readonly default: Value;
  readonly meaning: string;
}

export type Setting =
  | SettingOf<'integer', number>
  | SettingOf<'string', string>
  | SettingOf<'boolean', boolean>
  | (SettingOf<'secret', string> & { readonly generated?: boolean })
  /** A duration or `off`, read as undefined. */
  | SettingOf<'milliseconds-or-off', number | undefined>;

export type Settings = Readonly<Record<string, Setting>>;
export type Values<S extends Settings> = {
  readonly [K in keyof S]: S[K]['type'] extends 'integer'
    ? number
    : S[K]['type'] extends 'boolean'
      ? boolean
      : S[K]['type'] extends 'milliseconds-or-off'
        ? number | undefined
        : string;
};

export type Environment = Readonly<Record<string, string | undefined>>;

function parse(setting: Setting, text: string): unknown {
  switch (setting.type) {
    case 'integer':
      return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
    case 'milliseconds-or-off':
      return text === 'off' ? null : /^\d{1,12}$/.test(text) ? Number(text) : undefined;
    case 'boolean':
      return text === 'true' || text === '1' ? true : text === 'false' || text === '0' ? false : undefined;
    default:
      return text;
  }
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
    if (value === undefined)
      problems.push(
        `${setting.env} must be a ${setting.type}, not ${setting.type === 'secret' ? 'what it is set to' : JSON.stringify(text)}`,
      );
    values[key] = value === null ? undefined : value;
  }
  if (problems.length > 0) throw new Error(`Configuration: ${problems.join('; ')}`);
  return values as Values<S>;
}
