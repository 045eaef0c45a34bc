import { readFileSync } from 'node:fs';

/**
 * The version of the program and of its API. Of all files outside of src, package.json alone is read while the program
 * runs: it is part of every image, because it also says what `#platform` and the like lead to.
 */
export const { version: packageVersion } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as { version: string };
