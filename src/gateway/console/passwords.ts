import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { Problem } from '#platform/http/problems.ts';

/** Passwords of people, as scrypt makes them: slow to guess, and each with a salt of its own. */

/** As OWASP advises for scrypt: 2^15, 8, 3 takes 32 MiB and about 150 ms of one core. */
const COST = { logN: 15, r: 8, p: 3 } as const;
const KEY_BYTES = 32;
const SALT_BYTES = 16;
/** Each takes a thread of the pool that files and names need, too. */
const AT_ONCE_MAX = 2;
const WAITING_MAX = 20;
export const PASSWORD_MIN = 12;
export const PASSWORD_MAX = 200;

let running = 0;
const waiting: (() => void)[] = [];

/** Waits for one of the few places. Throws OVERLOADED where too many wait. */
async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (running >= AT_ONCE_MAX) {
    if (waiting.length >= WAITING_MAX)
      throw new Problem('OVERLOADED', 'Too many sign in at once. Try again in a moment.', {
        headers: { 'retry-after': '2' },
      });
    await new Promise<void>((resolve) => waiting.push(resolve));
  } else running++;
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else running--;
  }
}

function derive(
  password: string,
  salt: Buffer,
  { logN, r, p }: { logN: number; r: number; p: number },
): Promise<Buffer> {
  return inTurn(
    () =>
      new Promise<Buffer>((resolve, reject) => {
        const options = { N: 2 ** logN, r, p, maxmem: 256 * 2 ** logN * r };
        scrypt(password.normalize('NFKC'), salt, KEY_BYTES, options, (error, key) =>
          error ? reject(error) : resolve(key),
        );
      }),
  );
}

/** `scrypt$15$8$3$salt$key`, which says how it was made, so that a later version may take more time. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const key = await derive(password, salt, COST);
  return ['scrypt', COST.logN, COST.r, COST.p, salt.toString('base64url'), key.toString('base64url')].join('$');
}

/** Who is not known takes as long as who is. */
const NOBODY = `scrypt$${COST.logN}$${COST.r}$${COST.p}$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/** Whether a password is that of a hash; never for an absent one, which takes as long. */
export async function isPassword(password: string, hash: string | null | undefined): Promise<boolean> {
  const [, logN, r, p, salt = '', key = ''] = (hash ?? NOBODY).split('$');
  const found = await derive(password, Buffer.from(salt, 'base64url'), {
    logN: Number(logN),
    r: Number(r),
    p: Number(p),
  });
  return timingSafeEqual(found, Buffer.from(key, 'base64url')) && typeof hash === 'string';
}
