import { randomFillSync } from 'node:crypto';
import { V7Generator } from 'uuidv7';

/** The library asks for a few random bytes per id; out of a pool, one system call serves a thousand ids. */
const POOL_WORDS = 4_096;
const pool = new Uint32Array(POOL_WORDS);
let used = POOL_WORDS;

const generator = new V7Generator({
  nextUint32() {
    if (used === POOL_WORDS) {
      randomFillSync(pool);
      used = 0;
    }
    return pool[used++]!;
  },
});

const DIGITS = Buffer.from('0123456789abcdef');
/** Where each of the 16 bytes of a UUID begins in its text. */
export const UUID_PLACES = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34] as const;
const text = Buffer.alloc(36, '-');

/** The UUID of 32 hexadecimal digits: the same digits in groups of 8, 4, 4, 4 and 12. */
export function uuidOfHex(hex: string): string {
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** A fresh UUIDv7 that says it was made at `timeMs`: for what happened before this system knew of it. */
export function uuidv7At(timeMs: number): string {
  const time = timeMs.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}${uuidv7().slice(13)}`;
}

/** A fresh UUIDv7 (RFC 9562), later ones of a process sort after earlier ones. */
export function uuidv7(): string {
  const { bytes } = generator.generate();
  for (let index = 0; index < UUID_PLACES.length; index++) {
    const place = UUID_PLACES[index]!;
    const byte = bytes[index]!;
    text[place] = DIGITS[byte >>> 4]!;
    text[place + 1] = DIGITS[byte & 15]!;
  }
  // One flat string: the library joins 36 pieces, which the first reader pays for once more.
  return text.toString('latin1');
}
