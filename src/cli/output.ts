import { shortened } from '#contracts/text.ts';

/** What commands print: tables, JSON and progress. */

/** As wide as a terminal that nobody has widened much; tables keep within it. */
export const WIDTH = 100;
const GAP = '  ';
const COLUMN_MIN = 6;

/** Controls in a value could repaint the terminal of whoever looks at it. */
export function printable(value: unknown): string {
  const text = value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value);
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ');
}

export interface TableOptions {
  /** Columns that may be cut where the table would be too wide, by their names; by default all but the first. */
  readonly flexible?: readonly string[];
  readonly width?: number;
  /** Goes on in further lines where the last column is too long, instead of being cut. */
  readonly wrap?: boolean;
}

/** Columns under their names, as wide as their longest value, the longest of them cut where the line would be too wide. */
export function table(
  columns: readonly string[],
  rows: readonly (readonly unknown[])[],
  { flexible = columns.slice(1), width = WIDTH, wrap = false }: TableOptions = {},
): string {
  const texts = [columns, ...rows.map((row) => row.map(printable))];
  const widths = columns.map((_, column) => Math.max(...texts.map((row) => row[column]?.length ?? 0)));
  const shrinkable = columns.flatMap((name, column) => (flexible.includes(name) ? [column] : []));
  const total = (): number => widths.reduce((sum, one) => sum + one, (widths.length - 1) * GAP.length);
  while (total() > width) {
    const widest = shrinkable.reduce(
      (best, column) => (best === undefined || widths[column]! > widths[best]! ? column : best),
      undefined as number | undefined,
    );
    if (widest === undefined || widths[widest]! <= COLUMN_MIN) break;
    widths[widest]!--;
  }
  const lineOf = (row: readonly string[]): string =>
    row
      .map((text, column) => shortened(text, widths[column]!).padEnd(widths[column]!))
      .join(GAP)
      .trimEnd();
  return texts
    .flatMap((row) => {
      const [first = '', ...more] = wrap ? wrapped(row.at(-1) ?? '', widths.at(-1)) : [row.at(-1) ?? ''];
      const before = row.slice(0, -1);
      return [lineOf([...before, first]), ...more.map((line) => lineOf([...before.map(() => ''), line]))];
    })
    .join('\n');
}

/** Names beside their values, one a line, long values on several lines; what has no value is left out. */
export function facts(entries: readonly (readonly [name: string, value: unknown])[], width = WIDTH): string {
  const shown = entries.filter(([, value]) => value !== undefined && value !== '');
  const column = Math.max(0, ...shown.map(([name]) => name.length));
  const indent = ' '.repeat(column + GAP.length);
  return shown
    .map(([name, value]) => {
      const lines = wrapped(printable(value), width - indent.length);
      return `${name.padEnd(column)}${GAP}${lines.join(`\n${indent}`)}`.trimEnd();
    })
    .join('\n');
}

/** A text in lines of at most `width` characters, broken between words. */
export function wrapped(text: string, width = WIDTH): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

const AGES: readonly (readonly [unit: string, seconds: number, from: number])[] = [
  ['d', 86_400, 2 * 86_400],
  ['h', 3_600, 2 * 3_600],
  ['min', 60, 120],
  ['s', 1, 0],
];

/** How long ago something was, or until it is: `3 min`, `2 d`. */
export function ageOf(time: string, nowMs = Date.now()): string {
  const seconds = Math.abs(nowMs - Date.parse(time)) / 1000;
  const [unit, length] = AGES.find(([, , from]) => seconds >= from) ?? AGES.at(-1)!;
  return `${Math.floor(seconds / length)} ${unit}`;
}

/** A time for people, in UTC to the minute. */
export function minuteOf(time: string): string {
  return `${time.slice(0, 10)} ${time.slice(11, 16)}`;
}

/** A time with how far away it is: `2026-11-28 10:27:05 UTC, 3 min ago`. */
export function momentOf(time: string, nowMs = Date.now()): string {
  const age = ageOf(time, nowMs);
  return `${time.slice(0, 10)} ${time.slice(11, 19)} UTC, ${Date.parse(time) > nowMs ? `in ${age}` : `${age} ago`}`;
}

export function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function printJson(value: unknown): void {
  print(JSON.stringify(value, undefined, 2));
}

const TTY_EVERY_MS = 100;
const LOG_EVERY_MS = 3_000;

/** Shows on stderr how far a long piece of work is: one line that is rewritten, or now and then a new one. */
export class Progress {
  readonly #terminal = process.stderr.isTTY === true;
  #what = '';
  #startedMs = Date.now();
  #shownMs = Date.now();
  #open = false;

  /** `done` of `total`, with what else is worth knowing. */
  update(what: string, done: number, total: number | undefined, more = ''): void {
    const nowMs = Date.now();
    if (what !== this.#what) {
      this.#what = what;
      this.#startedMs = nowMs;
    }
    if (nowMs - this.#shownMs < (this.#terminal ? TTY_EVERY_MS : LOG_EVERY_MS)) return;
    this.#shownMs = nowMs;
    const elapsedMs = nowMs - this.#startedMs;
    const parts = [`${what} ${done}${total === undefined ? '' : ` of ${total}`}`];
    if (elapsedMs >= 1_000) parts.push(`${Math.round((done * 1000) / elapsedMs)}/s`);
    if (more !== '') parts.push(more);
    const text = parts.join(', ');
    process.stderr.write(this.#terminal ? `\r\u001b[K${text}` : `${text}\n`);
    this.#open = this.#terminal;
  }

  /** Leaves the line, so that what follows stands alone. */
  end(): void {
    if (this.#open) process.stderr.write('\r\u001b[K');
    this.#open = false;
  }
}
