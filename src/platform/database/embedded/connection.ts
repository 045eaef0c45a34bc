import { readFileSync } from 'node:fs';
import pg from 'pg';
import type { Files } from './files.ts';

export const database = 'olms';
export const userName = 'olms';

/** A server that answered on this data folder. */
export interface RunningServer {
  pid: number;
  host: string;
  port: number;
}

/** A connection that works is the only proof of readiness. False: not there yet. Only the owner creates the database. */
export async function answers(
  files: Files,
  server: { host: string; port: number },
  mayCreate: boolean,
): Promise<boolean> {
  try {
    await withClient(files, server, database, async () => {});
    return true;
  } catch (error) {
    const code = (error as { code?: string }).code ?? '';
    if (code === '3D000') {
      if (!mayCreate) return false;
      await createDatabase(files, server);
      return true;
    }
    if (code === '28P01') {
      throw new Error(
        `PostgreSQL refuses the password in ${files.password}: it does not belong to the data in ${files.dataDir}.`,
        { cause: error },
      );
    }
    // Starting, recovering, or stopping; or the socket is not there, or not yet.
    const passing = ['57P03', '57P01', '53300', 'ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT'];
    if (passing.includes(code) || /timeout|terminated unexpectedly/i.test(String(error))) return false;
    throw error;
  }
}

/** The extension goes into the template, so that the database appears complete or not at all, even after a crash in between. */
async function createDatabase(files: Files, server: { host: string; port: number }): Promise<void> {
  await withClient(files, server, 'template1', async (client) => {
    const loaded = await client.query(
      `SELECT 1 FROM pg_settings WHERE name = 'shared_preload_libraries' AND setting LIKE '%pg_stat_statements%'`,
    );
    if (loaded.rowCount) await client.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements');
  });
  await withClient(files, server, 'postgres', (client) => client.query(`CREATE DATABASE ${database}`));
}

async function withClient(
  files: Files,
  server: { host: string; port: number },
  name: string,
  work: (client: pg.Client) => Promise<unknown>,
): Promise<void> {
  const password = readFileSync(files.password, 'utf8').trim();
  const client = new pg.Client({
    ...server,
    user: userName,
    password,
    database: name,
    ssl: false,
    connectionTimeoutMillis: 5000,
  });
  client.on('error', () => {}); // the server may go away while we close
  try {
    await client.connect();
    await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}
