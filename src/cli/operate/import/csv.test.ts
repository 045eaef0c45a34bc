import { setImmediate as immediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { CsvError, type CsvOptions, type CsvRecord, readCsv } from './csv.ts';

async function* piecesOf(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const parse = (text: string, piece = text.length || 1, options: CsvOptions = {}): Promise<CsvRecord[]> =>
  Array.fromAsync(readCsv(piecesOf(text, piece), options));

const fields = async (text: string, piece?: number, options: CsvOptions = {}): Promise<(readonly string[])[]> =>
  (await parse(text, piece, options)).map((record) => record.fields);

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
  ] as const)('has %s', async (_, text, expected) => {
    // Whatever the pieces are in which it arrives, the records are the same.
    for (let piece = 1; piece <= text.length + 1; piece++) expect(await fields(text, piece)).toEqual(expected);
  });

  test('knows the line on which each record begins', async () => {
    const text = 'h\n"two\nlines"\n\nafter\r\n"a\rb\r\nc"\nlast';
    for (const piece of [1, 2, 3, 100])
      expect((await parse(text, piece)).map((record) => record.line)).toEqual([1, 2, 5, 6, 9]);
  });

  test('may have another delimiter', async () => {
    expect(await fields('a;b,c\n', undefined, { delimiter: ';' })).toEqual([['a', 'b,c']]);
    await expect(fields('', undefined, { delimiter: '"' })).rejects.toThrow('delimiter');
  });

  test.each([
    ['a quote that is never closed', 'a\nb,"c\nd\n', 2],
    ['text after a closing quote', 'a\n"b"c\n', 2],
  ])('is refused with %s', async (_, text, line) => {
    await expect(parse(text, 1)).rejects.toThrow(CsvError);
    await expect(parse(text, 1)).rejects.toThrow(`line ${line}:`);
  });

  test('takes quotes at the start of a quoted field, whatever the delimiter', async () => {
    for (const delimiter of [',', '|', '¦'])
      expect(await fields(`"""a"" b"${delimiter}"""${delimiter}"${delimiter}c"d\n`, undefined, { delimiter })).toEqual([
        ['"a" b', `"${delimiter}`, 'c"d'],
      ]);
  });

  test('is refused where a record does not end, before it fills the memory', async () => {
    let read = 0;
    async function* endless(): AsyncGenerator<Uint8Array> {
      yield new TextEncoder().encode('a\n"');
      for (; read < 100; read++) {
        await immediate();
        yield new TextEncoder().encode('x'.repeat(99));
      }
    }
    const records = readCsv(endless(), { recordCharsMax: 1000 });
    await expect(records.next()).resolves.toMatchObject({ value: { fields: ['a'] } });
    await expect(records.next()).rejects.toThrow('line 2: a record of more than 1000 characters');
    expect(read).toBeLessThan(15);
    await expect(fields('x'.repeat(1001), undefined, { recordCharsMax: 1000 })).rejects.toThrow(CsvError);
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
