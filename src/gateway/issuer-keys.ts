import type { JWK } from 'jose';
import type { TokenOptions } from './tokens.ts';

/** The public keys of an OpenID Connect issuer, as it publishes them (RFC 7517), found by its discovery document. */

const TIMEOUT_MS = 5_000;
const DOCUMENT_BYTES_MAX = 512 * 1024;
const KEYS_MAX = 100;
/** Types of keys of which one half is public. */
const KEY_TYPES: ReadonlySet<unknown> = new Set(['RSA', 'EC', 'OKP']);

/** Reads the keys that tokens may be signed with. Throws an error that says what is wrong, and what was asked. */
export async function issuerKeys({ issuer, jwksUrl }: Pick<TokenOptions, 'issuer' | 'jwksUrl'>): Promise<JWK[]> {
  const url = jwksUrl || (await discoveredUrl(issuer));
  const { keys } = await readJson(url);
  if (!Array.isArray(keys)) throw new Error(`${url} has no keys`);
  const usable = keys.filter(
    (key: unknown): key is JWK =>
      typeof key === 'object' &&
      key !== null &&
      KEY_TYPES.has((key as JWK).kty) &&
      ((key as JWK).use ?? 'sig') === 'sig' &&
      // A private key that is published is everybody's.
      (key as JWK).d === undefined,
  );
  if (usable.length === 0) throw new Error(`${url} has no public key to verify signatures with`);
  if (usable.length > KEYS_MAX) throw new Error(`${url} has more than ${KEYS_MAX} keys`);
  return usable;
}

async function discoveredUrl(issuer: string): Promise<string> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const { issuer: named, jwks_uri: jwksUri } = await readJson(url);
  if (named !== issuer) throw new Error(`${url} is of the issuer ${String(named)}, and OIDC_ISSUER is ${issuer}`);
  if (typeof jwksUri !== 'string' || !URL.canParse(jwksUri)) throw new Error(`${url} names no jwks_uri`);
  const { protocol } = new URL(jwksUri);
  if (protocol !== 'https:' && protocol !== new URL(issuer).protocol)
    throw new Error(`${url} names ${jwksUri}, which is not https`);
  return jwksUri;
}

/** A JSON object at a URL. Throws an error that says what was asked and what came. */
export async function readJson(url: string): Promise<Record<string, unknown>> {
  const response = await fetch(url, {
    headers: { accept: 'application/json' },
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((error: unknown) => {
    const { message, cause } = error as Error;
    throw new Error(`${url}: ${cause instanceof Error ? cause.message : message}`, { cause: error });
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`${url} answers ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > DOCUMENT_BYTES_MAX) throw new Error(`${url} answers more than ${DOCUMENT_BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  try {
    const document: unknown = JSON.parse(Buffer.concat(chunks).toString());
    if (typeof document === 'object' && document !== null) return document as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new Error(`${url} answers no JSON object`);
}
