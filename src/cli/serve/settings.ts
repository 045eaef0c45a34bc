import type { Setting } from '#platform/runtime/settings.ts';
import { kafkaSettings } from '#platform/kafka/settings.ts';
import { deploymentSettings, processSettings } from '#system/settings.ts';
import { SERVICES } from '#system/services.ts';

export interface SettingRow {
  readonly owner: string;
  readonly env: string;
  readonly type: string;
  readonly default: string;
  readonly meaning: string;
}

/** Every setting of the system, by owner. */
export function allSettings(): SettingRow[] {
  const rows = (owner: string, settings: Readonly<Record<string, Setting>>): SettingRow[] =>
    Object.values(settings).map(({ env, type, default: value, meaning }) => ({
      owner,
      env,
      type,
      default: value === undefined ? 'off' : String(value),
      meaning,
    }));
  return [
    ...rows('process', processSettings),
    ...rows('kafka', kafkaSettings),
    ...rows('a process per service', deploymentSettings),
    ...SERVICES.flatMap((service) => rows(service.name, service.settings)),
  ];
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
    process.stdout.write(
      `  ${row.env.padEnd(width)}  ${row.meaning}${row.default === '' ? '' : ` [${row.default}]`}\n`,
    );
  }
}
