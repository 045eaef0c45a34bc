import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { migrate } from '#platform/database/migrate.ts';
import { createLogger } from '#platform/telemetry/logger.ts';
import { migrationSets } from '#system/databases.ts';
import { SERVICES } from '#system/services.ts';
import { startSystem, type System } from '#system/system.ts';
import { freePort } from './ports.ts';
import { startTestPostgres, type TestPostgres } from './postgres.ts';
import { withClient } from './sql.ts';
import type { RunningSystem, TestEnvironment } from './system.ts';

/**
 * The system as the roles of deploy/postgres/roles.sql: every service on its own, with the rights of its role, on one
 * database that olms_owner migrated. A launcher for the scenarios, see system.ts.
 */

const ROLES = readFileSync(join(import.meta.dirname, '..', '..', 'deploy', 'postgres', 'roles.sql'), 'utf8');
const KEY = 'test-key-of-least-rights';
export const PASSWORD = 'right';

/** The same database as another role. */
export function as(role: string, url: string): string {
  const other = new URL(url);
  other.username = role;
  other.password = PASSWORD;
  return other.toString();
}

/** A database for these services, migrated by its owner, with the roles of all. Returns its URL as the administrator. */
export async function databaseWithRoles(postgres: TestPostgres, services = SERVICES): Promise<string> {
  const url = await postgres.createDatabase();
  await withClient(url, async (administrator) => {
    // Roles belong to the server: two tests at once would change the same rows.
    await administrator.query('select pg_advisory_lock(1)');
    await administrator.query(ROLES);
    const { rows } = await administrator.query<{ name: string }>(
      "select rolname as name from pg_roles where rolname like 'olms\\_%'",
    );
    for (const { name } of rows) await administrator.query(`alter role ${name} password '${PASSWORD}'`);
    await migrate(as('olms_owner', url), migrationSets(services));
    await administrator.query(ROLES);
  });
  return url;
}

let servers: Promise<TestPostgres> | undefined;
let running = 0;

/** What tests/support/system.ts asks of a launcher. */
export async function start(env: TestEnvironment): Promise<RunningSystem> {
  servers ??= startTestPostgres([]);
  const postgres = await servers;
  const database = await databaseWithRoles(postgres);
  const ports = new Map<string, number>();
  for (const { name } of SERVICES) ports.set(name, await freePort());
  const providerPort = await freePort();
  const urlOf = (name: string): string => `http://127.0.0.1:${ports.get(name)!}`;
  const systems: System[] = [];
  for (const { name } of SERVICES) {
    const elsewhere = SERVICES.filter((other) => other.paths && other.name !== name);
    systems.push(
      await startSystem({
        env: {
          ...env,
          ...Object.fromEntries(elsewhere.map((other) => [`${other.name.toUpperCase()}_URL`, urlOf(other.name)])),
          DATABASE_URL: as(`olms_${name}`, database),
          DATABASE_MIGRATE_ON_START: 'false',
          DATABASE_POOL_SIZE: '4',
          OLMS_INTERNAL_SECRET: 'the secret that all processes of this test share',
          OLMS_BOOTSTRAP_API_KEY: KEY,
          SANDBOX_WEBHOOK_SECRET: 'whsec_c2VjcmV0IG9mIHRoZSB0ZXN0cw==',
          SANDBOX_PROVIDER_PORT: String(providerPort),
          SANDBOX_PROVIDER_URL: `http://127.0.0.1:${providerPort}`,
          SANDBOX_WEBHOOK_URL: `${urlOf('gateway')}/payments/webhooks/sandbox`,
          PORT: String(ports.get(name)!),
        },
        services: [name],
        logger: createLogger(process.env['TEST_LOG_LEVEL'] ?? 'silent'),
      }),
    );
  }
  running++;
  return {
    url: urlOf('gateway'),
    key: KEY,
    providerUrl: `http://127.0.0.1:${providerPort}`,
    async stop() {
      for (const system of systems.reverse()) await system.stop();
      if (--running > 0) return;
      servers = undefined;
      await postgres.stop();
    },
  };
}
