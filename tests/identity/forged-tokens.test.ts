import { createHmac, createPrivateKey, createPublicKey, sign as signBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exportJWK, exportSPKI, importJWK, type JWTPayload } from 'jose';
import { Issuer, type SigningKey, signingKey } from '#tests/support/issuer.ts';
import { startTestSystem, type TestSystem } from '#tests/support/system.ts';
import type { Problem } from '#tests/support/views.ts';

/**
 * Tokens as whoever wants in would make them. Each is refused with 401, and none makes the system connect to anything:
 * not to the addresses in their headers, and not to the issuer.
 */

let issuer: Issuer;
let system: TestSystem;
/** Where the headers of forged tokens point; it serves the forger's key, and counts who asks. */
let trap: Server;
let trapUrl = '';
let trapped = 0;
let good: SigningKey;
let forger: SigningKey;

beforeAll(async () => {
  issuer = await Issuer.start();
  [good] = issuer.keys as [SigningKey];
  forger = await signingKey('forged');
  trap = createServer((_request, response) => response.end(JSON.stringify({ keys: [forger.publicJwk] })));
  trap.on('connection', () => trapped++);
  await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve));
  trapUrl = `http://127.0.0.1:${(trap.address() as { port: number }).port}`;
  // The keys are not read again while this file runs, so every connection there would be a token's doing.
  system = await startTestSystem({ env: { ...issuer.env, OIDC_JWKS_REFRESH_MS: '3600000' } });
});
afterAll(async () => {
  await system.stop();
  await issuer.stop();
  await new Promise((resolve) => trap.close(resolve));
});

const base64 = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const admin = (more: JWTPayload = {}): JWTPayload => issuer.claims({ roles: ['admin'], ...more });
const unsigned = (header: object, claims: object = admin()): string => `${base64(header)}.${base64(claims)}`;
const withHmac = (secret: string | Buffer, header: object, claims = admin()): string => {
  const text = unsigned(header, claims);
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
};
const without = (claim: string): JWTPayload => ({ roles: ['admin'], [claim]: undefined });
const nowS = (): number => Math.floor(Date.now() / 1000);

/** Signed with the issuer's own key, whatever the header and payload are. */
async function signedRaw(header: string | object, payload: string | object): Promise<string> {
  const text = `${base64(header)}.${base64(payload)}`;
  const key = createPrivateKey({ key: (await exportJWK(good.privateKey)) as never, format: 'jwk' });
  return `${text}.${signBytes('sha256', Buffer.from(text), key).toString('base64url')}`;
}

async function publicPem(): Promise<string> {
  return exportSPKI((await importJWK(good.publicJwk, 'RS256')) as never);
}

