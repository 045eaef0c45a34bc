import type { Database } from '#platform/database/database.ts';
import type { Write } from '#platform/database/statement.ts';

/** One connection: transactions and locks live on it, and a lost one fails what follows instead of going on without them. */
export interface Session extends AsyncDisposable {
  query<Row extends Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>;
  write(write: Write): Promise<void>;
}

export async function sessionOf(database: Database): Promise<Session> {
  const client = await database.pool.connect();
  // Without a listener a lost connection would end the process; the next query reports it.
  client.on('error', () => {});
  return {
    async query<Row extends Record<string, unknown>>(text: string, values: unknown[] = []) {
      return (await client.query<Row>(text, values)).rows;
    },
    async write({ sql, params }) {
      await client.query(sql, [...params]);
    },
    async [Symbol.asyncDispose]() {
      // Ended rather than given back: with it go its locks and whatever it had begun.
      client.release(true);
    },
  };
}
