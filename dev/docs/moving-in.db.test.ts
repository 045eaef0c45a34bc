import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { System } from '#system/system.ts';
import { FolderSystem } from '#tests/support/folder-system.ts';

/** docs/moving-in.md, followed word by word: every command of its steps is run as it stands. */

const KEY = 'moving-in-test-moving-in-test-key';
const LIMIT_MS = 120_000;

let running: FolderSystem;
let folder: string;
let system: System;
let env: Record<string, string>;

beforeAll(async () => {
  running = await FolderSystem.start(KEY, { SANDBOX_CARRIER_DELAY_MS: '0' });
  ({ system, env, folder } = running);
});

afterAll(async () => {
  await running?.remove();
});

/** The shell blocks of the document, in its order, without what they are indented by. */
async function blocksOf(path: string): Promise<string[]> {
  const text = await readFile(path, 'utf8');
  return [...text.matchAll(/^( *)```sh\n([\s\S]*?)^ *```$/gm)].map(([, indent, block]) =>
    block!.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  );
}

interface Ran {
  readonly code: number;
  readonly output: string;
}

function shell(script: string): Promise<Ran> {
  const variables = {
    ...process.env,
    ...env,
    OLMS_URL: system.url,
    OLMS_API_KEY: KEY,
    DATABASE_URL: system.databaseUrl,
    PATH: `${folder}/path:${process.env['PATH']}`,
  };
  return new Promise((done) => {
    execFile(
      'sh',
      ['-c', script.replaceAll('bin/olms', resolve('bin/olms'))],
      { cwd: folder, env: variables },
      (error, stdout, stderr) => done({ code: error ? Number(error.code) : 0, output: stdout + stderr }),
    );
  });
}

/** What each block must end with, and say. */
const STEPS: readonly (readonly [code: number, ...says: string[]])[] = [
  [0],
  [0, 'products.csv: 2 taken', 'stock.csv: 2 taken'],
  [3, 'dry run', 'still_open', '--as open', '49.65', '29.80', '19.85'],
  [3, 'still_open', 'equal'],
  [3, 'ended', '19.85'],
  [0, '1001', 'COMPLETED', '1002', 'CANCELLED', '1003'],
  [0, '3 orders in all.csv', '3 orders in all.json'],
];

describe('docs/moving-in.md', () => {
  test(
    'can be followed word by word',
    async () => {
      const blocks = await blocksOf('docs/moving-in.md');
      expect(blocks.length).toBe(STEPS.length);
      for (const [index, block] of blocks.entries()) {
        const [code, ...says] = STEPS[index]!;
        const ran = await shell(block);
        expect([block, ran.code, ran.output]).toEqual([block, code, expect.any(String)]);
        for (const text of says) expect(ran.output).toContain(text);
        await system.settle();
      }
    },
    LIMIT_MS,
  );

  test(
    'ends with what it promises: the same file changes nothing, and what was taken out comes in again',
    async () => {
      for (const as of ['history', 'open']) {
        const again = await shell(`bin/olms import orders orders.csv --as ${as} --source old-shop --json`);
        expect(JSON.parse(again.output.replace(/^olms:.*$/gm, ''))).toMatchObject({ orders: { taken: 0 } });
      }
      await system.settle();
      for (const file of ['all.csv', 'all.json']) {
        const source = `again-${file.slice(4)}`;
        const back = await shell(
          `bin/olms import orders ${file} --as history --source ${source} --channel ${source} --json`,
        );
        const report = JSON.parse(back.output) as { orders: { taken: number }; totals: unknown };
        expect([file, report.orders, report.totals]).toMatchObject([
          file,
          { taken: 3, refused: 0 },
          [{ currency: 'EUR', file: '49.65', taken: '49.65' }],
        ]);
      }
      const rows = await system.database.query(
        `select s.status, s.payment_status, trim_scale(o.total_amount)::text as total, count(*)::int as times
         from orders.orders o join orders.order_states s on s.order_id = o.id group by 1, 2, 3 order by 3`,
      );
      expect(rows).toEqual([
        { status: 'COMPLETED', payment_status: 'CAPTURED', total: '19.85', times: 3 },
        { status: 'COMPLETED', payment_status: 'PARTIALLY_REFUNDED', total: '24.8', times: 3 },
        { status: 'CANCELLED', payment_status: 'NONE', total: '5', times: 3 },
      ]);
    },
    LIMIT_MS,
  );
});
