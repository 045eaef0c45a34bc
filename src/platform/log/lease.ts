import pg from 'pg';

/**
 * The right to do something as the only process on a database: an advisory lock of a session. It is lost with the
 * connection; and because the server ends a session that has been silent for a while, it is also lost by a process
 * that is paused. Its holder learns of that late, so whatever it then writes must be refused by itself
 * (compare-and-set): the lease saves double work, it does not guard data.
 */

const SILENCE_MAX_MS = 1_500;
const PING_MS = 300;
const CONNECT_TIMEOUT_MS = 5_000;
const QUERY_TIMEOUT_MS = 5_000;
const END_TIMEOUT_MS = 2_000;

export interface Lease {
  readonly held: boolean;
  release(): Promise<void>;
}

/** The lease, or undefined where another session has it. Throws where the database cannot be asked. */
export async function tryLease(
  url: string,
  key: number,
  applicationName: string,
  onLost: () => void,
): Promise<Lease | undefined> {
  const client = new pg.Client({
    connectionString: url,
    application_name: applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    keepAlive: true,
  });
  let held = false;
  const pings = setInterval(() => {
    if (held) void client.query('select 1').catch(lose);
  }, PING_MS);
  const lose = (): void => {
    clearInterval(pings);
    if (!held) return;
    held = false;
    void end(client);
    onLost();
  };
  client.on('error', lose);
  client.on('end', lose);
  try {
    await client.connect();
    await client.query(`set idle_session_timeout = ${SILENCE_MAX_MS}`);
    const { rows } = await client.query<{ locked: boolean }>('select pg_try_advisory_lock($1) as locked', [key]);
    held = rows[0]!.locked;
  } catch (error) {
    clearInterval(pings);
    await end(client);
    throw error;
  }
  if (!held) {
    clearInterval(pings);
    await end(client);
    return undefined;
  }
  return {
    get held() {
      return held;
    },
    async release() {
      clearInterval(pings);
      held = false;
      await end(client);
    },
  };
}

/** Says goodbye, but does not wait for ever for an answer out of a broken network. */
async function end(client: pg.Client): Promise<void> {
  const late = new Promise<void>((resolve) => setTimeout(resolve, END_TIMEOUT_MS).unref());
  await Promise.race([client.end().catch(() => {}), late]);
}
