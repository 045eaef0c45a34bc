import { afterAll, beforeAll, expect, test } from 'vitest';
import { runAudit } from '#cli/operate/audit.ts';
import { Api } from '#tests/support/api.ts';
import { readDocument } from '#tests/support/published.ts';
import { FolderSystem } from '#tests/support/folder-system.ts';
import { withClient } from '#tests/support/sql.ts';
import { until } from '#tests/support/until.ts';

/** What people count with SQL is what the system says of itself. */

const KEY = 'what-people-count';
let running: FolderSystem;
let api: Api;

beforeAll(async () => {
  running = await FolderSystem.start(KEY, { SANDBOX_CARRIER_DELAY_MS: '0' });
  api = new Api(running.system.url, KEY);
}, 60_000);

afterAll(() => running?.remove());

const VIEWS = [
  'invoice_taxes',
  'invoices',
  'order_items',
  'orders',
  'payments',
  'refunds',
  'returns',
  'shipments',
  'stock',
  'stock_movements',
];

const asked = <Row extends object>(sql: string): Promise<Row[]> =>
  withClient(running.system.databaseUrl, async (client) => (await client.query<Row>(sql)).rows);
const textOf = (value: unknown): string =>
  value instanceof Date
    ? `${value.getFullYear()}-${String(value.getMonth() + 1).padStart(2, '0')}-${String(value.getDate()).padStart(2, '0')}`
    : String(value);
const sum = (amounts: readonly string[]): number =>
  amounts.reduce((all, amount) => all + Math.round(Number(amount) * 100), 0);

test('revenue by day and rate, refunds by reason and stock by location are what the audit and the API say', async () => {
  const sku = await api.product(20);
  const items = [
    { sku, quantity: 2, unitPrice: '11.90', taxRate: '19' },
    { sku, quantity: 1, unitPrice: '10.70', taxRate: '7' },
  ];
  const placed = await Promise.all([1, 2, 3].map(() => api.placeOrder({ items, pricesIncludeTax: true } as never)));
  for (const { id } of placed) await api.untilStatus(id, 'COMPLETED');
  const [first] = placed;
  await api.command(first!.id, 'refunds', { amount: '5.00', reason: 'scratched', reasonCode: 'damaged' });
  await until('the credit note', async () => (await api.invoice(first!.id)).creditNotes.length > 0);
  for (const { id } of placed) await api.invoice(id);

  const revenue = await asked<{ rate: string; net: string; tax: string }>(
    "select rate::text, sum(net)::text as net, sum(tax)::text as tax from reporting.invoice_taxes where kind = 'invoice' group by day, currency, rate order by rate::numeric",
  );
  expect(revenue).toEqual([
    { rate: '7', net: '30.00', tax: '2.10' },
    { rate: '19', net: '60.00', tax: '11.40' },
  ]);
  const invoices = await Promise.all(placed.map(({ id }) => api.invoice(id)));
  const credits = invoices.flatMap(({ creditNotes }) => creditNotes.map(({ amount }) => amount));
  const [{ total } = { total: '' }] = await asked<{ total: string }>(
    'select sum(net + tax)::text as total from reporting.invoice_taxes',
  );
  expect(sum([total])).toBe(sum(invoices.map(({ totalAmount }) => totalAmount)) - sum(credits));
  expect(await asked('select sum(total)::text as total from reporting.invoices')).toEqual([{ total }]);

  const refunds = await asked(
    "select reason_code, reason, sum(amount)::text as amount from reporting.refunds where status = 'DONE' group by 1, 2",
  );
  expect(refunds).toEqual([{ reason_code: 'damaged', reason: 'scratched', amount: '5.00' }]);
  const money = await asked(
    'select sum(captured)::float8 as captured, sum(refunded)::float8 as refunded from reporting.payments',
  );
  expect(money).toEqual([{ captured: 103.5, refunded: 5 }]);

  const stock = await asked(
    `select s.location, sum(s.on_hand)::int as on_hand, sum(s.reserved)::int as reserved,
       (select sum(on_hand_delta)::int from reporting.stock_movements m where m.location = s.location) as moved
     from reporting.stock s group by 1`,
  );
  expect(stock).toEqual([{ location: 'main', on_hand: 11, reserved: 0, moved: 11 }]);
  const report = await runAudit({ patience: 30 }, { ...running.env, DATABASE_URL: running.system.databaseUrl });
  expect(report.checks.filter(({ violations }) => violations > 0)).toEqual([]);
  // The questions as the document asks them, with all values as texts.
  const [, questions] = /```sql\n([^`]+)```/.exec(readDocument('docs/reporting.md'))!;
  const answers = [];
  for (const question of questions!.split(';').filter((text) => text.includes('select')))
    answers.push((await asked(question)).map((row) => Object.values(row).map((value) => textOf(value))));
  const counted = ['revenue', 'refunds', 'stock'].map((of) => report.sums[of]!.rows.map((row) => Object.values(row)));
  expect(counted).toEqual(answers);
  expect(counted.map((rows) => rows.length)).toEqual([2, 1, 1]);
});

test('every view is there, no column is JSON, and each says what it means', async () => {
  const columns = await asked<{ view: string; name: string; type: string; meaning: string | null }>(
    `select c.relname as view, a.attname as name, format_type(a.atttypid, null) as type, col_description(c.oid, a.attnum) as meaning
     from pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'reporting'
       join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 order by 1, a.attnum`,
  );
  expect([...new Set(columns.map(({ view }) => view))]).toEqual(VIEWS);
  expect(columns.filter(({ type }) => /json/.test(type))).toEqual([]);
  expect(columns.filter(({ meaning }) => !meaning)).toEqual([]);
  for (const view of VIEWS) await asked(`select * from reporting.${view}`);
});
