import type { Principal } from '#platform/http/server.ts';
import type { ApiKeys } from './api-keys.ts';
import { looksLikeToken, type Tokens } from './tokens.ts';

/** Who calls, by what the `Authorization` header bears: an API key, or a token of the issuer where there is one. */
export class Callers {
  readonly #keys: ApiKeys;
  readonly #tokens: Tokens | undefined;

  constructor(keys: ApiKeys, tokens: Tokens | undefined) {
    this.#keys = keys;
    this.#tokens = tokens;
  }

  /** The caller, or undefined. Calls `beforeLookup`, which may throw, before it asks the database. */
  authenticate(
    header: string | undefined,
    beforeLookup?: () => void,
  ): Principal | undefined | Promise<Principal | undefined> {
    const bearer = header !== undefined && /^bearer /i.test(header) ? header.slice(7).trim() : '';
    if (this.#tokens && looksLikeToken(bearer)) return this.#tokens.authenticate(bearer);
    return this.#keys.authenticate(bearer, beforeLookup);
  }
}
