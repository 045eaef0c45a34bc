/** What commands print: tables, JSON and progress. */

/** Controls in a value could repaint the terminal of whoever looks at it. */
function printable(value: unknown): string {
  const text = value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value);
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ');
}

/** Columns under their names, as wide as their longest value. */
export function table(columns: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const texts = [columns, ...rows.map((row) => row.map(printable))];
  const widths = columns.map((_, column) => Math.max(...texts.map((row) => row[column]?.length ?? 0)));
  return texts
    .map((row) =>
      row
        .map((text, column) => text.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
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