/** By what each of them hopes for. */
async function forgedTokens(): Promise<Record<string, string>> {
  const header = { alg: 'RS256', kid: good.kid, typ: 'JWT' };
  const token = await issuer.token({ roles: ['admin'] });
  const [head, payload, signature] = token.split('.') as [string, string, string];
  const pem = await publicPem();
  const der = createPublicKey(pem).export({ type: 'spki', format: 'der' });
  const ec = issuer.keys[1]!;
  const ecToken = await issuer.token({ roles: ['admin'] }, ec);
  const ecText = ecToken.split('.').slice(0, 2).join('.');
  const zeros = Buffer.alloc(64).toString('base64url');
  const forged = (more: JWTPayload, extra: Record<string, unknown> = {}): Promise<string> =>
    issuer.token({ roles: ['admin'], ...more }, forger, extra);
  const genuine = (more: JWTPayload, extra: Record<string, unknown> = {}): Promise<string> =>
    issuer.token({ roles: ['admin'], ...more }, good, extra);
  return {
    'alg none, no signature': `${unsigned({ alg: 'none', typ: 'JWT' })}.`,
    'alg none, the signature of another token': `${unsigned({ alg: 'none' })}.${signature}`,
    'alg None': `${unsigned({ alg: 'None' })}.`,
    'alg NONE': `${unsigned({ alg: 'NONE' })}.`,
    'alg nOnE': `${unsigned({ alg: 'nOnE', kid: good.kid })}.`,
    'alg empty': `${unsigned({ alg: '' })}.${signature}`,
    'alg missing': `${unsigned({ kid: good.kid })}.${signature}`,
    'alg a number': `${unsigned({ alg: 256 })}.${signature}`,
    'alg a list': `${unsigned({ alg: ['RS256'] })}.${signature}`,
    'HS256 by the public key as PEM': withHmac(pem, { ...header, alg: 'HS256' }),
    'HS256 by the public key as DER': withHmac(der, { ...header, alg: 'HS256' }),
    'HS256 by the modulus': withHmac(String(good.publicJwk.n), { ...header, alg: 'HS256' }),
    'HS256 by the published key as JSON': withHmac(JSON.stringify(good.publicJwk), { ...header, alg: 'HS256' }),
    'HS256 by an empty secret': withHmac('', { ...header, alg: 'HS256' }),
    'HS256 by a guess': withHmac('secret', { ...header, alg: 'HS256' }),
    'HS512 by the public key': withHmac(pem, { ...header, alg: 'HS512' }),
    'RS256 said, HMAC made': withHmac(pem, header),
    'signed with the forger’s key, kid of the issuer': await forged({}, { kid: good.kid }),
    'signed with the forger’s key, kid unknown': await forged({}),
    'kid is a path': await forged({}, { kid: '../../../../dev/null' }),
    'kid is SQL': await forged({}, { kid: "x' union select 'key' -- " }),
    'kid is a URL': await forged({}, { kid: `${trapUrl}/kid` }),
    'kid is a shell command': await forged({}, { kid: '| curl 127.0.0.1' }),
    'kid is __proto__': await forged({}, { kid: '__proto__' }),
    'kid is a number': await forged({}, { kid: 1 }),
    'kid missing': await forged({}, { kid: undefined }),
    'jwk embedded': await forged({}, { jwk: forger.publicJwk }),
    'jwk embedded, kid of the issuer': await forged({}, { kid: good.kid, jwk: { ...forger.publicJwk, kid: good.kid } }),
    'jku of the forger': await forged({}, { jku: `${trapUrl}/keys` }),
    'jku that begins like the issuer': await forged({}, { jku: `${issuer.url}@${trapUrl.slice(7)}/keys` }),
    'x5u of the forger': await forged({}, { x5u: `${trapUrl}/cert` }),
    'x5c embedded': await forged({}, { x5c: [der.toString('base64')] }),
    'a critical extension': await signedRaw({ ...header, crit: ['jku'], jku: `${trapUrl}/keys` }, admin()),
    'b64 false': await signedRaw({ ...header, b64: false, crit: ['b64'] }, admin()),
    'another algorithm of the same family': `${unsigned({ ...header, alg: 'PS256' })}.${signature}`,
    'the kid of another key of the set': `${base64({ ...header, kid: ec.kid })}.${payload}.${signature}`,
    'signed with another key of the set, under the kid of the first': await issuer.token({ roles: ['admin'] }, ec, {
      kid: good.kid,
    }),
    'another issuer': await genuine({ iss: 'https://evil.example' }),
    'the issuer with a slash more': await genuine({ iss: `${issuer.url}/` }),
    'the issuer in a list': await signedRaw(header, { ...admin(), iss: [issuer.url] }),
    'no issuer': await genuine(without('iss')),
    'another audience': await genuine({ aud: 'billing' }),
    'an audience that begins alike': await genuine({ aud: 'olms-api-2' }),
    'no audience': await genuine(without('aud')),
    'an empty list of audiences': await genuine({ aud: [] }),
    ended: await genuine({ exp: nowS() - 3_600 }),
    'no end': await genuine(without('exp')),
    'an end that is a text': await signedRaw(header, { ...admin(), exp: '9999999999' }),
    'an end without bound': await signedRaw(header, `${JSON.stringify(admin()).slice(0, -1)},"exp":1e999}`),
    'not yet good': await genuine({ nbf: nowS() + 3_600 }),
    'nobody’s': await genuine(without('sub')),
    'nobody’s, by an empty name': await genuine({ sub: '' }),
    'a name with a line break': await genuine({ sub: 'ada\nadmin' }),
    'a subject that is an object': await signedRaw(header, { ...admin(), sub: { name: 'ada' } }),
    'bound to a key of its sender': await genuine({ cnf: { jkt: 'x' } }),
    'of another type': await genuine({}, { typ: 'dpop+jwt' }),
    'a logout token': await genuine({}, { typ: 'logout+jwt' }),
    'a type that is a list': await signedRaw({ ...header, typ: ['JWT'] }, admin()),
    'no signature': `${head}.${payload}.`,
    'a signature of zeros': `${head}.${payload}.${Buffer.alloc(256).toString('base64url')}`,
    'an ECDSA signature of zeros': `${ecText}.${zeros}`,
    'an ECDSA signature in DER': `${ecText}.${Buffer.from('3006020101020101', 'hex').toString('base64url')}`,
    'a signature cut short': `${head}.${payload}.${signature.slice(0, -8)}`,
    'a changed payload': `${head}.${base64(admin({ sub: 'root' }))}.${signature}`,
    'a changed header': `${base64({ ...header, extra: 1 })}.${payload}.${signature}`,
    'a payload that is a list': await signedRaw(header, '[]'),
    'a payload that is no JSON': await signedRaw(header, 'admin'),
    'a header that is no object': `${base64('{"alg"')}.${payload}.${signature}`,
    'an encrypted one': `${base64({ alg: 'dir', enc: 'A256GCM' })}..${payload}.${signature}.x`,
    'far too long': await genuine({ padding: 'x'.repeat(9_000) }),
  };
}

test('a forged token is answered 401, and causes no connection to anywhere', async () => {
  const tokens = Object.entries(await forgedTokens());
  expect(tokens.length).toBeGreaterThanOrEqual(40);
  // The genuine one opens what the forged ones are after, and the keys have been read.
  const genuine = system.api.as(await issuer.token({ roles: ['admin'] }));
  expect((await genuine.call('GET', '/api-keys')).status).toBe(200);
  const before = issuer.connections;
  expect(before).toBeGreaterThan(0);
  for (const [what, token] of tokens) {
    const { status, body, headers } = await system.api.as(token).call<Problem>('GET', '/api-keys');
    expect([what, status, body.code]).toEqual([what, 401, 'UNAUTHENTICATED']);
    expect(headers['www-authenticate']).toContain('invalid_token');
  }
  expect(trapped).toBe(0);
  expect(issuer.connections).toBe(before);
  expect((await genuine.call('GET', '/api-keys')).status).toBe(200);
});

test('no token opens anything where its header names two bearers, or another scheme', async () => {
  const token = await issuer.token({ roles: ['admin'] });
  for (const authorization of [`Bearer ${token}, Bearer ${token}`, `Bearer  ${token} x`, `DPoP ${token}`, token])
    expect((await system.api.call('GET', '/api-keys', { headers: { authorization } })).status).toBe(401);
});
