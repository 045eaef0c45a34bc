import { readFileSync } from 'node:fs';
import { countOf, type Examined, type Finding } from '#platform/diagnosis.ts';
import { labelOf, readMigrations } from '#platform/database/migration-files.ts';
import { migrationState } from '#platform/database/migrate.ts';
import { earlierProcesses } from '#platform/database/process-names.ts';
import { migrationSets } from '#system/databases.ts';
import { packageVersion } from '#system/version.ts';
import { inEachDatabase, type Surroundings } from './surroundings.ts';

/** Versions: of Node.js, of the tables, and of the processes that are connected. */

const LISTED_MAX = 5;
const list = (names: readonly string[]): string =>
  `${names.slice(0, LISTED_MAX).join(', ')}${names.length > LISTED_MAX ? ' …' : ''}`;

/** Node.js is one that this version runs on. */
export async function examineNode(): Promise<Examined> {
  const { engines } = JSON.parse(readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8')) as {
    engines: { node: string };
  };
  const least = Number(/\d+/.exec(engines.node)?.[0]);
  const has = Number(process.versions.node.split('.')[0]);
  return {
    seen: `Node.js ${process.versions.node}, OLMS ${packageVersion}`,
    findings:
      has >= least
        ? []
        : [
            {
              severity: 'error',
              what: `Node.js ${process.versions.node} is too old`,
              detail: `OLMS ${packageVersion} needs ${engines.node}.`,
              do: 'Start the system by bin/olms, which brings the version it needs, or install that one.',
            },
          ],
  };
}

/** The tables of every database are those of this version. */
export function examineMigrations(surroundings: Surroundings): Promise<Examined> {
  return inEachDatabase(surroundings, async ({ name, url, services }) => {
    const { pending, changed, unknown, contraction } = await migrationState(url, migrationSets(services));
    const findings: Finding[] = [];
    if (changed.length > 0)
      findings.push({
        severity: 'error',
        what: 'a migration is not the one that was applied',
        detail: `In ${name}: ${list(changed)}. The files of this version have another content, so no process starts.`,
        do: 'Run the version that applied it, or bring its files back: what has been released is never changed.',
      });
    if (contraction)
      findings.push({
        severity: 'error',
        what: 'the database belongs to a later version',
        detail: `${name} was contracted by OLMS ${contraction.applied_by}, which removed what ${packageVersion} uses.`,
        do: `Run OLMS ${contraction.applied_by} or a newer one.`,
      });
    else if (unknown.length > 0)
      findings.push({
        severity: 'warning',
        what: 'a later version has migrated the database',
        detail: `${name} has ${list(unknown)}, which ${packageVersion} does not know and can live with.`,
        do: 'Finish the release, or stay where you are: both versions work on it until olms migrate --contract.',
      });
    if (pending.length > 0)
      findings.push({
        severity: 'error',
        what: 'the database is older than this version needs',
        detail: `${name} lacks ${list(pending.map(labelOf))}.`,
        do: 'bin/olms migrate',
      });
    return { seen: 'up to date', findings };
  });
}

/** No process of an earlier version is connected. */
export async function examineProcessVersions(surroundings: Surroundings): Promise<Examined> {
  const known = (await readMigrations(migrationSets(surroundings.definitions))).length;
  return inEachDatabase(surroundings, async ({ name, database }) => {
    const earlier = await earlierProcesses((text) => database.query(text), known);
    return {
      seen: earlier.length === 0 ? 'all of this one' : `${earlier.length} earlier`,
      findings:
        earlier.length === 0
          ? []
          : [
              {
                severity: 'warning',
                what: `${countOf(earlier.length, 'process', 'processes')} of an earlier version`,
                detail: `Connected to ${name}: ${list(earlier)}.`,
                do: 'Replace them by this version; only then run bin/olms migrate --contract.',
              },
            ],
    };
  });
}
