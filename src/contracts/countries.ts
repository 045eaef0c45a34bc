/** Countries as people write them, and the codes that documents need (ISO 3166-1, two letters). */

const LANGUAGES = ['en', 'de', 'es', 'fr', 'it', 'ar'] as const;
const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
/** Names in use that no list of names has. */
const FURTHER: Readonly<Record<string, string>> = {
  uk: 'GB',
  'great britain': 'GB',
  england: 'GB',
  scotland: 'GB',
  wales: 'GB',
  usa: 'US',
  'united states of america': 'US',
  eire: 'IE',
  holland: 'NL',
};

let known: ReadonlyMap<string, string> | undefined;

/** Every name of every country in some languages, folded, by the code. */
function names(): ReadonlyMap<string, string> {
  if (known) return known;
  const byName = new Map<string, string>(Object.entries(FURTHER));
  for (const language of LANGUAGES) {
    const display = new Intl.DisplayNames([language], { type: 'region', fallback: 'none' });
    for (const first of LETTERS)
      for (const second of LETTERS) {
        const code = first + second;
        // A code that was given up, such as that of East Germany, has the name of the country that is there now.
        const isCurrent = Intl.getCanonicalLocales(`und-${code}`)[0] === `und-${code}`;
        const name = isCurrent ? display.of(code) : undefined;
        if (name !== undefined && !byName.has(folded(name))) byName.set(folded(name), code);
      }
  }
  return (known = byName);
}

function folded(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase().trim();
}

/** The code of a country, by its code or its name in one of several languages; undefined where it is neither. */
export function countryCodeOf(country: string | undefined): string | undefined {
  const text = folded(country ?? '');
  if (text === '') return undefined;
  if (/^[a-z]{2}$/.test(text) && text !== 'uk') return text.toUpperCase();
  return names().get(text);
}
