import { setTimeout as sleep } from 'node:timers/promises';
import type { Envelope } from '#contracts/envelope.ts';
import { isTransient } from '#platform/database/failures.ts';
import { insertRows } from '#platform/database/statement.ts';
import type { Projection, ProjectionTable } from '#platform/processor/projection.ts';
import { recordReplay, CannotReplay } from '#platform/log/rewind.ts';
import { Progress } from '#cli/output.ts';
import type { OpenReplay } from './open.ts';
import { type EventSource, openSource } from './source.ts';
import { type Session, sessionOf } from './session.ts';
import { LOCKS } from '#platform/database/locks.ts';

/**
 * Rebuilds the tables of a projection from the log beside the live ones, compares them, and mends the live ones
 * by what differs.
 *
 * 1. Build: all orders, page by page, into `<table>_rebuild`, while the system runs.
 * 2. Compare: what differs then is a suspect; it may only have moved on since.
 * 3. Recheck the suspects: their events and their rows in one snapshot. What still differs is a difference.
 * 4. Swap: the same once more with writers locked out, and the built rows take the place of the live ones, in one
 *    short transaction (a thousand orders at most; more take several, and each order is in one).
 *
 * Orders are independent of each other, so mending those that differ is the same as exchanging the tables whole, and
 * costs what differs instead of what there is.
 */

export interface RebuildOptions {
  readonly dryRun: boolean;
  readonly actor: string;
}

export interface Difference {
  readonly table: string;
  readonly order: string;
  /** `missing` in the live table, `different`, `unexplained` by the log, `out of order`; or how derived values differ. */
  readonly what: string;
  /** False where it is left alone: the live row may know more than the log. */
  readonly mended: boolean;
}

export interface RebuildReport {
  readonly kind: 'rebuild';
  readonly service: string;
  readonly dryRun: boolean;
  readonly actor: string;
  readonly seconds: number;
  /** Orders built, and those of which the log is not complete: nothing is said about them. */
  readonly orders: number;
  readonly incomplete: number;
  readonly tables: readonly { readonly table: string; readonly built: number; readonly live: number }[];
  readonly differences: number;
  /** Rows that stay as they are: the log does not explain them, or knows less than they do. */
  readonly leftAlone: number;
  readonly swapped: number;
  readonly examples: readonly Difference[];
}

const PAGE = 500;
const SWAP_ORDERS_MAX = 1_000;
const EXAMPLES_MAX = 20;
const LOCK_TIMEOUT_MS = 2_000;
const SWAP_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 15_000;
const ATTEMPTS_MAX = 10;
const ATTEMPT_WAIT_MS = 250;
/** One rebuild of a schema at a time. */
const LOCK_CLASS = LOCKS.rebuild;

export async function rebuild(opened: OpenReplay, options: RebuildOptions): Promise<RebuildReport> {
  const { replayable, database } = opened;
  const { rebuild: projection, consumer } = replayable;
  if (typeof projection === 'string')
    throw new CannotReplay('NOT_FROM_THE_LOG', `The rows of ${consumer} cannot be built from the log: ${projection}.`);
  await using session = await sessionOf(database);
  const [lock] = await session.query<{ got: boolean }>('select pg_try_advisory_lock($1, hashtext($2)) as got', [
    LOCK_CLASS,
    projection.schema,
  ]);
  if (!lock!.got) throw new CannotReplay('REBUILDING', `${projection.schema} is being rebuilt already; wait for that.`);
  const work = new Rebuild(opened, projection, session, options);
  try {
    return await work.run();
  } finally {
    await work.clear();
  }
}

class Rebuild {
  readonly #opened: OpenReplay;
  readonly #projection: Projection;
  readonly #session: Session;
  readonly #options: RebuildOptions;
  readonly #progress = new Progress();
  #source: EventSource | undefined;
  #incomplete = 0;

  constructor(opened: OpenReplay, projection: Projection, session: Session, options: RebuildOptions) {
    this.#opened = opened;
    this.#projection = projection;
    this.#session = session;
    this.#options = options;
  }

