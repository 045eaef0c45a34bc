import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openTypeOf } from './woff.ts';

const { resolve } = createRequire(import.meta.url);
const FILE = resolve('@fontsource/noto-sans/files/noto-sans-latin-400-normal.woff');

/** The sum of the words of a table, as OpenType defines it. */
function checksum(table: Buffer): number {
  const padded = Buffer.concat([table, Buffer.alloc((4 - (table.length % 4)) % 4)]);
  let sum = 0;
  for (let at = 0; at < padded.length; at += 4) sum = (sum + padded.readUInt32BE(at)) >>> 0;
  return sum;
}

test('a WOFF file is unpacked to the font that it was made of: every table has its checksum', () => {
  const font = openTypeOf(readFileSync(FILE));
  const count = font.readUInt16BE(4);
  expect([font.readUInt32BE(0), count > 8]).toEqual([0x00010000, true]);
  const names: string[] = [];
  for (let index = 0; index < count; index++) {
    const at = 12 + index * 16;
    const name = font.toString('latin1', at, at + 4);
    const [sum, offset, length] = [4, 8, 12].map((place) => font.readUInt32BE(at + place)) as [number, number, number];
    const table = Buffer.from(font.subarray(offset, offset + length));
    expect(offset % 4).toBe(0);
    // That of the head is over a head without the sum of the whole font.
    if (name === 'head') table.writeUInt32BE(0, 8);
    expect([name, checksum(table)]).toEqual([name, sum]);
    names.push(name);
  }
  expect(names).toEqual(expect.arrayContaining(['cmap', 'glyf', 'head', 'hmtx', 'loca', 'maxp']));
});

test('what is no WOFF file is refused', () => {
  expect(() => openTypeOf(Buffer.from('OTTO and more'))).toThrow('no WOFF file');
});
