import type { Input } from './input.ts';

/** How a file is written: its encoding, what stands between fields, and where its table begins. Found by its first bytes. */

export interface Dialect {
  /** A name that TextDecoder knows. */
  readonly encoding: string;
  readonly delimiter: string;
  /** Whether a quote opens a quoted field; in tables of tabs it mostly is an inch sign. */
  readonly quotes: boolean;
  /** Lines before the header: titles, or `sep=;`. */
  readonly skipLines: number;
}

export interface DialectChoice {
  readonly delimiter?: string | undefined;
  readonly encoding?: string | undefined;
  readonly skipLines?: number | undefined;
}

const SAMPLE_BYTES = 64 * 1024;
const DELIMITERS = [',', ';', '\t', '|'] as const;
const NAMED: Readonly<Record<string, string>> = { tab: '\t', '\\t': '\t', comma: ',', semicolon: ';', pipe: '|' };
const SEPARATOR_LINE = /^"?sep=(.)"?$/i;
const TITLE_LINES_MAX = 20;

/** The character that `--delimiter` means: itself, or `tab`, `comma`, `semicolon`, `pipe`. Throws for anything else. */
export function delimiterOf(text: string): string {
  const delimiter = NAMED[text.toLowerCase()] ?? text;
  if (delimiter.length !== 1 || '"\r\n'.includes(delimiter))
    throw new Error(`--delimiter ${text}: write one character, or tab, comma, semicolon or pipe.`);
  return delimiter;
}

/** Reads the beginning of a file and says how it is written, as far as `choice` does not. */
export async function dialectOf(input: Input, choice: DialectChoice): Promise<Dialect> {
  const head = await beginningOf(input);
  const encoding = choice.encoding ?? encodingOf(head);
  const text = textOf(head, encoding);
  const lines = text.split(/\r\n|\n|\r/);
  // The last line may be cut.
  if (head.length >= SAMPLE_BYTES) lines.pop();
  const declared = SEPARATOR_LINE.exec(lines[0] ?? '')?.[1];
  const body = declared === undefined ? lines : lines.slice(1);
  const delimiter = choice.delimiter === undefined ? (declared ?? mostCommon(body)) : delimiterOf(choice.delimiter);
  const skipLines = choice.skipLines ?? (declared === undefined ? 0 : 1) + titleLines(body, delimiter);
  return { encoding, delimiter, skipLines, quotes: delimiter !== '\t' || isQuoted(body, delimiter) };
}

async function beginningOf(input: Input): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of input.read()) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= SAMPLE_BYTES) break;
  }
  return Buffer.concat(chunks).subarray(0, SAMPLE_BYTES);
}

function encodingOf(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'utf-16le';
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return 'utf-16be';
  let [even, odd] = [0, 0];
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] !== 0) continue;
    if (at % 2 === 0) even++;
    else odd++;
  }
  // Latin text in UTF-16 without a mark is zero in every other byte.
  if (odd > bytes.length / 4) return 'utf-16le';
  if (even > bytes.length / 4) return 'utf-16be';
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return 'utf-8';
  } catch {
    return 'windows-1252';
  }
}

function textOf(bytes: Uint8Array, encoding: string): string {
  try {
    return new TextDecoder(encoding).decode(bytes, { stream: true });
  } catch {
    throw new Error(`--encoding ${encoding}: there is no such encoding; for example utf-8, utf-16le, windows-1252.`);
  }
}

/** How often the delimiter stands in a line outside of quotes. */
function countOf(line: string, delimiter: string): number {
  let count = 0;
  let quoted = false;
  for (const character of line) {
    if (character === '"') quoted = !quoted;
    else if (character === delimiter && !quoted) count++;
  }
  return count;
}

/** The delimiter that most lines have the same number of. */
function mostCommon(lines: readonly string[]): string {
  let best = { delimiter: ',', score: 0 };
  for (const delimiter of DELIMITERS) {
    const counts = lines.slice(0, 100).map((line) => countOf(line, delimiter));
    const widest = counts.reduce((most, count) => (count > most ? count : most), 0);
    const score = widest * counts.filter((count) => count === widest).length;
    if (widest > 0 && score > best.score) best = { delimiter, score };
  }
  return best.delimiter;
}

/** Lines of one field or of mostly empty ones, above the first that names columns. */
function titleLines(lines: readonly string[], delimiter: string): number {
  const filled = (line: string): number =>
    line.split(delimiter).filter((field) => field.replaceAll('"', '').trim() !== '').length;
  const widest = lines.slice(0, 100).reduce((most, line) => Math.max(most, countOf(line, delimiter)), 0);
  if (widest === 0) return 0;
  const at = lines.slice(0, TITLE_LINES_MAX + 1).findIndex((line) => filled(line) > 1 && filled(line) > widest / 2);
  return at < 0 ? 0 : at;
}

/** A table of tabs quotes fields only where quotes come in pairs around whole fields. */
function isQuoted(lines: readonly string[], delimiter: string): boolean {
  const fields = lines.flatMap((line) => line.split(delimiter)).filter((field) => field.includes('"'));
  return fields.length > 0 && fields.every((field) => /^"(?:[^"]|"")*"$/.test(field));
}
