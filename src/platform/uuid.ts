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

/** A fresh UUIDv7 (RFC 9562), later ones of a process sort after earlier ones. */
export function uuidv7(): string {
  return generator.generate().toString();
}
