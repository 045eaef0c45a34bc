import type { Principal } from '#platform/http/server.ts';
import type { ApiKeys } from './api-keys.ts';
import type { Bearing, Sessions } from './console/sessions.ts';
import { looksLikeToken, type Tokens } from './tokens.ts';

/**
 * Who calls, by what the `Authorization` header bears: an API key, or a token of the issuer where there is one. A browser
 * that sends none may have a session of the console.
 */
export class Callers {
  readonly #keys: ApiKeys;
  readonly #tokens: Tokens | undefined;
  readonly #sessions: Sessions;

  constructor(keys: ApiKeys, tokens: Tokens | undefined, sessions: Sessions) {
    this.#keys = keys;
    this.#tokens = tokens;
    this.#sessions = sessions;
  }

  /**
   * The caller, or undefined. Calls `beforeLookup`, which may throw, before it asks the database. Throws FORBIDDEN for a
   * change with a session that does not come from the console.
   */
  authenticate(request: Bearing, beforeLookup?: () => void): Principal | undefined | Promise<Principal | undefined> {
    const { authorization: header, cookie } = request.headers;
    if (header === undefined && cookie !== undefined) {
      const session = this.#sessions.tokenOf(request.headers);
      if (session !== undefined) return this.#sessions.authenticate(session, request, beforeLookup);
    }
    const bearer = header !== undefined && /^bearer /i.test(header) ? header.slice(7).trim() : '';
    if (this.#tokens && looksLikeToken(bearer)) return this.#tokens.authenticate(bearer);
    return this.#keys.authenticate(bearer, beforeLookup);
  }
}
