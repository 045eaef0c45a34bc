/**
 * CSV as RFC 4180 has it, read as a stream: quoted fields with separators, line breaks and doubled quotes in
 * them; LF, CRLF or CR; a byte order mark. A quote inside an unquoted field is taken as it is, because price
 * lists are full of inches. Anything else that does not fit ends the reading with its line number.
 */

export interface CsvRecord {
  /** The line of the file on which the record begins, counted from 1. */
  readonly line: number;
  readonly fields: readonly string[];
}

export class CsvError extends Error {
  readonly line: number;
  constructor(line: number, message: string) {
    super(`line ${line}: ${message}`);
    this.line = line;
  }
}

export interface CsvOptions {
  readonly delimiter?: string;
  /** A record longer than this is an unclosed quote, or no CSV at all. */
  readonly recordCharsMax?: number;
}

const RECORD_CHARS_MAX = 1024 * 1024;
const BYTE_ORDER_MARK = '\uFEFF';

interface Parsed {
  readonly fields: string[];
  /** Where the next record begins. */
  readonly next: number;
}

export class CsvParser {
  readonly #delimiter: string;
  readonly #recordCharsMax: number;
  #rest = '';
  #line = 1;
  #started = false;

  constructor({ delimiter = ',', recordCharsMax = RECORD_CHARS_MAX }: CsvOptions = {}) {
    if (delimiter.length !== 1 || '"\r\n'.includes(delimiter)) throw new Error('The delimiter must be one character.');
    this.#delimiter = delimiter;
    this.#recordCharsMax = recordCharsMax;
  }

  /** The records that are complete with this piece of text. */
  *push(text: string): Generator<CsvRecord> {
    yield* this.#records(text, false);
  }

  /** What is left when the text has ended. */
  *end(): Generator<CsvRecord> {
    yield* this.#records('', true);
  }

  *#records(piece: string, final: boolean): Generator<CsvRecord> {
    let text = this.#rest + piece;
    if (!this.#started && text.length > 0) {
      this.#started = true;
      if (text.startsWith(BYTE_ORDER_MARK)) text = text.slice(1);
    }
    let position = 0;
    while (position < text.length) {
      const parsed = this.#record(text, position, final);
      const length = (parsed?.next ?? text.length) - position;
      if (length > this.#recordCharsMax) {
        throw new CsvError(
          this.#line,
          `a record of more than ${this.#recordCharsMax} characters; is a quote left open here?`,
        );
      }
      if (!parsed) break;
      const { fields, next } = parsed;
      if (fields.length > 1 || fields[0] !== '') yield { line: this.#line, fields };
      this.#line += countLines(text, position, next);
      position = next;
    }
    this.#rest = text.slice(position);
  }

  /** One record, or undefined where its end has not been read yet. */
  #record(text: string, start: number, final: boolean): Parsed | undefined {
    const fields: string[] = [];
    let at = start;
    for (;;) {
      if (text[at] === '"') {
        const closed = this.#quoted(text, at, final);
        if (!closed) return undefined;
        fields.push(closed.value);
        at = closed.next;
      } else {
        const end = this.#endOfPlain(text, at);
        fields.push(text.slice(at, end));
        at = end;
      }
      const character = text[at];
      if (character === undefined) return final ? { fields, next: at } : undefined;
      if (character === '\n') return { fields, next: at + 1 };
      if (character === '\r') {
        if (at + 1 === text.length && !final) return undefined;
        return { fields, next: text[at + 1] === '\n' ? at + 2 : at + 1 };
      }
      if (character !== this.#delimiter) {
        throw new CsvError(this.#line, 'there is text between a closing quote and the end of the field');
      }
      at++;
    }
  }

  #endOfPlain(text: string, from: number): number {
    for (let at = from; at < text.length; at++) {
      const character = text[at];
      if (character === this.#delimiter || character === '\n' || character === '\r') return at;
    }
    return text.length;
  }

  #quoted(text: string, start: number, final: boolean): { value: string; next: number } | undefined {
    let value = '';
    for (let from = start + 1; ;) {
      const quote = text.indexOf('"', from);
      if (quote < 0 || (quote + 1 === text.length && !final)) {
        if (final) throw new CsvError(this.#line, 'a quote is opened and never closed');
        return undefined;
      }
      value += text.slice(from, quote);
      if (text[quote + 1] !== '"') return { value, next: quote + 1 };
      value += '"';
      from = quote + 2;
    }
  }
}

/** Line ends between two places; CRLF is one. */
function countLines(text: string, from: number, to: number): number {
  let lines = 0;
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at);
    if (code === 10 || (code === 13 && text.charCodeAt(at + 1) !== 10)) lines++;
  }
  return lines;
}

/** Records of a stream of bytes. Bytes that are no text in the encoding are an error, not a question mark. */
export async function* readCsv(
  bytes: AsyncIterable<Uint8Array>,
  options: CsvOptions & { readonly encoding?: string } = {},
): AsyncGenerator<CsvRecord> {
  const { encoding = 'utf-8', ...rest } = options;
  const decoder = new TextDecoder(encoding, { fatal: true });
  const decode = (chunk?: Uint8Array): string => {
    try {
      return chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode();
    } catch (error) {
      throw new Error(`The file is not ${encoding} text; name its encoding, for example --encoding windows-1252.`, {
        cause: error,
      });
    }
  };
  const parser = new CsvParser(rest);
  for await (const chunk of bytes) yield* parser.push(decode(chunk));
  yield* parser.push(decode());
  yield* parser.end();
}
