import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '#platform/database/embedded/server.ts';

/**
 * What plain SQL scripts of the same writes reach on the same machine: the ceilings that every figure of the
 * benchmark is printed beside. Durability is on in all of them, as in the system.
 */

const CLIENTS = 8;
const run = promisify(execFile);

const SCHEMA = `
create table orders (id uuid primary key, customer_id uuid not null, status text not null, version integer not null, total numeric(20,4) not null, body json not null);
create table order_lines (order_id uuid not null, line integer not null, sku text not null, quantity integer not null, unit_price numeric(20,4) not null, primary key (order_id, line));
create table outbox (position bigint generated always as identity primary key, order_id uuid not null, type text not null, data json not null);
create table reservations (order_id uuid primary key, status text not null);
create table payments (order_id uuid primary key, amount numeric(20,4) not null, status text not null);
create table shipments (order_id uuid primary key, status text not null);
create table invoices (order_id uuid primary key, total numeric(20,4) not null);
`;
const BODY = `'{"currency":"EUR","channel":"web","contact":{"email":"customer@example.com"},"shippingAddress":{"name":"Customer","line1":"1 Main Street","city":"Berlin","postalCode":"10115","country":"DE"},"payment":{"provider":"sandbox","token":"tok_approve"}}'`;
const EVENT = `'{"currency":"EUR","totalAmount":"59.85","items":[{"line":1,"sku":"SKU-1","quantity":1,"unitPrice":"9.95"},{"line":2,"sku":"SKU-2","quantity":2,"unitPrice":"9.95"},{"line":3,"sku":"SKU-3","quantity":3,"unitPrice":"9.95"}],"payment":{"provider":"sandbox"}}'`;

const insertOrder = `insert into orders values (ID, gen_random_uuid(), 'CREATED', 1, 59.85, ${BODY}) returning id \\gset`;
const insertLines = `insert into order_lines values (:id, 1, 'SKU-1', 1, 9.95), (:id, 2, 'SKU-2', 2, 9.95), (:id, 3, 'SKU-3', 3, 9.95);`;
const event = (type: string): string => `insert into outbox (order_id, type, data) values (:id, '${type}', ${EVENT});`;
const status = (value: string): string =>
  `update orders set status = '${value}', version = version + 1 where id = :id;`;

const CREATE = [insertOrder, insertLines, event('OrderCreated')];
const STEPS = [
  ["insert into reservations values (:id, 'RESERVED');", status('RESERVED'), event('OrderReserved')],
  ["insert into payments values (:id, 59.85, 'CAPTURED');", status('PAID'), event('OrderPaid')],
  ["insert into shipments values (:id, 'SCHEDULED');", status('READY_FOR_SHIPMENT'), event('OrderReadyForShipment')],
  ["update shipments set status = 'DISPATCHED' where order_id = :id;", status('SHIPPED'), event('OrderShipped')],
  ['insert into invoices values (:id, 59.85);', status('COMPLETED'), event('OrderCompleted')],
];
const transaction = (statements: readonly string[]): string => ['begin;', ...statements, 'commit;'].join('\n');

/** The whole life of a set of orders in set-based statements: six per set, in one transaction. */
const SET = 100;
const LIFE_IN_SETS = transaction([
  `create temp table if not exists batch (id uuid);`,
  `truncate batch;`,
  `insert into batch select ID from generate_series(1, ${SET});`,
  `insert into orders select id, gen_random_uuid(), 'CREATED', 1, 59.85, ${BODY} from batch;`,
  `insert into order_lines select id, line, 'SKU-' || line, line, 9.95 from batch, generate_series(1, 3) line;`,
  `insert into outbox (order_id, type, data) select id, 'OrderCreated', ${EVENT} from batch;`,
  ...[
    ["insert into reservations select id, 'RESERVED' from batch;", 'RESERVED'],
    ["insert into payments select id, 59.85, 'CAPTURED' from batch;", 'PAID'],
    ["insert into shipments select id, 'SCHEDULED' from batch;", 'READY_FOR_SHIPMENT'],
    ["update shipments s set status = 'DISPATCHED' from batch b where s.order_id = b.id;", 'SHIPPED'],
    ['insert into invoices select id, 59.85 from batch;', 'COMPLETED'],
  ].flatMap(([write, value]) => [
    write!,
    `update orders o set status = '${value}', version = version + 1 from batch b where o.id = b.id;`,
    `insert into outbox (order_id, type, data) select id, '${value}', ${EVENT} from batch;`,
  ]),
]);

const SCRIPTS = {
  intakeSingle: { script: transaction(CREATE), orders: 1 },
  intakeSets: {
    script: ['begin;', ...Array.from({ length: 50 }, () => CREATE.join('\n')), 'commit;'].join('\n'),
    orders: 50,
  },
  lifeSingle: { script: [CREATE, ...STEPS].map(transaction).join('\n'), orders: 1 },
  lifeSets: { script: LIFE_IN_SETS, orders: SET },
} as const;

