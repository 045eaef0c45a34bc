import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLogger } from '#platform/telemetry/logger.ts';
import { startSystem, type System } from '#system/system.ts';
import { runAudit } from '#cli/operate/audit.ts';
import { type ImportOptions, runImport } from '#cli/operate/import.ts';
import { freePort } from '#tests/support/ports.ts';

const LINES = [
  'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country',
  '536365,85123A,WHITE HANGING HEART,6,2010-12-01 08:26:00,2.55,17850.0,United Kingdom',
  '536365,71053,"LANTERN, METAL",6,2010-12-01 08:26:00,3.39,17850.0,United Kingdom',
  '536365,85123A,WHITE HANGING HEART,1,2010-12-01 08:26:00,0.0375,17850.0,United Kingdom',
  'C536379,71053,LANTERN,-1,2010-12-01 09:41:00,27.50,14527.0,United Kingdom',
  '536370,22728,ALARM CLOCK,24,2010-12-01 08:45:00,3.75,12583.0,France',
  '536414,22139,,56,2010-12-01 11:52:00,0.0,,United Kingdom',
  '536371,22086,CHAIN KIT 50,80,2010-12-01 09:00:00,2.55,,EIRE',
  '536370,POST,POSTAGE,3,2010-12-01 08:45:00,18.00,12583.0,France',
];

