import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis as Client } from 'ioredis';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { RedisCache } from '#platform/cache/redis-cache.ts';
import { createMetrics, type Metrics } from '#platform/telemetry/metrics.ts';
import type { TlsFiles } from '#platform/runtime/tls.ts';
import { freePort } from '#tests/support/ports.ts';
import { type Redis, startRedis } from '#dev/brokers/redis.ts';
import { type Authority, type Certificate, newAuthority } from '#tests/support/certificates.ts';
import { startTestSystem } from '#tests/support/system.ts';
import { until } from '#tests/support/until.ts';
import { cacheContract } from './cache.contract.ts';

/** A real Redis that asks who we are: with a password, with users of few rights, over TLS, for a certificate. */

const PASSWORDS = { default: 'open:sesame@1', olms: 'open/sesame?2', meager: 'open-sesame-3' };
const WRONG = 'open-sesame-wrong';
const SECRETS = [...Object.values(PASSWORDS), WRONG].flatMap((secret) => [secret, encodeURIComponent(secret)]);
const NO_FILES: TlsFiles = { ca: '', cert: '', key: '' };
/** What docs/runbook.md says to allow. */
const RIGHTS = ['~olms-test:*', '-@all', '+@connection', '+@read', '+@write', '+@scripting', '+time', '+xinfo'];

let folder: string;
let redis: Redis;
let plainPort: number;
let tlsPort: number;
let mutualPort: number;
let mutual: Redis;
let authority: Authority;
let otherAuthority: Authority;
let client: Certificate;
let stranger: Certificate;
let admin: Client;

interface Opened {
  readonly cache: RedisCache;
  readonly metrics: Metrics;
}
const opened: Opened[] = [];
const logLines: string[] = [];
const logger = pino({ level: 'debug' }, { write: (line: string) => void logLines.push(line) });

function urlOf(user: string, password: string, port: number, scheme: 'redis' | 'rediss' = 'redis'): string {
  return `${scheme}://${user}:${encodeURIComponent(password)}@127.0.0.1:${port}`;
}

/** Open until its caller closes it. */
async function openAlone(url: string, files: Partial<TlsFiles>, log: typeof logger): Promise<Opened> {
  const metrics = createMetrics();
  const tls = { ...NO_FILES, ...files };
  return { cache: await RedisCache.open({ url, prefix: 'olms-test:', logger: log, metrics, tls }), metrics };
}

/** Open until the end of the test. */
async function open(url: string, files: Partial<TlsFiles> = {}): Promise<Opened> {
  const one = await openAlone(url, files, logger);
  opened.push(one);
  return one;
}

const filesOf = ({ certFile, keyFile }: Certificate): Partial<TlsFiles> => ({ cert: certFile, key: keyFile });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'olms-redis-security-'));
  [authority, otherAuthority] = await Promise.all([
    newAuthority(folder, 'authority'),
    newAuthority(folder, 'other-authority'),
  ]);
  let server: Certificate;
  [server, client, stranger] = await Promise.all([
    authority.issue('server', 'IP:127.0.0.1'),
    authority.issue('client'),
    otherAuthority.issue('stranger'),
  ]);
  [plainPort, tlsPort, mutualPort] = [await freePort(), await freePort(), await freePort()];
  const tls = [
    '--tls-cert-file',
    server.certFile,
    '--tls-key-file',
    server.keyFile,
    '--tls-ca-cert-file',
    authority.certFile,
  ];
  redis = await startRedis({
    own: true,
    dir: join(folder, 'redis'),
    port: plainPort,
    args: [
      ['--requirepass', PASSWORDS.default],
      ['--user', 'olms', 'on', `>${PASSWORDS.olms}`, ...RIGHTS],
      ['--user', 'meager', 'on', `>${PASSWORDS.meager}`, '~*', '+ping', '+client'],
      ['--tls-port', String(tlsPort), '--tls-auth-clients', 'no', ...tls],
    ].flat(),
  });
  mutual = await startRedis({
    own: true,
    dir: join(folder, 'mutual'),
    args: ['--tls-port', String(mutualPort), '--tls-auth-clients', 'yes', ...tls],
  });
  admin = new Client(urlOf('default', PASSWORDS.default, plainPort));
}, 300_000);

afterEach(async () => {
  for (const { cache } of opened.splice(0)) await cache.close();
});

