import { chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#platform/database/embedded/server.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { startSystem } from '#system/system.ts';
import { newAuthority, selfSigned } from '#tests/support/certificates.ts';
import { freePort } from '#tests/support/ports.ts';
import { Proxy } from '#tests/support/proxy.ts';
import { FAST_POSTGRES } from '#tests/support/shared-servers.ts';
import { withClient } from '#tests/support/sql.ts';

/** A PostgreSQL that takes encrypted connections only, and what the URL says about whom it is believed. */

/** Of this machine, and nobody else's: the port is always the same. */
const ADDRESS = `127.93.${process.pid % 250}.${1 + (process.ppid % 250)}`;
const folder = mkdtempSync(join(tmpdir(), 'olms-database-tls-'));
let postgres: EmbeddedPostgres;
let network: Proxy;
let authority: string;
let other: string;

beforeAll(async () => {
  const dataDir = join(folder, 'postgres');
  await (await startEmbeddedPostgres({ dataDir, settings: FAST_POSTGRES })).stop();
  const own = await newAuthority(folder, 'authority');
  authority = own.certFile;
  other = (await selfSigned(folder, 'other')).certFile;
  const server = await own.issue('server', 'DNS:localhost');
  const access = join(folder, 'hba.conf');
  writeFileSync(access, 'local all all scram-sha-256\nhostssl all all 127.0.0.0/8 scram-sha-256\n');
  const { uid, gid } = statSync(dataDir);
  for (const file of [folder, server.certFile, server.keyFile, access]) chownSync(file, uid, gid);
  postgres = await startEmbeddedPostgres({
    dataDir,
    settings: {
      ...FAST_POSTGRES,
      listen_addresses: ADDRESS,
      ssl: 'on',
      ssl_cert_file: server.certFile,
      ssl_key_file: server.keyFile,
      hba_file: access,
    },
  });
  network = await Proxy.listen({ host: ADDRESS, port: postgres.port });
}, 60_000);

afterAll(async () => {
  await network?.close();
  await postgres?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const urlOf = (host: string, settings: string): string =>
  `postgres://${postgres.user}:${postgres.password}@${host}:${network.port}/${postgres.database}${settings}`;

/** How many sessions of the system are encrypted, and how many are not; or why it does not start. */
async function startOn(url: string): Promise<unknown> {
  const env = { DATABASE_URL: url, PORT: '0', SANDBOX_PROVIDER_PORT: String(await freePort()) };
  let system;
  try {
    system = await startSystem({ env, adminKey: 'a key', logger: createLogger('silent') });
  } catch (error) {
    return (error as Error).message;
  }
  const { rows } = await withClient(postgres.url, (client) =>
    client.query(
      `select bool_and(s.ssl) as encrypted, count(*) > 0 as there from pg_stat_ssl s join pg_stat_activity a using (pid)
       where a.application_name like 'olms%'`,
    ),
  );
  await system.stop();
  return rows[0];
}

test('verify-full with the authority of the server: every session is encrypted', async () => {
  expect(await startOn(urlOf('localhost', `?sslmode=verify-full&sslrootcert=${authority}`))).toEqual({
    encrypted: true,
    there: true,
  });
});

test('a server of another authority, or of another name, is not believed', async () => {
  expect(await startOn(urlOf('localhost', `?sslmode=verify-full&sslrootcert=${other}`))).toMatch(
    /unable to verify|self-signed certificate/,
  );
  expect(await startOn(urlOf('127.0.0.1', `?sslmode=verify-full&sslrootcert=${authority}`))).toMatch(
    /does not match certificate's altnames/,
  );
});

test('without encryption the server refuses', async () => {
  expect(await startOn(urlOf('localhost', ''))).toMatch(/no encryption/);
});
