import { randomInt } from 'node:crypto';
import pg from 'pg';
import { LOCKS } from './locks.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const ROUNDS = 5;
const LOCK_CLASS = LOCKS.sessions;
const LOCK_KEYS = 2 ** 31 - 1;

const DIRECT = 'DATABASE_DIRECT_URL (or the <SERVICE>_DATABASE_DIRECT_URL)';
const WHAT_TO_DO = `Set ${DIRECT} to PostgreSQL itself beside the pooled DATABASE_URL; or point DATABASE_URL at PostgreSQL, or at a pool whose clients keep their session: PgBouncer with pool_mode = session and ignore_startup_parameters = statement_timeout.`;

export interface Sessions {
  readonly url: string;
  /** The same as `url` where nothing is said to stand between. */
  readonly directUrl: string;
  /** Limit for every statement; 0 for none. */
  readonly statementTimeoutMs: number;
}

/**
 * Throws, with the setting to change, where the sessions that these URLs lead to cannot carry the system.
 *
 * - `url` alone has to lead to sessions of our own: prepared statements, advisory locks and LISTEN belong to a session,
 *   and a pooler such as PgBouncer with `pool_mode = transaction` gives every transaction another one.
 * - With a `directUrl` beside it, that one has to, and has to lead to the same database; what `url` leads to has to limit
 *   the time of a statement by itself.
 *
 * Any other failure, such as a server that is not there, is left to who connects next.
 */
export async function assertSessions({ url, directUrl, statementTimeoutMs }: Sessions): Promise<void> {
  const pooled = url !== directUrl;
  try {
    if (!(await keepsSessions(directUrl, pooled ? undefined : statementTimeoutMs)))
      throw new Unsuitable(
        pooled
          ? `${DIRECT} leads to a connection pooler in transaction mode (PgBouncer: pool_mode = transaction): two connections at the same time had one session. Point it at PostgreSQL itself; LISTEN, locks and migrations need a session of their own.`
          : `The database is behind a connection pooler in transaction mode (PgBouncer: pool_mode = transaction): two connections at the same time had one session. OLMS needs sessions of its own, for prepared statements, advisory locks and LISTEN. ${WHAT_TO_DO}`,
      );
    if (pooled) await assertPooled(url, directUrl, statementTimeoutMs);
  } catch (error) {
    if (error instanceof Unsuitable) throw error;
    const { message } = error as Error;
    if (/unsupported startup parameter/i.test(message))
      throw new Unsuitable(
        `The database is behind a connection pooler that refuses our sessions (${message}). ${WHAT_TO_DO}`,
        { cause: error },
      );
  }
}

/** What no waiting mends. */
class Unsuitable extends Error {}

/** Whether each of our connections keeps one session. `statementTimeoutMs` is sent as a parameter of its start. */
async function keepsSessions(url: string, statementTimeoutMs: number | undefined): Promise<boolean> {
  return withClients([client(url, statementTimeoutMs), client(url, statementTimeoutMs)], async ([first, second]) => {
    const session = await sessionOf(first);
    // Whoever stands between gives a number of its own.
    if (session === (first as unknown as { processID: number | null }).processID) return true;
    for (let round = 0; round < ROUNDS; round++)
      if ((await sessionOf(first)) === (await sessionOf(second))) return false;
    // On a busy pooler they may meet different sessions by chance; but whoever holds the one pushes the other off it.
    for (let round = 0; round < ROUNDS; round++) {
      await second.query('begin');
      const pushed = (await sessionOf(first)) !== session;
      await second.query('commit');
      if (pushed) return false;
    }
    return true;
  });
}

/** Both URLs have to lead to one database, and a statement has to end there in time. */
async function assertPooled(url: string, directUrl: string, limitMs: number): Promise<void> {
  await withClients([client(url), client(directUrl)], async ([through, direct]) => {
    const key = randomInt(LOCK_KEYS);
    await direct.query('select pg_advisory_lock($1, $2)', [LOCK_CLASS, key]);
    const { rows } = await through.query<{ same: boolean; limit: number }>(
      `select exists (
         select from pg_locks l join pg_database d on d.oid = l.database
         where l.locktype = 'advisory' and l.classid = $1::bigint::oid and l.objid = $2::bigint::oid and d.datname = current_database()
       ) as same, (select setting::int from pg_settings where name = 'statement_timeout') as limit`,
      [LOCK_CLASS, key],
    );
    const { same, limit } = rows[0]!;
    if (!same)
      throw new Unsuitable(
        `DATABASE_URL and ${DIRECT} lead to different databases. They have to name the same one, through the pooler and past it.`,
      );
    if (limitMs > 0 && (limit === 0 || limit > limitMs))
      throw new Unsuitable(
        `Statements through the connection pooler may take ${limit === 0 ? 'any time' : `${limit} ms`}, and DATABASE_STATEMENT_TIMEOUT_MS is ${limitMs} ms, which says nothing to a pooled session. Give the role that limit: alter role … set statement_timeout = '${limitMs}ms'; then have the pooler open new sessions (PgBouncer: RECONNECT).`,
      );
  });
}

function client(url: string, statementTimeoutMs?: number): pg.Client {
  const made = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: CONNECT_TIMEOUT_MS,
    ...(statementTimeoutMs !== undefined && { statement_timeout: statementTimeoutMs }),
    application_name: 'olms-start',
  });
  made.on('error', () => {});
  return made;
}

/** Connects both, and ends them whatever becomes of the work. */
async function withClients<Result>(
  clients: readonly [pg.Client, pg.Client],
  work: (clients: readonly [pg.Client, pg.Client]) => Promise<Result>,
): Promise<Result> {
  try {
    for (const each of clients) await each.connect();
    return await work(clients);
  } finally {
    await Promise.all(clients.map((each) => each.end().catch(() => {})));
  }
}

async function sessionOf(of: pg.Client): Promise<number> {
  const { rows } = await of.query<{ pid: number }>('select pg_backend_pid() as pid');
  return rows[0]!.pid;
}
