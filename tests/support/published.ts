import { readFileSync } from 'node:fs';

/** What the project publishes about its API, as it stands in its documents. */

/** The text of a document, by its path from the project's root. */
export function readDocument(path: string): string {
  return readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
}

/** Roles by permission, as docs/api/permissions.md says. */
export function publishedTable(): { roles: readonly string[]; rights: ReadonlyMap<string, ReadonlySet<string>> } {
  const section = readDocument('docs/api/permissions.md').split('## What each role may\n')[1]!.split('\n## ')[0]!;
  const rows = section
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    );
  const [[, ...roles], , ...lines] = rows as [string[], string[], ...string[][]];
  const rights = lines.map(([permission, ...marks]): [string, Set<string>] => [
    permission!,
    new Set(roles.filter((_, column) => marks[column] === 'x')),
  ]);
  return { roles, rights: new Map(rights) };
}
