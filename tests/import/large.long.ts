import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { FolderSystem } from '#tests/support/folder-system.ts';

/** 300,000 lines, 130,000 of them refused, in a heap that could not hold them: a minute of processor time. */

const ORDERS = 1_700;
const LINES_OF_ORDER = 100;
const REFUSED = 130_000;
const HEAP_MB = 64;
const KEY = 'import-large-test-import-large-test';
const LIMIT_MS = 240_000;

test(
  'a large file is imported in constant memory, each refused order named',
  async () => {
    const running = await FolderSystem.start(KEY);
    const { folder, system } = running;
    try {
      const file = join(folder, 'large.csv');
      await writeLarge(file);
      const report = join(folder, 'report.json');
      const child = spawn(
        process.execPath,
        [
          `--max-old-space-size=${HEAP_MB}`,
          'src/main.ts',
          'import',
          'orders',
          file,
          '--as=history',
          '--source=large',
          '--currency=EUR',
          `--url=${system.url}`,
          `--key=${KEY}`,
          '--json',
          `--report=${report}`,
        ],
        { stdio: ['ignore', 'pipe', 'pipe'] },
      );
      const output: string[] = [];
      const errors: string[] = [];
      child.stdout.on('data', (chunk) => output.push(String(chunk)));
      child.stderr.on('data', (chunk) => errors.push(String(chunk)));
      const [code] = (await once(child, 'close')) as [number];
      expect([
        code,
        errors
          .join('')
          .split('\n')
          .filter((line) => line.startsWith('olms:')),
      ]).toEqual([3, []]);
      expect(JSON.parse(output.join(''))).toMatchObject({
        orders: { taken: ORDERS, repeated: 0, refused: REFUSED },
        lines: { taken: ORDERS * LINES_OF_ORDER, refused: REFUSED },
        totals: [{ currency: 'EUR', file: '300000.00', taken: '170000.00', refused: '130000.00', equal: true }],
        ordersByReason: [{ reason: 'no_sku', count: REFUSED }],
      });
      const details = JSON.parse(await readFile(report, 'utf8')) as { refusedOrders: unknown[] };
      expect(details.refusedOrders.length).toBe(REFUSED);
      const [row] = await system.database.query(
        "select count(*)::int as orders from orders.orders where channel = 'large'",
      );
      expect(row).toEqual({ orders: ORDERS });
    } finally {
      await running.remove();
    }
  },
  LIMIT_MS,
);

async function writeLarge(file: string): Promise<void> {
  const stream = createWriteStream(file);
  stream.write('InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n');
  const write = async (text: string): Promise<void> => {
    if (!stream.write(text)) await once(stream, 'drain');
  };
  let refused = 0;
  for (let order = 0; order < ORDERS; order++) {
    for (let line = 0; line < LINES_OF_ORDER; line++)
      await write(`A${order},S${line},an article with a name of some length,1,2019-01-01 10:00:00,1.00,7,France\n`);
    for (; refused < ((order + 1) * REFUSED) / ORDERS - 1e-9; refused++)
      await write(`B${refused},,an article that nobody gave a number,1,2019-01-01 10:00:00,1.00,8,Spain\n`);
  }
  stream.end();
  await once(stream, 'close');
}
