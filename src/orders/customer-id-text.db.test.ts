import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { contract, migrate } from '#platform/database/migrate.ts';
import { LOG_MIGRATIONS } from '#platform/log/migrations.ts';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';

/** A column is renamed while versions that know one name and versions that know the other write: `customer` of orders. */

const FOLDER = join(import.meta.dirname, 'migrations');
const RENAMING = ['0008-customer-id-text.sql', '0009-customer-id-text-filled.sql', '0010-customer-id-text-index.sql'];
let postgres: TestPostgres;
let folder: string;

beforeAll(async () => {
  postgres = await startTestPostgres([]);
  folder = await mkdtemp(join(tmpdir(), 'olms-orders-'));
});
afterAll(async () => {
  await postgres?.stop();
  await rm(folder, { recursive: true, force: true });
});

test('the former and this version see the same customers, before, during and after', async () => {
  const url = await postgres.createDatabase();
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  let number = 0;
  /** An order as a version writes it that knows the customer under this name. */
  const write = async (column: 'customer' | 'customer_id_text', customer: string | null): Promise<string> => {
    const id = `00000000-0000-7000-8000-${String(++number).padStart(12, '0')}`;
    await client.query(
      `insert into orders.orders (id, ${column}, channel, currency, total_amount, idempotency_key, request_hash, body) values ($1::uuid, $2, 'web', 'EUR', 1, $1::text, '', '{}')`,
      [id, customer],
    );
    return id;
  };
  const read = async (id: string, columns = 'customer, customer_id_text'): Promise<unknown> =>
    (await client.query(`select ${columns} from orders.orders where id = $1`, [id])).rows[0];
  const both = (customer: string | null): unknown => ({ customer, customer_id_text: customer });

  const former = (await readdir(FOLDER)).filter((name) => name < RENAMING[0]!);
  for (const name of former) await cp(join(FOLDER, name), join(folder, name));
  await migrate(url, [LOG_MIGRATIONS, { owner: 'orders', folder }]);
  const old = [await write('customer', 'K-1'), await write('customer', null)];

  const sets = [LOG_MIGRATIONS, { owner: 'orders', folder: FOLDER }];
  expect((await migrate(url, sets)).map(({ name }) => name)).toEqual(expect.arrayContaining(RENAMING));
  expect(await read(old[0]!)).toEqual(both('K-1'));
  expect(await read(old[1]!)).toEqual(both(null));
  const byFormer = await write('customer', 'K-2');
  const byThis = await write('customer_id_text', 'K-3');
  expect(await read(byFormer)).toEqual(both('K-2'));
  expect(await read(byThis)).toEqual(both('K-3'));
  // Neither version changes a customer, but a rebuild mends one, and an amendment rewrites the rest of the row.
  await client.query("update orders.orders set customer = 'K-4' where id = $1", [byThis]);
  expect(await read(byThis)).toEqual(both('K-4'));
  await client.query("update orders.orders set customer_id_text = 'K-5', reference = 'r' where id = $1", [byThis]);
  expect(await read(byThis)).toEqual(both('K-5'));
  await client.query("update orders.orders set body = '{}' where id = $1", [byFormer]);
  expect(await read(byFormer)).toEqual(both('K-2'));

  expect((await contract(url, sets, 1)).map(({ name }) => name)).toContain('0011-customer-dropped.sql');
  expect(await read(byThis, 'customer_id_text')).toEqual({ customer_id_text: 'K-5' });
  const later = await write('customer_id_text', 'K-6');
  expect(await read(later, 'customer_id_text')).toEqual({ customer_id_text: 'K-6' });
  await expect(write('customer', 'K-7')).rejects.toThrow('column "customer"');
  await client.end();
});
