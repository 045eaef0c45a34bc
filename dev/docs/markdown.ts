/** Pieces of the generated Markdown files. */

export function generatedFrom(source: string): string {
  return `<!-- Generated from ${source} by \`bin/olms docs\`. Do not edit. -->\n`;
}

export function markdownTable(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n');
}

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
] as const;

/** "3 days", "90 minutes": the largest unit that says it exactly. */
export function inWords(durationMs: number): string {
  for (const [unit, ms] of UNITS) {
    if (durationMs >= ms && durationMs % ms === 0) return `${durationMs / ms} ${unit}${durationMs === ms ? '' : 's'}`;
  }
  return `${durationMs} ms`;
}
