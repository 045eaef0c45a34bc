import pg from 'pg';
import { Gate } from './gate.ts';
import { joinWrites, type Write } from './statement.ts';

pg.types.setTypeParser(pg.types.builtins.INT8, (text) => Number(text));

/** Raised by `log.expect` when a write touched another number of rows than the decision was based on. */
export const CONFLICT_SQLSTATE = 'OL001';

const CHECK_VIOLATION = '23514';

export class ConflictError extends Error {
  readonly write: string;
  constructor(write: string, cause: unknown) {
    super(`Another writer was faster (${write})`, { cause });
    this.write = write;
  }
}

export interface DatabaseOptions {
  readonly url: string;
  /**
   * Behind a pooler that gives every transaction another session: nothing is prepared by name, and the time limit of
   * statements is that of the role or of the pooler, see {@link assertSessions}.
   */
  readonly sharedSessions?: boolean;
  readonly poolSize: number;
  /** Limit for every statement: a long write transaction anywhere holds all readers of the log back. */
  readonly statementTimeoutMs: number;
  readonly applicationName: string;
  /** No other process writes here: what was read once is true until this process changes it. */
  readonly soleWriter?: boolean;
  /** Takes each statement that ended, well or not, with the seconds it took. */
  readonly observe?: (kind: 'read' | 'write', seconds: number) => void;
}

type QueryRow = Record<string, unknown>;

const CONNECT_TIMEOUT_MS = 10_000;
const ANSWER_LATE_MS = 5_000;
/** Of a pool, what reads of callers leave to everybody else: a quarter, two at least, where that leaves them one. */
function reservedOf(poolSize: number): number {
  return Math.min(Math.max(2, poolSize >> 2), poolSize - 1);
}

/** What the database is for callers and for consumers alike. */
interface Common {
  readonly pool: pg.Pool;
  readonly observe: NonNullable<DatabaseOptions['observe']>;
  statements: number;
  readonly afterWrite: Set<() => void>;
  /** Undefined where a session does not last as long as what is prepared in it. */
  readonly statementNames: Map<string, string> | undefined;
}

/**
 * A small pool on one database. Reads go through `query`, saves through `write`, which runs all writes as one
 * statement and notifies listeners when it is committed. However many reads there are, some connections are left for
 * writes, and for the reads of {@link Database.reserved}.
 */
export class Database {
  readonly pool: pg.Pool;
  /** True where no other process writes to this database. */
  readonly soleWriter: boolean;
  readonly #common: Common;
  readonly #reserved: Database | undefined;
  /** Undefined where reads are let through as they come. */
  readonly #reads: Gate | undefined;

  constructor(options: DatabaseOptions, common?: Common) {
    this.soleWriter = options.soleWriter ?? false;
    if (common) {
      this.#common = common;
      this.pool = common.pool;
      return;
    }
    const { poolSize, sharedSessions = false } = options;
    this.pool = new pg.Pool({
      connectionString: options.url,
      max: poolSize,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      idleTimeoutMillis: 0,
      // As a parameter of the session's start, which poolers refuse or set on sessions of others.
      ...(!sharedSessions && { statement_timeout: options.statementTimeoutMs }),
      // The server gives up first; this is for a connection whose other end is gone, and which would wait for hours.
      ...(options.statementTimeoutMs > 0 && { query_timeout: options.statementTimeoutMs + ANSWER_LATE_MS }),
      application_name: options.applicationName,
      keepAlive: true,
    });
    // A dropped idle connection is replaced on the next use; without a listener it would end the process.
    this.pool.on('error', () => {});
    this.#reads = new Gate(poolSize - reservedOf(poolSize), CONNECT_TIMEOUT_MS);
    this.#common = {
      pool: this.pool,
      observe: options.observe ?? (() => {}),
      statements: 0,
      afterWrite: new Set(),
      statementNames: sharedSessions ? undefined : new Map(),
    };
    this.#reserved = new Database(options, this.#common);
  }

  /** The same database for consumers: their reads wait behind nobody else's. */
  get reserved(): Database {
    return this.#reserved ?? this;
  }

  /** Statements that wait for a connection. */
  get waiting(): number {
    return this.pool.waitingCount + (this.#reads?.waiting ?? 0);
  }

  /** How long the first read that waits for a connection has done so, in milliseconds. */
  get waitedMs(): number {
    return this.#reads?.waitedMs ?? 0;
  }

  /** Statements sent by this process, for the statement budget of the benchmark. */
  get statements(): number {
    return this.#common.statements;
  }

  /** Rows of a read, prepared by its text where sessions are our own. Throws what PostgreSQL says. */
  async query<Row extends QueryRow = QueryRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    return this.#read<Row>({ name: this.#nameOf(text), text, values });
  }

  /** Rows of a read that is planned for its very values: for filters whose best plan depends on them. */
  async queryOnce<Row extends QueryRow = QueryRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    return this.#read<Row>({ text, values });
  }

  async #read<Row extends QueryRow>(query: pg.QueryConfig): Promise<Row[]> {
    this.#common.statements++;
    const startedMs = performance.now();
    try {
      const asked = this.#reads ? this.#reads.through(() => this.pool.query<Row>(query)) : this.pool.query<Row>(query);
      return (await asked).rows;
    } finally {
      this.#common.observe('read', (performance.now() - startedMs) / 1000);
    }
  }

  /** Commits all writes as one statement, or none. Throws {@link ConflictError} where an expectation fails. */
  async write(writes: readonly Write[]): Promise<void> {
    if (writes.length === 0) return;
    this.#common.statements++;
    const startedMs = performance.now();
    try {
      const statement = joinWrites(writes);
      const { text, values } = statement;
      await this.pool.query(this.#common.statementNames ? statement : { text, values });
    } catch (error) {
      const { code, constraint } = error as { code?: string; constraint?: string };
      if (code === CONFLICT_SQLSTATE) throw new ConflictError((error as Error).message, error);
      // A constraint named guard_… protects a decision made on values that another writer may have changed since.
      if (code === CHECK_VIOLATION && constraint?.startsWith('guard_')) throw new ConflictError(constraint, error);
      throw error;
    } finally {
      this.#common.observe('write', (performance.now() - startedMs) / 1000);
      for (const listener of this.#common.afterWrite) listener();
    }
  }

  /** Calls back after every write of this process, committed or failed. Returns the way to stop it. */
  onWrite(listener: () => void): () => void {
    const { afterWrite } = this.#common;
    afterWrite.add(listener);
    return () => afterWrite.delete(listener);
  }

  #nameOf(text: string): string | undefined {
    const names = this.#common.statementNames;
    if (!names) return undefined;
    let name = names.get(text);
    if (name === undefined) {
      // Texts built from filters are finitely many; the bound is against a bug, not against load.
      if (names.size >= 2000) return undefined;
      name = `q${names.size}`;
      names.set(text, name);
    }
    return name;
  }

  async close(): Promise<void> {
    await this.pool.end();
  }
}
