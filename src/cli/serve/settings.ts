import { WIDTH, wrapped } from '#cli/output.ts';
import { domainOf } from '#platform/runtime/settings.ts';
import { SERVICES, settingsByOwner } from '#system/services.ts';

export interface SettingRow {
  readonly owner: string;
  readonly env: string;
  readonly type: string;
  /** In words: `an integer from 0 to 65535`. */
  readonly takes: string;
  readonly default: string;
  readonly meaning: string;
}

/** Every setting of the system, by owner. */
export function allSettings(): SettingRow[] {
  return Object.entries(settingsByOwner(SERVICES)).flatMap(([owner, settings]) =>
    Object.values(settings).map((setting) => {
      const { env, type, default: value, meaning } = setting;
      const generated = setting.type === 'secret' && setting.generated;
      const shown = generated ? 'made at each start' : value === undefined ? 'off' : String(value);
      return { owner, env, type, takes: domainOf(setting), default: shown, meaning };
    }),
  );
}

export function printConfig(options: { json?: boolean }): void {
  const rows = allSettings();
  if (options.json) {
    process.stdout.write(`${JSON.stringify(rows, undefined, 2)}\n`);
    return;
  }
  const width = Math.max(...rows.map((row) => row.env.length));
  let owner = '';
  for (const row of rows) {
    if (row.owner !== owner) process.stdout.write(`\n${(owner = row.owner)}\n`);
    const [first = '', ...more] = wrapped(
      `${row.meaning}${row.default === '' ? '' : ` [${row.default}]`}`,
      WIDTH - width - 4,
    );
    process.stdout.write(`  ${row.env.padEnd(width)}  ${first}\n`);
    for (const line of more) process.stdout.write(`${' '.repeat(width + 4)}${line}\n`);
  }
}
