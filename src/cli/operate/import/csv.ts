import { pipeline } from 'node:stream/promises';
import { CsvError as ParserError, parse } from 'csv-parse';

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
  readonly delimiter?: string | undefined;
  /** A name that TextDecoder knows. */
  readonly encoding?: string | undefined;
  /** False: a quote is a character like any other. */
  readonly quotes?: boolean | undefined;
  /** Lines before the first record that are none. */
  readonly skipLines?: number | undefined;
  /** A record longer than this is an unclosed quote, or no CSV at all. */
  readonly recordCharsMax?: number;
}

/** What the parser hands over: the fields, and the text they stood in. */
interface RawRecord {
  readonly record: readonly string[];
  readonly raw: string;
}

const RECORD_CHARS_MAX = 1024 * 1024;

/**
 * Records of a stream of bytes; empty lines are none. Throws {@link CsvError} with the line at fault, and for
 * bytes that are no text in the encoding: they are an error, not a question mark.
 */
export async function* readCsv(
  bytes: AsyncIterable<Uint8Array>,
  {
    delimiter = ',',
    encoding = 'utf-8',
    quotes = true,
    skipLines = 0,
    recordCharsMax = RECORD_CHARS_MAX,
  }: CsvOptions = {},
): AsyncGenerator<CsvRecord> {
  if (delimiter.length !== 1 || '"\r\n'.includes(delimiter)) throw new Error('The delimiter must be one character.');
  const wellFormed = wellFormedWith(delimiter);
  // Where the next record begins. The parser itself counts a CRLF inside of quotes twice.
  let line = 1 + skipLines;
  const recordOf = ({ record: fields, raw }: RawRecord): CsvRecord | undefined => {
    const begins = line;
    line += countLines(raw);
    if (raw.length > recordCharsMax) throw new CsvError(begins, tooLong(recordCharsMax));
    // Relaxed quotes pass text after a closing quote too; the field then begins with its opening quote.
    if (quotes && fields.some((field) => field.startsWith('"')) && !wellFormed.test(raw))
      throw new CsvError(begins, 'there is text between a closing quote and the end of the field');
    return fields.length > 1 || fields[0] !== '' ? { line: begins, fields } : undefined;
  };
  const parser = parse({
    delimiter,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    relax_quotes: true,
    ...(quotes ? {} : { quote: null }),
    max_record_size: recordCharsMax,
    raw: true,
    // The types of the package do not know that `raw` changes what a record is.
    on_record: recordOf as never,
  });
  // Its failure is the parser's, and thrown where the records are read.
  pipeline(withoutLines(decoded(bytes, encoding), skipLines), parser).catch(() => {});
  try {
    yield* parser as AsyncIterable<CsvRecord>;
  } catch (error) {
    if (!(error instanceof ParserError)) throw error;
    throw new CsvError(line, explained(error, recordCharsMax));
  }
}

async function* decoded(bytes: AsyncIterable<Uint8Array>, encoding: string): AsyncGenerator<string> {
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
  for await (const chunk of bytes) yield decode(chunk);
  yield decode();
}

/** The text behind the first lines. */
async function* withoutLines(text: AsyncIterable<string>, count: number): AsyncGenerator<string> {
  let left = count;
  let isFirst = true;
  let afterReturn = false;
  for await (let piece of text) {
    // UTF-16 has its own mark, which TextDecoder takes away; one that is left belongs to nothing.
    if (isFirst && piece !== '') {
      isFirst = false;
      if (piece.startsWith('\uFEFF')) piece = piece.slice(1);
    }
    for (; left > 0 && piece !== '';) {
      if (afterReturn && piece.startsWith('\n')) piece = piece.slice(1);
      afterReturn = false;
      const end = /\r\n?|\n/.exec(piece);
      if (!end) {
        piece = '';
        break;
      }
      afterReturn = end[0] === '\r';
      piece = piece.slice(end.index + end[0].length);
      left--;
    }
    if (left === 0 && afterReturn && piece !== '') {
      afterReturn = false;
      if (piece.startsWith('\n')) piece = piece.slice(1);
    }
    if (piece !== '') yield piece;
  }
}

function explained({ code, message }: ParserError, recordCharsMax: number): string {
  if (code === 'CSV_QUOTE_NOT_CLOSED') return 'a quote is opened and never closed';
  return code === 'CSV_MAX_RECORD_SIZE' ? tooLong(recordCharsMax) : message;
}

function tooLong(recordCharsMax: number): string {
  return `a record of more than ${recordCharsMax} characters; is a quote left open here?`;
}

/** What a whole record looks like in which every opened quote is closed at the end of its field. */
function wellFormedWith(delimiter: string): RegExp {
  // Of a delimiter of several bytes, the raw record of the parser has only the first, which is no character.
  const separator = `\\u${delimiter.charCodeAt(0).toString(16).padStart(4, '0')}\uFFFD`;
  return new RegExp(
    `^(?:(?:"(?:[^"]|"")*"|[^"\\r\\n${separator}][^\\r\\n${separator}]*)?(?:[${separator}]|[\\r\\n]*$))*$`,
  );
}

/** Line ends in a record; CRLF is one, and of the one after the record the parser keeps the CR only. */
function countLines(raw: string): number {
  return raw.match(/\r\n?|\n/g)?.length ?? 0;
}
