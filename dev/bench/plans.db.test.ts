import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OrderFilter, pageQuery } from '#orders/store/filter.ts';
import { searchOrders } from '#orders/store/search.ts';
import { Database } from '#platform/database/database.ts';
import { LOG_MIGRATIONS } from '#platform/log/migrations.ts';
import { startTestPostgres, type TestPostgres } from '#tests/support/postgres.ts';
import { fillOrders } from './fill.ts';

/** Every way to find orders has its index: what PostgreSQL plans on a store of some thousands. */

const FOLDER = fileURLToPath(new URL('../../src/orders/migrations', import.meta.url));
const ORDERS = 20_000;
let postgres: TestPostgres;
let sql: pg.Client;
let database: Database;

beforeAll(async () => {
  postgres = await startTestPostgres([LOG_MIGRATIONS, { owner: 'orders', folder: FOLDER }]);
  const url = await postgres.createDatabase();
  sql = new pg.Client({ connectionString: url });
  database = new Database({ url, poolSize: 4, statementTimeoutMs: 10_000, applicationName: 'test' });
  await sql.connect();
  await fillOrders(sql, ORDERS, () => {});
  await sql.query(
    "update orders.order_states set holds = ',review,' where order_id in (select id from orders.orders limit 20)",
  );
  await sql.query('analyze orders.order_states');
}, 60_000);
afterAll(async () => {
  await database?.close();
  await sql?.end();
  await postgres?.stop();
});

async function planOf(text: string, values: readonly unknown[]): Promise<string> {
  const { rows } = await sql.query<{ 'QUERY PLAN': string }>(`explain ${text}`, [...values]);
  return rows.map((row) => row['QUERY PLAN']).join('\n');
}

test.each<[index: string, filter: Partial<OrderFilter>]>([
  ['order_states_status', { statuses: ['REJECTED'] }],
  ['order_states_status', { statuses: ['REJECTED', 'CANCELLED'] }],
  ['order_states_payment', { paymentStatuses: ['FAILED'] }],
  ['order_states_fulfillment', { fulfillmentStatuses: ['CANCELLED'] }],
  ['order_states_returned', { returnStatuses: ['REQUESTED'] }],
  ['order_states_held', { holds: ['review'] }],
  ['order_states_held', { overdue: true }],
  ['order_states_updated', { updatedToMs: 0 }],
  ['orders_country', { countries: ['fr'] }],
  ['orders_country', { countries: ['fr', 'it'] }],
  ['orders_total', { currencies: ['EUR'], totalMin: '1000' }],
  ['orders_by_number', { numbers: ['K7M4-92QX-F'] }],
  ['orders_number', { numbers: ['0123456789ab'] }],
  ['orders_customer', { customerIds: ['cfcd2084-95d5-65ef-66e7-dff9f98764da'] }],
  ['order_terms_pkey', { skus: ['SKU-7', 'SKU-8'] }],
])('%s is read for %j', async (index, filter) => {
  const { text, values } = pageQuery({ ...filter, oldestFirst: false, limit: 51 });
  expect(await planOf(text, values)).toContain(index);
});

test.each([
  ['order_terms_pkey', "select order_id from orders.order_terms where term like 'w:family12%'"],
  ['order_terms_pkey', "select order_id from orders.order_terms where term like 'p:8000001%'"],
  ['product_words_pkey', "select distinct sku from orders.product_words where word like 'artic%' limit 300"],
  ['orders_without_words', 'select id from orders.orders where words is null order by id limit 500'],
])('%s is read for %s', async (index, text) => {
  await sql.query('set enable_seqscan = off');
  expect(await planOf(text, [])).toContain(index);
  await sql.query('reset enable_seqscan');
});

// Few orders with the rarest word; the newest orders filling a page; orders of words intersected, with and without any.
test.each<[text: string, limit: number]>([
  ['anna fam', 50],
  ['plate fam cus', 50],
  ['plate fam cus', 6_000],
  ['fil 493 anna', 6_000],
  ['anna ben', 50],
  ['mug plate ida', 6_000],
])('%s finds the newest %d orders that have every word', async (text, limit) => {
  const skus = text.split(' ').map((word) => `select sku from orders.product_words where word like '${word}%'`);
  const conditions = text
    .split(' ')
    .map(
      (word, place) =>
        `(words like '% ${word}%' or exists (select from (${skus[place]!}) p where words like '% s:' || sku || ' %'))`,
    );
  const { rows } = await sql.query<{ id: string }>(
    `select id from orders.orders where ${conditions.join(' and ')} order by id desc limit ${limit}`,
  );
  const by = { database, peers: { ordersOfDocument: async () => [] } };
  expect(await searchOrders(by, { text, oldestFirst: false, limit })).toEqual(rows.map(({ id }) => id));
});
