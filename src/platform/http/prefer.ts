/** Preferences of a request (RFC 7240). */

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const WORD = `(?:"(?:[^"\\\\]|\\\\.)*"|${TOKEN})`;
/** A preference with its value, the parameters behind it, and what ends it. */
const PREFERENCE = new RegExp(
  `[\\t ]*(?:(${TOKEN})(?:[\\t ]*=[\\t ]*(${WORD}))?((?:[\\t ]*;[\\t ]*(?:${TOKEN}(?:[\\t ]*=[\\t ]*${WORD})?)?)*))?[\\t ]*(?:,|$)`,
  'y',
);

/**
 * The preferences of a `Prefer` header by their names in small letters, with their values ('' where they have none). Of
 * several with one name the first counts. A header that cannot be read has none: preferences may be left out.
 */
export function preferences(header: string | readonly string[] | undefined): ReadonlyMap<string, string> {
  const text = typeof header === 'string' ? header : (header ?? []).join(',');
  const found = new Map<string, string>();
  PREFERENCE.lastIndex = 0;
  while (PREFERENCE.lastIndex < text.length) {
    const match = PREFERENCE.exec(text);
    if (!match) return new Map();
    const [, name, value = ''] = match;
    if (name === undefined) continue;
    const lower = name.toLowerCase();
    if (!found.has(lower)) found.set(lower, value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value);
  }
  return found;
}

/** Seconds of the preference `wait`, at most `longest`; 0 where there is none that can be met. */
export function preferredWaitS(header: string | readonly string[] | undefined, longest: number): number {
  if (header === undefined) return 0;
  const value = preferences(header).get('wait') ?? '';
  return /^\d{1,9}$/.test(value) ? Math.min(Number(value), longest) : 0;
}
