import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';

/** An OpenID Connect issuer: its discovery document, its keys, and the tokens that it signs. It counts who connects. */

export const AUDIENCE = 'olms-api';

export interface SigningKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

export async function signingKey(kid: string, alg = 'RS256'): Promise<SigningKey> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, privateKey, publicJwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

export class Issuer {
  readonly #server: Server;
  /** What it publishes; a test changes it to rotate keys. */
  keys: SigningKey[];
  connections = 0;
  /** The status of its answers; not 200: it is broken. */
  status = 200;
  url = '';

  private constructor(keys: SigningKey[]) {
    this.keys = keys;
    this.#server = createServer((request, response) => {
      response.setHeader('content-type', 'application/json');
      response.statusCode = this.status;
      if (request.url === '/.well-known/openid-configuration')
        return response.end(
          JSON.stringify({
            issuer: this.url,
            jwks_uri: `${this.url}/keys`,
            authorization_endpoint: `${this.url}/authorize`,
            token_endpoint: `${this.url}/token`,
          }),
        );
      if (request.url === '/token') return void this.#exchange(request, response);
      if (request.url === '/keys')
        return response.end(JSON.stringify({ keys: this.keys.map(({ publicJwk }) => publicJwk) }));
      response.statusCode = 404;
      response.end('{}');
    });
    // Each request is one connection, so that requests are counted, too.
    this.#server.keepAliveTimeout = 1;
    this.#server.maxRequestsPerSocket = 1;
    this.#server.on('connection', () => this.connections++);
  }

  /** Codes that were given out, each with what proves whose it is and the token for it. */
  readonly codes = new Map<string, { readonly challenge: string; readonly token: string }>();

  /** A code for a token, once, for who knows what the challenge was made of (RFC 7636). */
  async #exchange(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = new URLSearchParams((await Array.fromAsync(request)).join(''));
    const found = this.codes.get(form.get('code') ?? '');
    this.codes.delete(form.get('code') ?? '');
    const proof = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url');
    response.statusCode = found?.challenge === proof ? 200 : 400;
    response.end(
      JSON.stringify(response.statusCode === 200 ? { access_token: found!.token } : { error: 'invalid_grant' }),
    );
  }

  static async start(): Promise<Issuer> {
    const issuer = new Issuer([await signingKey('rsa-1'), await signingKey('ec-1', 'ES256')]);
    await new Promise<void>((resolve) => issuer.#server.listen(0, '127.0.0.1', resolve));
    issuer.url = `http://127.0.0.1:${(issuer.#server.address() as { port: number }).port}`;
    return issuer;
  }

  /** Settings of a system that accepts its tokens. */
  get env(): Record<string, string> {
    return { OIDC_ISSUER: this.url, OIDC_AUDIENCE: AUDIENCE };
  }

  /** Claims of a good token, good for five minutes. */
  claims(more: JWTPayload = {}): JWTPayload {
    const nowS = Math.floor(Date.now() / 1000);
    return { iss: this.url, aud: AUDIENCE, sub: 'u-1', iat: nowS, exp: nowS + 300, ...more };
  }

  /** A token with these claims beside those of a good one; undefined takes one away. */
  async token(more: JWTPayload = {}, key = this.keys[0]!, header: Record<string, unknown> = {}): Promise<string> {
    return new SignJWT(this.claims(more))
      .setProtectedHeader({ alg: key.alg, kid: key.kid, typ: 'JWT', ...header })
      .sign(key.privateKey);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
