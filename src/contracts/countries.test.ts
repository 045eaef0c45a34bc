import { expect, test } from 'vitest';
import { countryCodeOf } from './countries.ts';

test.each([
  ['DE', 'DE'],
  ['de', 'DE'],
  ['Deutschland', 'DE'],
  ['Allemagne', 'DE'],
  ['ألمانيا', 'DE'],
  [' España ', 'ES'],
  ['Jemen', 'YE'],
  ['UK', 'GB'],
  ['Vereinigtes Königreich', 'GB'],
  ['USA', 'US'],
  ['Atlantis', undefined],
  ['', undefined],
  [undefined, undefined],
])('%s is %s, by its code or its name, and by no code that was given up', (text, code) => {
  expect(countryCodeOf(text)).toBe(code);
});
