import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { System } from '#system/system.ts';
import { runReplay } from '#cli/operate/replay.ts';
import { runAudit } from '#cli/operate/audit.ts';
import { type ImportOptions, importOrders, runImport } from '#cli/operate/import.ts';
import { FolderSystem } from '#tests/support/folder-system.ts';

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
  '536589,21777,,-10,2010-12-01 16:50:00,0.0,,United Kingdom',
];

describe('an import into a running system', () => {
  let running: FolderSystem;
  let folder: string;
  let file: string;
  let env: Record<string, string>;
  let system: System;

  beforeAll(async () => {
    running = await FolderSystem.start('import-test', { SANDBOX_CARRIER_DELAY_MS: '0' });
    ({ system, env, folder } = running);
    file = join(folder, 'lines.csv');
    await writeFile(file, `${LINES.join('\r\n')}\r\n`);
  });

  afterAll(async () => {
    await running?.remove();
  });

  const imported = (options: ImportOptions = {}, from = file): ReturnType<typeof runImport> =>
    runImport(from, { url: system.url, concurrency: 4, wait: 30, as: 'live', ...options }, env);
  const written = async (name: string, lines: readonly string[]): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, `${lines.join('\n')}\n`);
    return path;
  };
  const counts = async (): Promise<unknown> =>
    system.database.query(
      `select (select count(*)::int from orders.orders) as orders, (select count(*)::int from log.order_outbox) as events,
         (select count(*)::int from inventory.ledger) as movements, (select max(updated_at)::text from inventory.products) as products`,
    );

  test('keeps nothing on a dry run, and says what the system would refuse', async () => {
    const report = await imported({ dryRun: true });
    expect(report.toJSON()).toMatchObject({ dryRun: true, orders: { taken: 0, refused: 6 } });
    expect(report.toText()).toContain('UNKNOWN_SKU');
    expect(report.exitCode).toBe(4);
    const good = await imported({ dryRun: true, createProducts: true });
    expect(good.toJSON()).toMatchObject({ orders: { taken: 4, refused: 2 } });
    expect(good.exitCode).toBe(3);
    expect(await counts()).toMatchObject([{ orders: 0, events: 0 }]);
  });

  test('takes every order once, to the last penny, and twice changes nothing', async () => {
    const path = join(folder, 'report.json');
    const report = await imported({ createProducts: true, stock: 100, report: path });
    expect(report.toJSON()).toMatchObject({
      preset: 'online-retail',
      orders: { taken: 4, repeated: 0, refused: 2 },
      lines: { taken: 7, refused: 2 },
      products: { created: 6, stocked: 6 },
      // 6 × 2.55 + 6 × 3.39 + 0.04 + 24 × 3.75 + 3 × 18 + 80 × 2.55, and free ones; taken back are 27.50 and 10 pieces of nothing
      totals: [{ currency: 'GBP', file: '356.18', taken: '383.68', refused: '-27.50', equal: true }],
      ordersByReason: [
        { reason: 'cancellation', first: ['C536379'] },
        { reason: 'quantity_not_positive', first: ['536589'] },
      ],
      linesByReason: [{ reason: 'quantity_not_positive', first: [5, 10] }],
      statuses: { COMPLETED: 4 },
    });
    expect(report.exitCode).toBe(3);
    const details = JSON.parse(await readFile(path, 'utf8')) as { refusedOrders: unknown[]; orders: unknown };
    expect(details).toMatchObject({
      orders: { taken: 4, refused: 2 },
      refusedOrders: expect.arrayContaining([
        expect.objectContaining({ invoice: '536589', reason: 'quantity_not_positive', detail: 'line 10: -10' }),
      ]),
    });
    await system.settle();
    const before = await counts();
    expect(before).toMatchObject([{ orders: 4 }]);

    const again = await imported({ createProducts: true, stock: 100 });
    expect(again.toJSON()).toMatchObject({
      orders: { taken: 0, repeated: 4, refused: 2 },
      products: { created: 0, stocked: 0 },
      totals: [{ file: '356.18', taken: '383.68', refused: '-27.50', equal: true }],
      statuses: { COMPLETED: 4 },
    });
    await system.settle();
    expect(await counts()).toEqual(before);
  });

  test('has kept lines, references, dates and customers', async () => {
    const [order] = await system.database.query<{ body: unknown; total: string; customer: string }>(
      "select body, trim_scale(total_amount)::text as total, coalesce(customer_id_text, customer_id::text) as customer from orders.orders where reference = '536365'",
    );
    expect(order).toMatchObject({
      total: '35.68',
      customer: '17850',
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
      { sku: '22139', on_hand: 44, reserved: 0 },
      { sku: '22728', on_hand: 76, reserved: 0 },
      { sku: '71053', on_hand: 94, reserved: 0 },
      { sku: '85123A', on_hand: 93, reserved: 0 },
      { sku: 'POST', on_hand: 97, reserved: 0 },
    ]);
  });

  test('names an order whose lines were changed since', async () => {
    const changed = await written(
      'changed.csv',
      LINES.map((line) => line.replace('ALARM CLOCK,24', 'ALARM CLOCK,25')),
    );
    const report = await imported({}, changed);
    expect(report.toJSON()).toMatchObject({
      orders: { taken: 0, repeated: 3, refused: 3 },
      ordersByReason: expect.arrayContaining([
        expect.objectContaining({ reason: 'IDEMPOTENCY_KEY_REUSED', first: ['536370'] }),
      ]),
    });
  });

  test('gives as much stock as the file sells, where asked to', async () => {
    const other = await written('other.csv', ['Order,Art,Pcs,Each', '1,NEW-1,7,1.00', '2,NEW-1,3,1.00']);
    const map = ['invoice=Order', 'sku=Art', 'quantity=Pcs', 'price=Each'];
    const report = await imported(
      { map, currency: 'EUR', source: 'other', createProducts: true, stockAsNeeded: true },
      other,
    );
    expect(report.toJSON()).toMatchObject({
      ok: true,
      statuses: { COMPLETED: 2 },
      totals: [{ currency: 'EUR', file: '10.00', taken: '10.00', refused: '0.00' }],
    });
    expect(report.exitCode).toBe(0);
    expect(await system.database.query("select on_hand, reserved from inventory.stock where sku = 'NEW-1'")).toEqual([
      { on_hand: 0, reserved: 0 },
    ]);
  });

  test('records history with its ends, its times and its money, and does nothing about it', async () => {
    const history = await written('history.csv', [
      'Order Number,Order Status,Order Date,Email (Billing),SKU,Item Name,Quantity,Item Cost,Order Total Amount,Order Refund Amount,Order Currency',
      '9001,completed,2019-03-05 10:00,a@b.c,GONE,Gone,2,10.00,20.00,5.00,EUR',
      '9002,cancelled,2019-03-06 10:00,a@b.c,GONE,Gone,1,10.00,10.00,0,EUR',
      '9003,processing,2019-03-06 10:00,a@b.c,GONE,Gone,1,10.00,10.00,0,EUR',
    ]);
    const options = { as: 'history', source: 'old-shop', timeZone: 'Europe/Berlin' };
    const report = await imported(options, history);
    expect(report.toJSON()).toMatchObject({
      orders: { taken: 2, refused: 1 },
      totals: [{ currency: 'EUR', file: '40.00', taken: '30.00', refused: '10.00' }],
      statuses: { COMPLETED: 1, CANCELLED: 1 },
      ordersByReason: [{ reason: 'still_open', meaning: expect.stringContaining('--as open') }],
    });
    await system.settle();
    const stored = await system.database.query(
      `select o.reference, s.status, s.payment_status, s.updated_at::text as at, p.provider, trim_scale(p.captured)::text as captured, trim_scale(p.refunded)::text as refunded
       from orders.orders o join orders.order_states s on s.order_id = o.id left join payments.payments p on p.order_id = o.id
       where o.channel = 'old-shop' order by 1`,
    );
    expect(stored).toMatchObject([
      {
        reference: '9001',
        status: 'COMPLETED',
        payment_status: 'PARTIALLY_REFUNDED',
        provider: 'external',
        captured: '20',
        refunded: '5',
      },
      { reference: '9002', status: 'CANCELLED', payment_status: 'NONE', provider: null },
    ]);
    expect((stored[0] as { at: string }).at).toContain('2019-03-05 09:00:00');
    const [did] = await system.database.query(
      `select (select count(*)::int from notifications.notifications n join orders.orders o on o.id = n.order_id where o.channel = 'old-shop') as mails,
        (select count(*)::int from billing.invoices i join orders.orders o on o.id = i.order_id where o.channel = 'old-shop') as invoices`,
    );
    expect(did).toEqual({ mails: 0, invoices: 0 });
    const again = await imported(options, history);
    expect(again.toJSON()).toMatchObject({ orders: { taken: 0, repeated: 2, refused: 1 } });
    const asOpen = await imported({ ...options, as: 'open', createProducts: true, stock: 10 }, history);
    expect(asOpen.toJSON()).toMatchObject({ orders: { taken: 1, refused: 2 }, statuses: { COMPLETED: 1 } });
  });

  test.each([
    ['without --as', { as: undefined }, undefined, 2, '--as history'],
    ['with a word that is none of the three', { as: 'old' }, undefined, 2, 'none of the three'],
    ['of a file that is not there', {}, 'nowhere.csv', 2, 'There is no file'],
    ['with a report that cannot be written', { report: '/nowhere/report.json' }, undefined, 2, 'cannot be written'],
    ['into a system that is away', { url: 'http://127.0.0.1:9' }, undefined, 5, 'Is the system running?'],
    ['of a file of which nothing can be taken', { as: 'open', source: 'x' }, undefined, 4, ''],
    ['of an empty file', {}, 'empty.csv', 4, 'is empty'],
  ])('%s ends with its exit code', async (_, options, name, code, message) => {
    await writeFile(join(folder, 'empty.csv'), '');
    const before = await counts();
    const from =
      name === undefined
        ? await written('unknown.csv', [LINES[0]!, '1,NOT-THERE,x,1,2010-12-01,1,,'])
        : join(folder, name);
    const errors: string[] = [];
    const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => errors.push(String(text)) > 0);
    const out = vi.spyOn(process.stdout, 'write').mockImplementation(() => true);
    try {
      await importOrders(from, { url: system.url, as: 'live', ...options } as ImportOptions, env);
      expect(process.exitCode).toBe(code);
    } finally {
      process.exitCode = undefined;
      write.mockRestore();
      out.mockRestore();
    }
    expect(errors.join('')).toContain(message);
    expect(await counts()).toEqual(before);
  });

  test('stops at a key that the system does not know', async () => {
    await expect(imported({ key: 'wrong', createProducts: true })).rejects.toThrow('API key');
  });

  test('leaves a system in which everything agrees', async () => {
    await system.settle();
    const report = await runAudit({}, { ...env, DATABASE_URL: system.databaseUrl });
    expect(report.checks.filter((check) => check.violations > 0)).toEqual([]);
    expect(report.orders).toBe(9);
  });

  test.each(['orders', 'notifications', 'billing'])('can be rebuilt from its log: %s', async (service) => {
    await system.settle();
    const report = await runReplay(
      { service, rebuild: true, dryRun: true },
      { ...env, DATABASE_URL: system.databaseUrl },
    );
    expect(report).toMatchObject({ kind: 'rebuild', differences: 0 });
  });

  test.each(['orders', 'inventory', 'payments', 'shipping', 'reviews', 'notifications', 'billing'])(
    'does nothing again where it is read again: %s',
    async (service) => {
      const report = await runReplay(
        { service, from: 'start', dryRun: true },
        { ...env, DATABASE_URL: system.databaseUrl },
      );
      expect(report).toMatchObject({ kind: 'dry-run', orders: 0 });
    },
  );
});