  get #tables(): readonly ProjectionTable[] {
    return this.#projection.tables;
  }

  async run(): Promise<RebuildReport> {
    const startedMs = performance.now();
    const { consumer } = this.#opened.replayable;
    await this.clear();
    for (const table of this.#tables) await this.#createShadow(table);
    this.#source = await openSource(this.#opened, this.#projection, this.#session, (done, total) =>
      this.#progress.update('events', done, total),
    );
    const orders = await this.#build();
    const suspects = await this.#suspects();
    const found: Difference[] = await this.#derived();
    const derived = found.length > 0;
    let swapped = 0;
    for (let start = 0; start < suspects.length; start += SWAP_ORDERS_MAX) {
      const page = suspects.slice(start, start + SWAP_ORDERS_MAX);
      const differences = await this.#compareSuspects(page);
      found.push(...differences);
      const toMend = [...new Set(differences.filter(({ mended }) => mended).map(({ order }) => order))];
      if (!this.#options.dryRun && toMend.length > 0) swapped += await this.#swap(toMend);
      this.#progress.update('suspects', start + page.length, suspects.length);
    }
    if (!this.#options.dryRun && derived && swapped === 0) swapped += await this.#swap([]);
    if (swapped > 0) await this.#makeConsumerForget();
    const tables = [];
    for (const table of this.#tables)
      tables.push({
        table: table.name,
        built: await this.#countOf(shadowOf(table)),
        live: await this.#countOf(table.name),
      });
    const differences = found.filter(({ mended }) => mended);
    return {
      kind: 'rebuild',
      service: consumer,
      dryRun: this.#options.dryRun,
      actor: this.#options.actor,
      seconds: Math.round(performance.now() - startedMs) / 1000,
      orders,
      incomplete: this.#incomplete,
      tables,
      differences: differences.length,
      leftAlone: found.length - differences.length,
      swapped,
      examples: [...differences, ...found.filter(({ mended }) => !mended)].slice(0, EXAMPLES_MAX),
    };
  }

  /** Leaves nothing behind, also of a rebuild that was killed. */
  async clear(): Promise<void> {
    this.#progress.end();
    await this.#session.query('rollback').catch(() => {});
    for (const table of this.#tables)
      await this.#session.query(`drop table if exists ${shadowOf(table)}`).catch(() => {});
    await this.#source?.close();
  }

  async #createShadow(table: ProjectionTable): Promise<void> {
    const columns = Object.entries(table.columns).map(([name, type]) => `${name} ${type}`);
    const position = table.ordered ? [`${POSITION} integer not null`] : [];
    // Not logged: it is gone after a crash, and would be dropped then anyway.
    await this.#session.query(
      `create unlogged table ${shadowOf(table)} (${[...columns, ...position, `primary key (${table.key.join(', ')})`].join(', ')})`,
    );
    if (!table.key.includes(table.order) || table.key[0] !== table.order)
      await this.#session.query(`create index on ${shadowOf(table)} (${table.order})`);
  }

  async #build(): Promise<number> {
    let orders = 0;
    for (let after = '00000000-0000-0000-0000-000000000000'; ;) {
      const ids = await this.#source!.orders(after, PAGE);
      if (ids.length === 0) break;
      this.#incomplete += await this.#fold(ids);
      orders += ids.length;
      after = ids.at(-1)!;
      this.#progress.update('orders built', orders, undefined);
    }
    for (const table of this.#tables) await this.#session.query(`analyze ${shadowOf(table)}`);
    return orders;
  }

  /** Folds orders into the shadow tables; returns how many could not be, for want of events. */
  async #fold(ids: readonly string[]): Promise<number> {
    const events = await this.#source!.eventsOf(ids);
    const rows = new Map<string, Record<string, unknown>[]>(this.#tables.map((table) => [table.name, []]));
    let incomplete = 0;
    for (const id of ids) {
      const built = this.#projection.build(id, events.get(id) ?? ([] as Envelope[]));
      if (!built) incomplete++;
      for (const [name, list] of Object.entries(built ?? {}))
        rows.get(name)!.push(...list.map((row, index) => ({ ...row, [POSITION]: index })));
    }
    for (const table of this.#tables) {
      const columns = table.ordered ? ({ ...table.columns, [POSITION]: 'integer' } as const) : table.columns;
      const list = rows.get(table.name)!;
      if (list.length > 0)
        await this.#session.write(insertRows('built', shadowOf(table), columns, list, { onConflict: 'do nothing' }));
    }
    return incomplete;
  }

  /** Orders of which anything differs, those that only moved on since they were built among them. */
  async #suspects(): Promise<string[]> {
    const suspects = new Set<string>();
    for (const table of this.#tables)
      for (const { order } of await this.#compare(table, undefined)) suspects.add(order);
    return [...suspects].sort();
  }

  /** Differences of these orders (of all, where none are named), as one statement sees them. */
  async #compare(table: ProjectionTable, orders: readonly string[] | undefined): Promise<Difference[]> {
    const rows = await this.#session.query<{ order: string; what: string; mended: boolean }>(
      compareSql(this.#projection, table),
      [orders ?? null],
    );
    return rows.map((row) => ({ table: table.name, ...row }));
  }

  /** The suspects once more: what the log says and what the tables hold, in one snapshot. */
  async #compareSuspects(orders: readonly string[]): Promise<Difference[]> {
    return this.#transaction(() => this.#rebuilt(orders));
  }

  async #rebuilt(orders: readonly string[]): Promise<Difference[]> {
    await this.#source!.catchUp();
    for (const table of this.#tables)
      await this.#session.query(`delete from ${shadowOf(table)} where ${table.order} = any($1::uuid[])`, [orders]);
    await this.#fold(orders);
    const found: Difference[] = [];
    for (const table of this.#tables) found.push(...(await this.#compare(table, orders)));
    return found;
  }

  /** Puts built rows in the place of those that differ. Readers see the one or the other, writers wait a moment. */
  async #swap(orders: readonly string[]): Promise<number> {
    const { consumer } = this.#opened.replayable;
    return this.#transaction(async () => {
      await this.#session.query(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
      await this.#session.query(`set local statement_timeout = ${SWAP_TIMEOUT_MS}`);
      // Before the snapshot is taken by the first query: what is committed by now is seen, and nothing follows.
      await this.#session.query(
        `lock table ${this.#tables.map(({ name }) => name).join(', ')} in share row exclusive mode`,
      );
      const differences = (await this.#rebuilt(orders)).filter(({ mended }) => mended);
      for (const table of this.#tables)
        for (const write of mendSql(this.#projection, table)) await this.#session.query(write, [orders]);
      differences.push(...(await this.#derived()));
      for (const { mend } of this.#projection.derived ?? []) await this.#session.query(mend);
      const detail = { orders, differences: differences.slice(0, EXAMPLES_MAX), rows: differences.length };
      for (const write of recordReplay({ actor: this.#options.actor, action: 'rebuild', consumer, detail }))
        await this.#session.write(write);
      return differences.length;
    });
  }

  async #derived(): Promise<Difference[]> {
    const found: Difference[] = [];
    for (const { name: table, differences } of this.#projection.derived ?? []) {
      const rows = await this.#session.query<{ subject: string; detail: string }>(differences);
      found.push(...rows.map(({ subject, detail }) => ({ table, order: subject, what: detail, mended: true })));
    }
    return found;
  }

  /**
   * Processes remember rows. Moved back by one, the stored offset is not the one a running consumer knows, so it
   * forgets everything it remembers and reads that one event again.
   */
  async #makeConsumerForget(): Promise<void> {
    const stood = '(again_txid, again_position) >= (txid, position)';
    await this.#session.query(
      `update log.consumer_offsets set position = position - 1, updated_at = now(),
         again_txid = case when ${stood} then again_txid else txid end, again_position = case when ${stood} then again_position else position end
       where consumer = $1 and position > 0`,
      [this.#opened.replayable.consumer],
    );
  }

  /** Work in one snapshot. Where it met a lock or another writer it is tried again; nothing of it was kept. */
  async #transaction<Result>(work: () => Promise<Result>): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#session.query('begin isolation level repeatable read');
        // A process that is stopped in the middle must hold back neither writers nor readers of the log.
        await this.#session.query(`set local idle_in_transaction_session_timeout = ${IDLE_TIMEOUT_MS}`);
        const result = await work();
        await this.#session.query('commit');
        this.#source!.ended(true);
        return result;
      } catch (error) {
        await this.#session.query('rollback').catch(() => {});
        this.#source!.ended(false);
        if (!isTransient(error) || attempt >= ATTEMPTS_MAX) throw error;
        await sleep(ATTEMPT_WAIT_MS);
      }
    }
  }

  async #countOf(name: string): Promise<number> {
    const [row] = await this.#session.query<{ rows: number }>(`select count(*)::int as rows from ${name}`);
    return row!.rows;
  }
}

const POSITION = 'rebuild_place';

export function shadowOf({ name }: ProjectionTable): string {
  return `${name}_rebuild`;
}

const joined = (columns: readonly string[]): string =>
  columns.map((column) => `t.${column} = s.${column}`).join(' and ');

function differsSql({ columns, compared, differs = {} }: ProjectionTable): string {
  const cast = (alias: string, column: string): string =>
    columns[column] === 'json' ? `${alias}.${column}::jsonb` : `${alias}.${column}`;
  const parts = compared.map(
    (column) => differs[column] ?? `${cast('t', column)} is distinct from ${cast('s', column)}`,
  );
  return parts.length === 0 ? 'false' : `(${parts.join(' or ')})`;
}

/** True where the built row may take the place of the live one. */
function mendableSql({ sequenced }: ProjectionTable): string {
  return sequenced ? 't.sequence <= s.sequence' : 'true';
}

/** True where the live row's order was built: what then has no built row is not explained by a complete log. */
function isBuiltSql({ tables: [main] }: Projection, { order }: ProjectionTable): string {
  return `exists (select from ${shadowOf(main!)} b where b.${main!.order} = t.${order})`;
}

function compareSql(projection: Projection, table: ProjectionTable): string {
  const { name, order, key, present = key, removesUnexplained = false, ordered } = table;
  const shadow = shadowOf(table);
  const among = (alias: string): string => `($1::uuid[] is null or ${alias}.${order} = any($1::uuid[]))`;
  const parts = [
    `select s.${order} as "order", 'missing' as what, true as mended from ${shadow} s where ${among('s')} and not exists (select from ${name} t where ${joined(present)})`,
    `select s.${order}, 'different', ${mendableSql(table)} from ${shadow} s join ${name} t on ${joined(key)} where ${among('s')} and ${differsSql(table)}`,
    `select t.${order}, 'unexplained', ${removesUnexplained ? isBuiltSql(projection, table) : 'false'} from ${name} t where ${among('t')} and not exists (select from ${shadow} s where ${joined(present)})`,
  ];
  if (ordered)
    parts.push(
      `select a.${order}, 'out of order', true
       from (select t.${order}, array_agg(t.${key[0]} order by t.${ordered}) as rows from ${name} t where ${among('t')} group by t.${order}) a
       join (select s.${order}, array_agg(s.${key[0]} order by s.${POSITION}) as rows from ${shadow} s where ${among('s')} group by s.${order}) b on b.${order} = a.${order}
       where a.rows <> b.rows and a.rows @> b.rows and b.rows @> a.rows`,
    );
  return parts.join('\nunion all\n');
}

/** The statements that mend the orders $1. */
function mendSql(projection: Projection, table: ProjectionTable): string[] {
  const {
    name,
    order,
    key,
    present = key,
    columns,
    compared,
    notInLog = {},
    versioned,
    removesUnexplained,
    ordered,
  } = table;
  const shadow = shadowOf(table);
  const among = (alias: string): string => `${alias}.${order} = any($1::uuid[])`;
  const into = [...Object.keys(columns), ...Object.keys(notInLog)];
  const values = [...Object.keys(columns).map((column) => `s.${column}`), ...Object.values(notInLog)];
  const insert = `insert into ${name} (${into.join(', ')}) select ${values.join(', ')} from ${shadow} s where ${among('s')}`;
  if (ordered)
    // Rows the log does not explain, of an order that it does: they are kept, behind the rows the log explains.
    return [
      `delete from ${name} t using ${shadow} s where ${among('t')} and ${joined(key)}`,
      `${insert} order by s.${order}, s.${POSITION}`,
    ];
  const statements: string[] = [];
  if (removesUnexplained)
    statements.push(
      `delete from ${name} t where ${among('t')} and not exists (select from ${shadow} s where ${joined(key)}) and ${isBuiltSql(projection, table)}`,
    );
  if (compared.length > 0) {
    const sets = compared.map((column) => `${column} = s.${column}`);
    if (versioned) sets.push('version = t.version + 1');
    statements.push(
      `update ${name} t set ${sets.join(', ')} from ${shadow} s where ${among('t')} and ${joined(key)} and ${differsSql(table)} and ${mendableSql(table)}`,
    );
  }
  statements.push(`${insert} and not exists (select from ${name} t where ${joined(present)})`);
  return statements;
}
