import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A folder of numbered SQL files, applied in order of their names; `owner` is the service or `platform`. */
export interface MigrationSet {
  readonly owner: string;
  readonly folder: string;
}

/**
 * What a file does, and so when it is applied. `expand` adds what the previous version can live with; `backfill` fills it
 * for the rows there are, in batches; `contract` removes what only versions before this one use, when somebody asks for it.
 */
export type Phase = 'expand' | 'backfill' | 'contract';

export interface MigrationFile {
  readonly owner: string;
  readonly name: string;
  readonly phase: Phase;
  /** False: its one statement cannot run in a transaction, such as `create index concurrently`. */
  readonly transaction: boolean;
  /** Of a backfill: the table that it walks, for its progress, and the cursor that it begins with. */
  readonly table: string;
  readonly from: string;
  readonly sql: string;
  /** SHA-256 of the whole file. */
  readonly checksum: string;
}

const PHASES: readonly string[] = ['expand', 'backfill', 'contract'] satisfies readonly Phase[];
/** `-- phase: backfill` and the like: the lines that a file begins with. */
const MARK = /^-- (phase|transaction|table|from): (.+)$/;

/** A file as its first lines describe it. Throws where they say what does not exist. */
export function describeFile(owner: string, name: string, sql: string): MigrationFile {
  const marks: Record<string, string> = {};
  for (const line of sql.split('\n')) {
    const [, mark, value] = MARK.exec(line) ?? [];
    if (mark === undefined) break;
    marks[mark] = value!.trim();
  }
  const { phase = 'expand', transaction, table = '', from = '' } = marks;
  const wrong = (what: string): Error => new Error(`Migration ${owner}/${name}: ${what}.`);
  if (!PHASES.includes(phase)) throw wrong(`the phase is one of ${PHASES.join(', ')}, not ${phase}`);
  if (transaction !== undefined && transaction !== 'none') throw wrong('"-- transaction:" takes none, or is left out');
  if (phase === 'backfill' && (table === '' || from === '' || transaction))
    throw wrong(
      'a backfill says "-- table:" and "-- from:" (the cursor that it begins with), and no "-- transaction:"',
    );
  return {
    owner,
    name,
    phase: phase as Phase,
    transaction: transaction === undefined,
    table,
    from,
    sql,
    checksum: createHash('sha256').update(sql).digest('hex'),
  };
}

/** Every file of these sets, in the order in which they are applied. */
export async function readMigrations(sets: readonly MigrationSet[]): Promise<MigrationFile[]> {
  const files: MigrationFile[] = [];
  for (const { owner, folder } of sets)
    for (const name of (await readdir(folder)).filter((file) => file.endsWith('.sql')).sort())
      files.push(describeFile(owner, name, await readFile(join(folder, name), 'utf8')));
  return files;
}

/** How a person names it: `orders/0004-references.sql`. */
export const labelOf = ({ owner, name }: { readonly owner: string; readonly name: string }): string =>
  `${owner}/${name}`;
