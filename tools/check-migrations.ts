// What a migration may not do while the previous version runs: rules of our own, and those of squawk.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describeFile } from '#platform/database/migration-files.ts';
import { migrationSets } from '#system/databases.ts';
import { type Finding, findingsIn } from './migration-rules.ts';

export interface CheckedSet {
  readonly owner: string;
  /** The schema that its tables are in. */
  readonly schema: string;
  readonly folder: string;
}

/** Released before there were rules, and so never changed: `owner/name`, and the rules that each does not keep. */
const RELEASED: Readonly<Record<string, readonly string[]>> = {
  'platform/0005-park-reasons.sql': ['name'],
  'platform/0006-parked-by-order.sql': ['blocking-index'],
  'inventory/0003-lines.sql': ['blocking-index', 'all-rows'],
  'inventory/0004-product-changes.sql': ['blocking-index'],
  'inventory/0005-shortages.sql': ['blocking-index'],
  'orders/0005-customers-and-numbers.sql': ['blocking-index'],
};

/** What others decide here: limits of time are set by olms migrate, a removal by its phase, the rest by our own rules. */
const SQUAWK_WITHOUT = [
  'require-lock-timeout',
  'require-statement-timeout',
  'prefer-robust-stmts',
  'prefer-bigint-over-int',
  'ban-drop-column',
  'ban-drop-table',
  'ban-drop-not-null',
  'adding-not-nullable-field',
  'require-concurrent-index-creation',
  'require-concurrent-index-deletion',
];
const SQUAWK_TIMEOUT_MS = 60_000;
const SQUAWK = join(import.meta.dirname, '..', 'node_modules', '.bin', 'squawk');

/** Everything wrong with the files of these sets, by the path of the file; a file without findings has an empty list. */
export function checkMigrations(
  sets: readonly CheckedSet[],
  released: Readonly<Record<string, readonly string[]>> = {},
): Map<string, Finding[]> {
  const findings = new Map<string, Finding[]>();
  const inTransaction: string[] = [];
  const online: string[] = [];
  for (const { owner, schema, folder } of sets) {
    const texts = readdirSync(folder)
      .filter((name) => name.endsWith('.sql'))
      .sort()
      .map((name) => ({ name, sql: readFileSync(join(folder, name), 'utf8') }));
    for (const [name, found] of findingsIn(owner, schema, texts)) {
      const path = join(folder, name);
      findings.set(path, found);
      (isOnline(owner, name, texts.find((text) => text.name === name)!.sql) ? online : inTransaction).push(path);
    }
  }
  for (const [path, found] of squawk(inTransaction, ['--assume-in-transaction'])) findings.get(path)!.push(found);
  for (const [path, found] of squawk(online, [])) findings.get(path)!.push(found);
  for (const { owner, folder } of sets)
    for (const [path, found] of findings) {
      const accepted = released[`${owner}/${relative(folder, path)}`];
      if (accepted)
        findings.set(
          path,
          found.filter(({ rule }) => !accepted.includes(rule)),
        );
    }
  return findings;
}

function isOnline(owner: string, name: string, sql: string): boolean {
  try {
    return !describeFile(owner, name, sql).transaction;
  } catch {
    return false;
  }
}

/** What squawk finds in files. Throws where it does not run. */
function squawk(paths: readonly string[], options: readonly string[]): [path: string, finding: Finding][] {
  if (paths.length === 0) return [];
  const args = [...options, '--reporter', 'json', `--exclude=${SQUAWK_WITHOUT.join(',')}`, '--pg-version=15', ...paths];
  let output: string;
  try {
    output = execFileSync(SQUAWK, args, {
      encoding: 'utf8',
      timeout: SQUAWK_TIMEOUT_MS,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    // It ends with 1 where it finds something; then that stands on its standard output.
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    if (!stdout.startsWith('['))
      throw new Error(`squawk does not run: ${stderr || (error as Error).message}`, { cause: error });
    output = stdout;
  }
  const found = JSON.parse(output) as { file: string; line: number; message: string; rule_name: string }[];
  return found.map(({ file, line, message, rule_name: rule }) => [
    file,
    { rule, message: `${message} (line ${line + 1})` },
  ]);
}

if (import.meta.main) {
  const sets = migrationSets().map(({ owner, folder }) => ({
    owner,
    schema: owner === 'platform' ? 'log' : owner,
    folder,
  }));
  const findings = checkMigrations(sets, RELEASED);
  let count = 0;
  for (const [path, found] of findings)
    for (const { rule, message } of found) {
      console.error(`${relative(process.cwd(), path)}: ${rule}: ${message}`);
      count++;
    }
  if (findings.size === 0) console.error('no file was looked at: the check itself is broken');
  if (count > 0 || findings.size === 0) process.exit(1);
  console.log(`migrations: ${findings.size} files`);
}
