import { createHash, randomBytes } from 'node:crypto';
import { Problem } from '#platform/http/problems.ts';
import { readJson } from '../issuer-keys.ts';

/**
 * Signing in at an OpenID Connect issuer: the code flow with PKCE (RFC 7636). What the issuer answers with is an access
 * token for this API, which is verified as every token is.
 */

export interface IssuerOptions {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope: string;
}

/** What the browser keeps, in a cookie, while its person is at the issuer. */
export interface Flow {
  readonly state: string;
  readonly verifier: string;
  /** Path of the console to go on with. */
  readonly to: string;
}

const RANDOM_BYTES = 32;
const TIMEOUT_MS = 10_000;
const ANSWER_BYTES_MAX = 64 * 1024;
const DISCOVERED_MS = 600_000;

interface Endpoints {
  readonly authorize: string;
  readonly token: string;
  readonly untilMs: number;
}

export class IssuerSignIn {
  readonly #options: IssuerOptions;
  #endpoints: Endpoints | undefined;

  constructor(options: IssuerOptions) {
    this.#options = options;
  }

  /** Where to send the browser, and what it is to remember meanwhile. Throws OVERLOADED where the issuer does not answer. */
  async begin(redirectUri: string, to: string): Promise<{ readonly url: string; readonly flow: Flow }> {
    const { authorize } = await this.#discover();
    const flow = { state: random(), verifier: random(), to };
    const url = new URL(authorize);
    const parameters = {
      response_type: 'code',
      client_id: this.#options.clientId,
      redirect_uri: redirectUri,
      scope: this.#options.scope,
      state: flow.state,
      code_challenge: createHash('sha256').update(flow.verifier).digest('base64url'),
      code_challenge_method: 'S256',
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return { url: url.href, flow };
  }

  /** The access token for a code. Throws UNAUTHENTICATED where the issuer gives none for it. */
  async tokenFor(code: string, verifier: string, redirectUri: string): Promise<string> {
    const { token } = await this.#discover();
    const { clientId, clientSecret } = this.#options;
    const form = new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: redirectUri,
      code_verifier: verifier,
      ...(clientSecret === '' && { client_id: clientId }),
    });
    const basic = Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`).toString('base64');
    const response = await fetch(token, {
      method: 'POST',
      headers: {
        accept: 'application/json',
        'content-type': 'application/x-www-form-urlencoded',
        ...(clientSecret !== '' && { authorization: `Basic ${basic}` }),
      },
      body: form.toString(),
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch((error: unknown) => {
      throw away(error);
    });
    const text = (await response.text()).slice(0, ANSWER_BYTES_MAX);
    const found = response.ok ? (JSON.parse(text) as { access_token?: unknown }).access_token : undefined;
    if (typeof found !== 'string')
      throw new Problem('UNAUTHENTICATED', 'The issuer did not confirm the sign-in. Try again.');
    return found;
  }

  async #discover(): Promise<Endpoints> {
    if (this.#endpoints && this.#endpoints.untilMs > Date.now()) return this.#endpoints;
    const { issuer } = this.#options;
    const found = await readJson(`${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`).catch(
      (error: unknown) => {
        throw away(error);
      },
    );
    const { authorization_endpoint: authorize, token_endpoint: token } = found;
    if (found['issuer'] !== issuer || !isUrl(authorize) || !isUrl(token))
      throw away(new Error('its discovery document names no endpoints to sign in at'));
    return (this.#endpoints = { authorize, token, untilMs: Date.now() + DISCOVERED_MS });
  }
}

function isUrl(value: unknown): value is string {
  return typeof value === 'string' && /^https?:\/\//.test(value) && URL.canParse(value);
}

function away(error: unknown): Problem {
  return new Problem('OVERLOADED', `The issuer cannot be asked now: ${(error as Error).message}`, {
    headers: { 'retry-after': '5' },
  });
}

function random(): string {
  return randomBytes(RANDOM_BYTES).toString('base64url');
}
