import { table } from '#cli/output.ts';
import type { RebuildReport } from './rebuild.ts';

// --- rebuilding ---

/** The report as a person reads it. */
export function textOfRebuild(report: RebuildReport): string {
  const { service, dryRun, orders, incomplete, tables, differences, leftAlone, swapped, examples, seconds } = report;
  const lines = [
    table(
      ['table', 'rows built', 'rows there'],
      tables.map((entry) => [entry.table, entry.built, entry.live]),
    ),
    '',
    `${service}: ${differences} differences between ${orders} orders as the log has them and the tables, in ${seconds} s.`,
  ];
  for (const { table: name, order, what, mended } of examples)
    lines.push(`  ${name} ${order}: ${what}${mended ? '' : ', left alone'}`);
  if (differences + leftAlone > examples.length) lines.push('  …');
  if (leftAlone > 0)
    lines.push(`${leftAlone} rows are left alone: the log does not explain them, or knows less than they do.`);
  if (incomplete > 0)
    lines.push(`Of ${incomplete} orders the log does not have everything: nothing is said about them.`);
  if (dryRun) lines.push('Nothing was changed.');
  else if (swapped > 0) lines.push(`${swapped} rows were put in their place.`);
  return lines.join('\n');
}