export type Script = keyof typeof SCRIPTS;
/** What one script reaches. */
export interface Ceiling {
  /** Orders per second. */
  readonly rate: number;
  /** Bytes of write-ahead log per order. */
  readonly walBytes: number;
}
export type Ceilings = Record<Script, Ceiling>;

/**
 * A server for the ceilings alone, with the settings the system's has. On the system's own, the checkpoints that come
 * with making and dropping a database would be paid for by the round that follows.
 */
export async function startCeilingServer(): Promise<Pick<EmbeddedPostgres, 'url' | 'stop'>> {
  const folder = await mkdtemp(join(tmpdir(), 'olms-bench-ceilings-'));
  const server = await startEmbeddedPostgres({ dataDir: join(folder, 'postgres') });
  return {
    url: server.url,
    stop: async () => {
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function findPgbench(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(':');
  const debian = '/usr/lib/postgresql';
  if (existsSync(debian)) for (const version of readdirSync(debian)) folders.push(join(debian, version, 'bin'));
  return folders.map((folder) => join(folder, 'pgbench')).find((file) => existsSync(file));
}

/** Where the server's write-ahead log ends, in bytes. */
export async function walPosition(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ bytes: string }>("select pg_current_wal_insert_lsn() - '0/0' as bytes");
  return Number(rows[0]!.bytes);
}

/** What each script reaches, run by pgbench with 8 clients in a database of its own on the server at `url`. */
export async function measureCeilings(
  url: string,
  secondsEach: number,
  log: (line: string) => void,
  scripts: readonly Script[] = Object.keys(SCRIPTS) as Script[],
): Promise<Ceilings> {
  const pgbench = findPgbench();
  if (!pgbench)
    throw new Error(
      'pgbench is not installed; on Debian: apt-get install postgresql (it comes with the server package).',
    );
  const name = 'olms_bench_ceilings';
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  await admin.query(`drop database if exists ${name}`);
  await admin.query(`create database ${name}`);
  const version = Number(
    (await admin.query<{ server_version_num: string }>('show server_version_num')).rows[0]!.server_version_num,
  );
  for (const setting of ['fsync', 'synchronous_commit']) {
    const value = (await admin.query<Record<string, string>>(`show ${setting}`)).rows[0]![setting];
    if (value !== 'on') throw new Error(`${setting} is ${value}; the benchmark compares durable settings only`);
  }
  const own = connectionOf(url, name);
  const client = new pg.Client({ connectionString: own.url });
  await client.connect();
  await client.query(SCHEMA);
  await client.end();
  const folder = await mkdtemp(join(tmpdir(), 'olms-bench-'));
  const results = {} as Ceilings;
  try {
    for (const key of scripts) {
      const { script, orders } = SCRIPTS[key];
      const file = join(folder, `${key}.sql`);
      await writeFile(
        file,
        script
          .replaceAll('(ID', version >= 180_000 ? '(uuidv7()' : '(gen_random_uuid()')
          .replaceAll('select ID', version >= 180_000 ? 'select uuidv7()' : 'select gen_random_uuid()'),
      );
      const walBefore = await walPosition(admin);
      const { stdout } = await run(
        pgbench,
        [
          '-n',
          '-f',
          file,
          '-c',
          String(CLIENTS),
          '-j',
          '2',
          '-T',
          String(secondsEach),
          ...(key === 'lifeSets' ? [] : ['-M', 'prepared']),
          name,
        ],
        { env: { ...process.env, ...own.env }, maxBuffer: 1e7 },
      );
      const tps = Number(/tps = ([\d.]+)/.exec(stdout)?.[1]);
      const transactions = Number(/transactions actually processed: (\d+)/.exec(stdout)?.[1]);
      if (!(tps > 0 && transactions > 0)) throw new Error(`pgbench gave no rate for ${key}: ${stdout}`);
      const walBytes = ((await walPosition(admin)) - walBefore) / (transactions * orders);
      results[key] = { rate: tps * orders, walBytes };
      log(`ceiling ${key}: ${Math.round(tps * orders)} orders/s`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
    await admin.query(`drop database ${name} with (force)`);
    await admin.end();
  }
  return results;
}

/** The parts pgbench takes from its environment, for another database on the same server. */
function connectionOf(url: string, database: string): { url: string; env: Record<string, string> } {
  const client = new pg.Client({ connectionString: url });
  const { host, port, user, password } = client;
  const target = new URL(url);
  target.pathname = `/${database}`;
  return {
    url: target.toString(),
    env: { PGHOST: host, PGPORT: String(port), PGUSER: user ?? '', PGPASSWORD: String(password ?? '') },
  };
}
