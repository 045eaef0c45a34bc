import pg from 'pg';

const CONNECT_TIMEOUT_MS = 10_000;
const ROUNDS = 5;
const WHAT_TO_DO =
  'Point DATABASE_URL (or the <SERVICE>_DATABASE_URL) at PostgreSQL itself, or at a pool whose clients keep their session: PgBouncer with pool_mode = session and ignore_startup_parameters = statement_timeout.';

/**
 * Throws where connections lead to a pooler that gives every transaction another session, such as PgBouncer with
 * `pool_mode = transaction`: prepared statements, advisory locks and LISTEN belong to a session. Any other failure is left
 * to who connects next.
 */
export async function assertOwnSessions(url: string, statementTimeoutMs: number): Promise<void> {
  const open = (): pg.Client => {
    const client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: CONNECT_TIMEOUT_MS,
      statement_timeout: statementTimeoutMs,
      application_name: 'olms-start',
    });
    client.on('error', () => {});
    return client;
  };
  const clients = [open(), open()] as const;
  const [first, second] = clients;
  try {
    await first.connect();
    // Whoever stands between gives a number of its own.
    if ((await sessionOf(first)) === (first as unknown as { processID: number | null }).processID) return;
    await second.connect();
    for (let round = 0; round < ROUNDS; round++)
      if ((await sessionOf(first)) === (await sessionOf(second))) throw new SharedSessions();
  } catch (error) {
    const { message } = error as Error;
    if (/unsupported startup parameter/i.test(message))
      throw new Error(
        `The database is behind a connection pooler that refuses our sessions (${message}). ${WHAT_TO_DO}`,
        {
          cause: error,
        },
      );
    if (error instanceof SharedSessions)
      throw new Error(
        `The database is behind a connection pooler in transaction mode (PgBouncer: pool_mode = transaction): two connections at the same time had one session. OLMS needs sessions of its own, for prepared statements, advisory locks and LISTEN. ${WHAT_TO_DO}`,
        { cause: error },
      );
  } finally {
    await Promise.all(clients.map((client) => client.end().catch(() => {})));
  }
}

class SharedSessions extends Error {}

async function sessionOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]!.pid;
}