describe('an import into a running system', () => {
  let folder: string;
  let file: string;
  let env: Record<string, string>;
  let system: System;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'olms-import-test-'));
    file = join(folder, 'lines.csv');
    await writeFile(file, `${LINES.join('\r\n')}\r\n`);
    env = {
      PORT: '0',
      OLMS_DATA: join(folder, 'data'),
      OLMS_BOOTSTRAP_API_KEY: 'import-test',
      SANDBOX_PROVIDER_PORT: String(await freePort()),
      SANDBOX_CARRIER_DELAY_MS: '0',
    };
    system = await startSystem({ env, logger: createLogger('silent') });
  });

  afterAll(async () => {
    await system?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const imported = (options: ImportOptions = {}, from = file): ReturnType<typeof runImport> =>
    runImport(from, { url: system.url, concurrency: 4, wait: 30, ...options }, env);
  const counts = async (): Promise<unknown> =>
    system.database.query(
      `select (select count(*)::int from orders.orders) as orders, (select count(*)::int from log.order_outbox) as events,
         (select count(*)::int from inventory.ledger) as movements, (select max(updated_at)::text from inventory.products) as products`,
    );

  test('sends nothing on a dry run', async () => {
    const report = await imported({ dryRun: true });
    expect(report).toMatchObject({ dryRun: true, ordersTaken: 3, linesTaken: 6 });
    expect(await counts()).toMatchObject([{ orders: 0, events: 0 }]);
  });

  test('does not take what it cannot: without their articles, all orders are refused by name', async () => {
    const report = await imported();
    expect(report.ok).toBe(false);
    expect(report.failedOrders.map(({ invoice, reason }) => [invoice, reason])).toEqual(
      expect.arrayContaining([
        ['536365', 'UNKNOWN_SKU'],
        ['536370', 'UNKNOWN_SKU'],
        ['536371', 'UNKNOWN_SKU'],
      ]),
    );
    expect(report.toText()).toContain('UNKNOWN_SKU');
  });

  test('takes every order once, to the last penny, and twice changes nothing', async () => {
    const report = await imported({ createProducts: true, stock: 100 });
    expect(report.toJSON()).toMatchObject({
      ok: true,
      preset: 'online-retail',
      orders: { taken: 3, repeated: 0, refused: 2, failed: 0 },
      lines: { taken: 6, refused: 2 },
      products: { created: 5, stocked: 5 },
      // 6 × 2.55 + 6 × 3.39 + 0.04 + 24 × 3.75 + 3 × 18 + 80 × 2.55
      totals: [{ currency: 'GBP', lines: '383.68', orders: '383.68', equal: true }],
      linesByReason: expect.arrayContaining([
        expect.objectContaining({ reason: 'cancellation', first: [5] }),
        expect.objectContaining({ reason: 'price_not_positive', first: [7] }),
      ]),
      statuses: { COMPLETED: 3 },
    });
    await system.settle();
    const before = await counts();
    expect(before).toMatchObject([{ orders: 3 }]);

    const again = await imported({ createProducts: true, stock: 100 });
    expect(again.toJSON()).toMatchObject({
      ok: true,
      orders: { taken: 0, repeated: 3, refused: 2, failed: 0 },
      products: { created: 0, stocked: 0 },
      totals: [{ lines: '383.68', orders: '383.68' }],
      statuses: { COMPLETED: 3 },
    });
    await system.settle();
    expect(await counts()).toEqual(before);
  });

  test('has kept lines, references, dates and customers', async () => {
    const [order] = await system.database.query<{
      body: { items: unknown[]; metadata: unknown };
      total: string;
      customer: string;
    }>(
      "select body, trim_scale(total_amount)::text as total, customer_id as customer from orders.orders where reference = '536365'",
    );
    expect(order).toMatchObject({
      total: '35.68',
      body: {
        items: [
          { sku: '85123A', quantity: 6, amount: '15.30' },
          { sku: '71053', name: 'LANTERN, METAL', amount: '20.34' },
          { sku: '85123A', quantity: 1, unitPrice: '0.0375', amount: '0.04' },
        ],
        metadata: { invoiceDate: '2010-12-01 08:26:00', country: 'United Kingdom' },
      },
    });
    const stock = await system.database.query('select sku, on_hand, reserved from inventory.stock order by sku');
    expect(stock).toEqual([
      { sku: '22086', on_hand: 20, reserved: 0 },
      { sku: '22728', on_hand: 76, reserved: 0 },
      { sku: '71053', on_hand: 94, reserved: 0 },
      { sku: '85123A', on_hand: 93, reserved: 0 },
      { sku: 'POST', on_hand: 97, reserved: 0 },
    ]);
  });

  test('names an invoice whose lines were changed since', async () => {
    const changed = join(folder, 'changed.csv');
    await writeFile(changed, LINES.join('\n').replace('ALARM CLOCK,24', 'ALARM CLOCK,25'));
    const report = await imported({}, changed);
    expect(report).toMatchObject({
      ok: false,
      ordersRepeated: 2,
      failedOrders: [{ invoice: '536370', reason: 'IDEMPOTENCY_KEY_REUSED' }],
    });
  });

  test('gives as much stock as the file sells, where asked to', async () => {
    const other = join(folder, 'other.csv');
    await writeFile(other, 'Order,Art,Pcs,Each\n1,NEW-1,7,1.00\n2,NEW-1,3,1.00\n');
    const map = ['invoice=Order', 'sku=Art', 'quantity=Pcs', 'price=Each'];
    const report = await imported(
      { map, currency: 'EUR', source: 'other', createProducts: true, stockAsNeeded: true },
      other,
    );
    expect(report.toJSON()).toMatchObject({
      ok: true,
      statuses: { COMPLETED: 2 },
      totals: [{ currency: 'EUR', orders: '10.00' }],
    });
    expect(await system.database.query("select on_hand, reserved from inventory.stock where sku = 'NEW-1'")).toEqual([
      { on_hand: 0, reserved: 0 },
    ]);
  });

  test('stops at a key that the system does not know', async () => {
    await expect(imported({ key: 'wrong', createProducts: true })).rejects.toThrow('API key');
  });

  test('leaves a system in which everything agrees', async () => {
    await system.settle();
    const report = await runAudit({}, { ...env, DATABASE_URL: system.databaseUrl });
    expect(report.checks.filter((check) => check.violations > 0 || check.skipped !== undefined)).toEqual([]);
    expect(report.orders).toBe(5);
  });
});
