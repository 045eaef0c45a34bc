import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startServer } from './programs.ts';

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'olms-programs-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const starting = (name: string, command: string, args: readonly string[]): ReturnType<typeof startServer> =>
  startServer({
    name,
    command,
    args,
    cwd: folder,
    logFile: join(folder, `${name}.log`),
    ready: async () => false,
    startTimeoutMs: 1_500,
  });

test('a server that does not answer in time is ended before its place is given to another', async () => {
  const pidFile = join(folder, 'pid');
  await expect(
    starting('Silent', process.execPath, [
      '-e',
      `require('fs').writeFileSync(${JSON.stringify(pidFile)}, String(process.pid)); setInterval(() => {}, 1000)`,
    ]),
  ).rejects.toThrow('Silent did not start: it did not answer within 1.5 s');
  expect(existsSync(pidFile)).toBe(true);
  expect(() => process.kill(Number(readFileSync(pidFile, 'utf8')), 0)).toThrow('ESRCH');
});

test('a server that ends by itself is reported with how it ended', async () => {
  await expect(starting('Brief', process.execPath, ['-e', 'process.exit(3)'])).rejects.toThrow(
    'Brief did not start: it ended with code 3',
  );
});
