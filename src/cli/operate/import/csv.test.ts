import { describe, expect, test } from 'vitest';
import { CsvError, CsvParser, type CsvRecord, readCsv } from './csv.ts';

function parse(text: string, piece = text.length || 1, options = {}): CsvRecord[] {
  const parser = new CsvParser(options);
  const records: CsvRecord[] = [];
  for (let at = 0; at < text.length; at += piece) records.push(...parser.push(text.slice(at, at + piece)));
  return [...records, ...parser.end()];
}

const fields = (text: string, piece?: number, options = {}): (readonly string[])[] =>
  parse(text, piece, options).map((record) => record.fields);

async function* bytesOf(...pieces: Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

describe('a CSV file', () => {
  test.each([
    [
      'plain fields',
      'a,b\n1,2\n',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      'no line end after the last record',
      'a,b\n1,2',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      'CRLF',
      'a,b\r\n1,2\r\n',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      'CR alone',
      'a,b\r1,2\r',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    ['a byte order mark', '\uFEFFa,b\n', [['a', 'b']]],
    [
      'separators, quotes and line ends in quotes',
      '"a,1","say ""hi""","two\r\nlines"\nx,y,z',
      [
        ['a,1', 'say "hi"', 'two\r\nlines'],
        ['x', 'y', 'z'],
      ],
    ],
    [
      'empty fields',
      ',,\n"",\n',
      [
        ['', '', ''],
        ['', ''],
      ],
    ],
    ['a field that ends with the file', 'a,', [['a', '']]],
    ['empty lines, which are no records', '\n\na\n\r\n\nb\n\n', [['a'], ['b']]],
    ['an inch in an unquoted field', 'pipe 5",2\n', [['pipe 5"', '2']]],
    ['spaces, which are kept', ' a , b \n', [[' a ', ' b ']]],
    ['nothing', '', []],
  ] as const)('has %s', (_, text, expected) => {
    // Whatever the pieces are in which it arrives, the records are the same.
    for (let piece = 1; piece <= text.length + 1; piece++) expect(fields(text, piece)).toEqual(expected);
  });

  test('knows the line on which each record begins', () => {
    const text = 'h\n"two\nlines"\n\nafter\r\n"a\rb\r\nc"\nlast';
    for (const piece of [1, 2, 3, 100])
      expect(parse(text, piece).map((record) => record.line)).toEqual([1, 2, 5, 6, 9]);
  });

  test('may have another delimiter', () => {
    expect(fields('a;b,c\n', undefined, { delimiter: ';' })).toEqual([['a', 'b,c']]);
    expect(() => new CsvParser({ delimiter: '"' })).toThrow('delimiter');
  });

  test.each([
    ['a quote that is never closed', 'a\nb,"c\nd\n', 2],
    ['text after a closing quote', 'a\n"b"c\n', 2],
  ])('is refused with %s', (_, text, line) => {
    expect(() => parse(text, 1)).toThrow(CsvError);
    expect(() => parse(text, 1)).toThrow(`line ${line}:`);
  });

  test('is refused where a record does not end, before it fills the memory', () => {
    const parser = new CsvParser({ recordCharsMax: 1000 });
    expect([...parser.push('a\n')]).toHaveLength(1);
    let read = 0;
    expect(() => {
      for (; read < 100; read++)
        for (const record of parser.push(`"${'x'.repeat(99)}`.slice(read === 0 ? 0 : 1)))
          expect(record).toBeUndefined();
    }).toThrow('line 2: a record of more than 1000 characters');
    expect(read).toBeLessThan(15);
    expect(() => fields('x'.repeat(1001), undefined, { recordCharsMax: 1000 })).toThrow(CsvError);
  });

  test('is read in its encoding, characters cut by the pieces included', async () => {
    const pounds = new TextEncoder().encode('price\n£5\n');
    const read = await Array.fromAsync(readCsv(bytesOf(...[...pounds].map((byte) => Uint8Array.of(byte)))));
    expect(read.map((record) => record.fields)).toEqual([['price'], ['£5']]);
    const latin = Uint8Array.of(0xa3, 0x35, 0x0a);
    const decoded = await Array.fromAsync(readCsv(bytesOf(latin), { encoding: 'windows-1252' }));
    expect(decoded[0]!.fields).toEqual(['£5']);
    await expect(Array.fromAsync(readCsv(bytesOf(latin)))).rejects.toThrow('--encoding');
  });
});