afterAll(async () => {
  admin?.disconnect();
  await redis?.stop();
  await mutual?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('a user of few rights, over TLS', () => {
  let cache: RedisCache;
  beforeAll(async () => {
    ({ cache } = await open(urlOf('olms', PASSWORDS.olms, tlsPort, 'rediss'), { ca: authority.certFile }));
    opened.length = 0;
  });
  afterAll(() => cache?.close());
  cacheContract('Redis with TLS and a user', () => cache);
});

test.each<[string, () => [string, Partial<TlsFiles>]]>([
  ['a password', () => [urlOf('', PASSWORDS.default, plainPort), {}]],
  ['a user', () => [urlOf('olms', PASSWORDS.olms, plainPort), {}]],
  ['a certificate of ours', () => [`rediss://127.0.0.1:${mutualPort}`, { ca: authority.certFile, ...filesOf(client) }]],
])('serves with %s', async (_, how) => {
  const { cache } = await open(...how());
  expect(cache.healthy()).toEqual({ ok: true, detail: 'Redis answers' });
  await cache.putVersioned('k', 1, 'v', 10_000);
  expect(await cache.getVersioned('k')).toEqual({ version: 1, value: 'v' });
});

// All at the same time: each waits for its own connection in vain.
test.concurrent.for<[string, () => [string, Partial<TlsFiles>], RegExp]>([
  [
    'a wrong password',
    () => [urlOf('olms', WRONG, plainPort), {}],
    /REDIS_AUTHENTICATION_FAILED: WRONGPASS .*Check the user and the password in REDIS_URL/,
  ],
  ['an unknown user', () => [urlOf('nobody', WRONG, plainPort), {}], /REDIS_AUTHENTICATION_FAILED: WRONGPASS/],
  ['no password', () => [`redis://127.0.0.1:${plainPort}`, {}], /REDIS_AUTHENTICATION_FAILED: NOAUTH/],
  [
    'a user who may do nothing',
    () => [urlOf('meager', PASSWORDS.meager, plainPort), {}],
    /REDIS_NOT_PERMITTED: NOPERM .*docs\/runbook\.md/,
  ],
  [
    'another authority',
    () => [urlOf('olms', PASSWORDS.olms, tlsPort, 'rediss'), { ca: otherAuthority.certFile }],
    /TLS_NOT_TRUSTED: the authority in REDIS_TLS_CA .* does not vouch/,
  ],
  [
    'a private authority, and none named',
    () => [urlOf('olms', PASSWORDS.olms, tlsPort, 'rediss'), {}],
    /TLS_NOT_TRUSTED: .*Set REDIS_TLS_CA/,
  ],
  [
    'a certificate for another host',
    () => [
      urlOf('olms', PASSWORDS.olms, tlsPort, 'rediss').replace('127.0.0.1', 'localhost'),
      { ca: authority.certFile },
    ],
    /TLS_WRONG_HOST: .*not for "localhost", but for IP Address:127\.0\.0\.1/,
  ],
  [
    'TLS where it is not spoken',
    () => [urlOf('olms', PASSWORDS.olms, plainPort, 'rediss'), { ca: authority.certFile }],
    /TLS_NOT_SPOKEN/,
  ],
  [
    'no TLS where it is spoken',
    () => [urlOf('olms', PASSWORDS.olms, tlsPort), {}],
    /CONNECTION_CLOSED: .*TLS \(a REDIS_URL with rediss/,
  ],
  [
    'no certificate where one is asked for',
    () => [`rediss://127.0.0.1:${mutualPort}`, { ca: authority.certFile }],
    /(TLS_CLIENT_REFUSED|CONNECTION_CLOSED): .*REDIS_TLS_CERT/,
  ],
  [
    'a certificate of a stranger',
    () => [`rediss://127.0.0.1:${mutualPort}`, { ca: authority.certFile, ...filesOf(stranger) }],
    /(TLS_CLIENT_REFUSED|CONNECTION_CLOSED): .*REDIS_TLS_CERT/,
  ],
])('goes on without Redis and says why: %s', async ([, how, reason], { expect, onTestFinished }) => {
  const lines: string[] = [];
  const write = (line: string): void => void (lines.push(line), logLines.push(line));
  const startedMs = Date.now();
  const { cache, metrics } = await openAlone(...how(), pino({ level: 'debug' }, { write }));
  onTestFinished(() => cache.close());
  expect(Date.now() - startedMs).toBeLessThan(10_000);
  await until('the reason', () => reason.test(cache.healthy().detail), { describe: () => cache.healthy().detail });
  expect(cache.healthy().ok).toBe(false);
  expect(await cache.getVersioned('k')).toEqual({ lease: undefined });
  expect((await metrics.text()).body).toContain('olms_cache_up 0');
  // It does not come and go while nothing changes.
  const reported = lines.length;
  await sleep(1_500);
  expect(lines.length).toBe(reported);
});

test.each<[string, string, Partial<TlsFiles>, RegExp]>([
  ['no URL of Redis', `http://olms:${WRONG}@127.0.0.1:1`, {}, /REDIS_URL must be redis:\/\//],
  ['no URL at all', `rediss://olms:${WRONG}@:x y`, {}, /REDIS_URL must be redis:\/\//],
  [
    'files without TLS',
    `redis://olms:${WRONG}@127.0.0.1:1`,
    { ca: '/x' },
    /REDIS_TLS_CA is set, but a REDIS_URL with rediss/,
  ],
  [
    'a file that is missing',
    'rediss://127.0.0.1:1',
    { ca: '/missing.pem' },
    /REDIS_TLS_CA: the file .* cannot be read \(ENOENT\)/,
  ],
])('refuses to start with %s', async (_, url, files, reason) => {
  const error = await open(url, files).then(
    () => undefined,
    (met: Error) => met,
  );
  expect(error?.message).toMatch(reason);
  for (const secret of SECRETS) expect(`${error?.message} ${error?.stack}`).not.toContain(secret);
});

test('a socket that reports a second error does not end the process', async () => {
  await admin.ping(); // From here on, its socket is none of those that are opened.
  const sockets: Socket[] = [];
  const keep = (message: unknown): unknown => sockets.push((message as { socket: Socket }).socket);
  subscribe('net.client.socket', keep);
  const { cache } = await open(urlOf('olms', PASSWORDS.olms, plainPort));
  unsubscribe('net.client.socket', keep);
  const socket = sockets.find(({ remotePort }) => remotePort === plainPort)!;
  for (const alert of ['first', 'second', 'third']) expect(socket.emit('error', new Error(alert))).toBe(true);
  socket.destroy();
  await until('it to be back', () => cache.healthy().ok, { describe: () => cache.healthy().detail });
});

test('a user who is removed while it runs, and comes back', async () => {
  const { cache, metrics } = await open(urlOf('olms', PASSWORDS.olms, plainPort));
  expect(cache.healthy().ok).toBe(true);
  await admin.call('ACL', 'DELUSER', 'olms');
  await until('it to be reported', () => /REDIS_AUTHENTICATION_FAILED/.test(cache.healthy().detail), {
    describe: () => cache.healthy().detail,
  });
  expect((await metrics.text()).body).toContain('olms_cache_up 0');
  await admin.call('ACL', 'SETUSER', 'olms', 'on', `>${PASSWORDS.olms}`, ...RIGHTS);
  await until('it to be back', () => cache.healthy().ok, { describe: () => cache.healthy().detail });
});

test('the whole system is slower, not wrong, with a wrong password, and says so', async () => {
  const ports = { REDIS_URL: urlOf('olms', WRONG, tlsPort, 'rediss'), REDIS_TLS_CA: authority.certFile };
  const system = await startTestSystem({ env: ports });
  try {
    const { api } = system;
    const sku = await api.product(10);
    const { id } = await api.placeOrder({ sku });
    await api.untilStatus(id, 'COMPLETED');
    const { status, body } = await api.call<{ status: string; checks: Record<string, { detail: string }> }>(
      'GET',
      '/health/readiness',
    );
    expect([status, body.status]).toEqual([200, 'degraded']);
    expect(body.checks['cache']!.detail).toMatch(/^Redis is away: REDIS_AUTHENTICATION_FAILED: WRONGPASS/);
    for (const secret of SECRETS) expect(JSON.stringify(body)).not.toContain(secret);
    expect((await api.call<string>('GET', '/metrics')).body).toContain('olms_cache_up 0');
  } finally {
    await system.stop();
  }
});

test('no password was ever written to a log', () => {
  const text = logLines.join('');
  expect(text).toMatch(/REDIS_AUTHENTICATION_FAILED/);
  for (const secret of SECRETS) expect(text).not.toContain(secret);
});
