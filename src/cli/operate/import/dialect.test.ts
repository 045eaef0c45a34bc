import { describe, expect, test } from 'vitest';
import { inputOf, readOrders } from '#tests/support/read-orders.ts';
import { dialectOf } from './dialect.ts';
import { timeOf } from './dates.ts';
import { decimalOf, plainText } from './numbers.ts';

const TABLE = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country';
const ROW = '1,A,Café,2,2024-01-05 10:00:00,1.50,7,France';
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const utf16 = (text: string, bigEndian: boolean, mark = true): Uint8Array => {
  const bytes = Buffer.from(`${mark ? '\uFEFF' : ''}${text}`, 'utf16le');
  return bigEndian ? bytes.swap16() : bytes;
};
const latin1 = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const lines = (...all: string[]): string => `${all.join('\r\n')}\r\n`;
const semicolons = (text: string): string => text.replaceAll(',', ';');

describe('a file is read however it is written', () => {
  test.each([
    ['plain', utf8(lines(TABLE, ROW))],
    ['with a mark', utf8(`\uFEFF${lines(TABLE, ROW)}`)],
    ['UTF-16 of Windows', utf16(lines(TABLE, ROW), false)],
    ['UTF-16 of the other kind', utf16(lines(TABLE, ROW), true)],
    ['UTF-16 without a mark', utf16(lines(TABLE, ROW), false, false)],
    ['windows-1252', latin1(lines(TABLE, ROW))],
    ['semicolons', utf8(lines(semicolons(TABLE), semicolons(ROW)))],
    ['sep=;', utf8(lines('sep=;', semicolons(TABLE), semicolons(ROW)))],
    ['sep=; in UTF-16', utf16(lines('sep=;', semicolons(TABLE), semicolons(ROW)), false)],
    ['tabs', utf8(lines(TABLE.replaceAll(',', '\t'), ROW.replaceAll(',', '\t')))],
    ['titles above', utf8(lines('Sales report', 'January,,,,,,,', '', TABLE, ROW))],
    ['a short row', utf8(lines(TABLE, '1,A,Café,2,2024-01-05 10:00:00,1.50'))],
    ['empty fields behind the last column', utf8(lines(TABLE, `${ROW},,`))],
  ])('%s', async (_, bytes) => {
    const { orders } = await readOrders(bytes);
    expect(orders).toMatchObject([
      { number: '1', total: 300n, order: { items: [{ sku: 'A', name: 'Café', quantity: 2 }] } },
    ]);
  });

  test('a quote in a table of tabs is a character, and quotes around fields are none', async () => {
    const tabs = (row: string): string => row.replaceAll('|', '\t');
    const header = tabs('InvoiceNo|StockCode|Description|Quantity|InvoiceDate|UnitPrice');
    const inches = await readOrders(
      lines(header, tabs('1|A|"24 inch|1|2024-01-05|1'), tabs('2|B|19" rack|1|2024-01-05|1')),
    );
    expect(inches.orders.map(({ order }) => order!.items[0]!.name)).toEqual(['"24 inch', '19" rack']);
    const quoted = await readOrders(lines(header, tabs('"1"|"A"|"a ""b"" c"|"1"|"2024-01-05"|"1"')));
    expect(quoted.orders[0]!.order!.items[0]!.name).toBe('a "b" c');
  });

  test('errors name the line of the file, titles included', async () => {
    await expect(readOrders(lines('Report', TABLE, '1,"A"x,Cup,1,2024-01-05,1,,'))).rejects.toThrow('line 3');
  });

  test('what is said wins over what is found', async () => {
    const found = await dialectOf(inputOf(utf8('a,b;c,d\n')), { delimiter: ';', encoding: 'latin1', skipLines: 0 });
    expect(found).toMatchObject({ delimiter: ';', encoding: 'latin1', skipLines: 0 });
    for (const name of ['tab', '\\t', '\t'])
      expect(await dialectOf(inputOf(utf8('a\n')), { delimiter: name })).toMatchObject({ delimiter: '\t' });
    await expect(dialectOf(inputOf(utf8('a\n')), { encoding: 'ebcdic' })).rejects.toThrow('no such encoding');
  });
});

test.each([
  ['12', '12'],
  ['+2.5500000', '2.55'],
  ['.5', '0.5'],
  ['007', '7'],
  ['-3', '-3'],
  ['3-', '-3'],
  ['(3.50)', '-3.5'],
  ['-$3.50', '-3.5'],
  ['$ -3.50', '-3.5'],
  ['1,234,567.5', '1234567.5'],
  ['1.234.567', '1234567'],
  ['12,34,567.00', '1234567'],
  ['1 234,50', '1234.5'],
  ['1\u00a0234,50 €', '1234.5'],
  ['1,234', undefined],
  ['1.2.3,4', undefined],
  ['1e3', undefined],
  ['2.01E+11', undefined],
  ['NaN', undefined],
  ['', undefined],
  ['free', undefined],
])('the number %j is %j', (cell, value) => {
  expect(decimalOf(cell)).toBe(value);
});

test('text is taken as it is meant', () => {
  expect(['="00123"', "'01067", "'tis", ' a ', '="a ""b"""'].map(plainText)).toEqual([
    '00123',
    '01067',
    "'tis",
    'a',
    'a "b"',
  ]);
});

test.each([
  ['2024-03-05', 'UTC', '2024-03-05T00:00:00.000Z'],
  ['2024-03-05T10:20:30Z', 'Europe/Berlin', '2024-03-05T10:20:30.000Z'],
  ['2024-03-05 10:20:30 -0500', 'UTC', '2024-03-05T15:20:30.000Z'],
  ['2024-07-01 00:30', 'Europe/Berlin', '2024-06-30T22:30:00.000Z'],
  ['2024-03-31 03:30', 'Europe/Berlin', '2024-03-31T01:30:00.000Z'],
  ['05.03.2024 9:05', 'UTC', '2024-03-05T09:05:00.000Z'],
  ['25/03/2024', 'UTC', '2024-03-25T00:00:00.000Z'],
  ['3/25/24, 1:05 PM', 'UTC', '2024-03-25T13:05:00.000Z'],
  ['Mar 5, 2024', 'UTC', '2024-03-05T00:00:00.000Z'],
  ['5-Mar-24', 'UTC', '2024-03-05T00:00:00.000Z'],
  ['03/04/2024', 'UTC', undefined],
  ['2024-02-30', 'UTC', undefined],
  ['2024-13-01', 'UTC', undefined],
  ['yesterday', 'UTC', undefined],
])('the time %j in %s is %j', (cell, zone, time) => {
  expect(timeOf(cell, zone)).toBe(time);
});
