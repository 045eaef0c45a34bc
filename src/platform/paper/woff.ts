import { readFileSync } from 'node:fs';
import { inflateSync } from 'node:zlib';

/**
 * Fonts out of WOFF 1.0 files (W3C): the tables of an OpenType font, each compressed. Unpacked once for all pages of the
 * process, because what draws pages would unpack them for each document, in JavaScript.
 */

const HEADER_BYTES = 44;
const ENTRY_BYTES = 20;
const SFNT_HEADER_BYTES = 12;
const SFNT_ENTRY_BYTES = 16;
const ALIGNMENT = 4;

/** The OpenType font in a WOFF file. Throws where it is none. */
export function openTypeOf(woff: Buffer): Buffer {
  if (woff.toString('latin1', 0, 4) !== 'wOFF') throw new Error('This is no WOFF file');
  const count = woff.readUInt16BE(12);
  const selector = Math.floor(Math.log2(count));
  const header = Buffer.alloc(SFNT_HEADER_BYTES + count * SFNT_ENTRY_BYTES);
  woff.copy(header, 0, 4, 8);
  header.writeUInt16BE(count, 4);
  header.writeUInt16BE(2 ** selector * SFNT_ENTRY_BYTES, 6);
  header.writeUInt16BE(selector, 8);
  header.writeUInt16BE((count - 2 ** selector) * SFNT_ENTRY_BYTES, 10);
  const parts: Buffer[] = [header];
  let at = header.length;
  for (let index = 0; index < count; index++) {
    const entry = HEADER_BYTES + index * ENTRY_BYTES;
    const [offset, packed, length] = [4, 8, 12].map((place) => woff.readUInt32BE(entry + place)) as [
      number,
      number,
      number,
    ];
    const stored = woff.subarray(offset, offset + packed);
    const table = packed < length ? inflateSync(stored, { maxOutputLength: length }) : stored;
    const to = SFNT_HEADER_BYTES + index * SFNT_ENTRY_BYTES;
    woff.copy(header, to, entry, entry + 4);
    woff.copy(header, to + 4, entry + 16, entry + 20);
    header.writeUInt32BE(at, to + 8);
    header.writeUInt32BE(length, to + 12);
    const padding = Buffer.alloc((ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT);
    parts.push(table, padding);
    at += length + padding.length;
  }
  return Buffer.concat(parts);
}

const unpacked = new Map<string, Buffer>();

/** The OpenType font in the WOFF file at a path; remembered for ever, so only for the fonts that come with the program. */
export function fontAt(path: string): Buffer {
  let font = unpacked.get(path);
  if (!font) unpacked.set(path, (font = openTypeOf(readFileSync(path))));
  return font;
}
