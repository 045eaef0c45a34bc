/**
 * What people call an order: eight characters and a check character, such as `K7M4-92QX-F`. None looks like another one
 * (no I, L, O, U, Z), and the check finds every single wrong character and every two that changed places. It is read
 * without case, spaces and hyphens. Orders without one are called by the end of their id.
 */

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXY';
const BASE = ALPHABET.length;
const DIGITS = 8;
/** So many numbers there are. */
export const NUMBERS = BigInt(BASE) ** BigInt(DIGITS);
/** A root of the prime 31: its powers, the weights, are all different. */
const ROOT = 3;
const WEIGHTS = Array.from({ length: DIGITS + 1 }, (_, place) => ROOT ** (DIGITS - place) % BASE);
/** Odd ways to write a character. */
const MEANT: Readonly<Record<string, string>> = { O: '0', I: '1', L: '1', Z: '2', U: 'V' };
/** How many there are is not to be read off a number: n·FACTOR + OFFSET, modulo all of them. */
const FACTOR = 527_115_650_449n;
const OFFSET = 318_611_977_033n;

const valueOf = (character: string): number => ALPHABET.indexOf(character);

function checksum(characters: string): number {
  let sum = 0;
  for (let place = 0; place < characters.length; place++) sum += valueOf(characters[place]!) * WEIGHTS[place]!;
  return sum % BASE;
}

/** The number of the `n`th order, `n` counting from 0; after all of them they begin again. */
export function numberOf(n: bigint): string {
  let rest = (n * FACTOR + OFFSET) % NUMBERS;
  let characters = '';
  for (let place = 0; place < DIGITS; place++) {
    characters = ALPHABET[Number(rest % BigInt(BASE))]! + characters;
    rest /= BigInt(BASE);
  }
  return written(characters + ALPHABET[(BASE - checksum(characters)) % BASE]!);
}

const written = (characters: string): string =>
  `${characters.slice(0, 4)}-${characters.slice(4, 8)}-${characters.slice(8)}`;

/** A number as people type it; undefined for what is none, or mistyped. */
export function readNumber(text: string): string | undefined {
  const plain = text
    .toUpperCase()
    .replace(/[\s-]/g, '')
    .replace(/[OILZU]/g, (character) => MEANT[character]!);
  if (plain.length !== DIGITS + 1 || plain.split('').some((character) => valueOf(character) < 0)) return undefined;
  return checksum(plain) === 0 ? written(plain) : undefined;
}

/** What people call a return: the number of its order, and which of the order's returns it is, counting from 1. */
export function returnNumberOf(orderNumber: string, nth: number): string {
  return `${orderNumber}-R${nth}`;
}

/** The number of the order in that of a return; any other text as it is. */
export function withoutReturn(text: string): string {
  return text.replace(/[\s-]R\d{1,4}\s*$/i, '');
}

const FORMER = /^[0-9a-f]{12}$/i;

/** Whether a text is the number of an order that has none of its own: the end of its id. */
export function isFormerNumber(text: string): boolean {
  return FORMER.test(text);
}

/** What an order is called by the end of its id, where it has no number of its own. */
export function formerNumber(id: string): string {
  return id.slice(-12).toUpperCase();
}
