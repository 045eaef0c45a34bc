import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connect } from './client.ts';
import { processIdentity } from '#platform/database/embedded/process-identity.ts';
import { findRunning, recordRunning } from './running.ts';

/** Commands find the system whose data is in a folder, whichever port it has. */

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'olms-running-'))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function urlFor(env: Record<string, string>): Promise<string> {
  const client = await connect({ key: 'k' }, { OLMS_DATA: folder, ...env });
  await client.close();
  return client.url;
}

test('a running system is found by its folder, unless something else is named', async () => {
  expect(findRunning(folder)).toBeUndefined();
  expect(await urlFor({})).toBe('http://127.0.0.1:8080');
  const forget = recordRunning(folder, { url: 'http://[::1]:9063', providerUrl: 'http://127.0.0.1:4011' });
  expect(findRunning(folder)).toEqual({ url: 'http://[::1]:9063', providerUrl: 'http://127.0.0.1:4011' });
  expect(await urlFor({})).toBe('http://[::1]:9063');
  expect(await urlFor({ PORT: '9064' })).toBe('http://127.0.0.1:9064');
  expect(await urlFor({ PORT: '9064', HOST: '::1' })).toBe('http://[::1]:9064');
  expect(await urlFor({ OLMS_URL: 'http://elsewhere:1', PORT: '9064' })).toBe('http://elsewhere:1');
  forget();
  expect(await urlFor({})).toBe('http://127.0.0.1:8080');
});

test('one that died, and a file that is none, are not taken for one that runs', async () => {
  const file = join(folder, 'running.json');
  writeFileSync(file, JSON.stringify({ url: 'http://127.0.0.1:1', process: '4194999@1' }));
  expect(findRunning(folder)).toBeUndefined();
  writeFileSync(file, '{');
  expect(findRunning(folder)).toBeUndefined();
  recordRunning(folder, { url: 'http://127.0.0.1:2' });
  expect(findRunning(folder)?.url).toBe('http://127.0.0.1:2');
});

test('of two on one folder the first stays named, and only it takes its name back', () => {
  const first = JSON.stringify({ url: 'http://127.0.0.1:1', process: processIdentity(process.ppid) });
  writeFileSync(join(folder, 'running.json'), first);
  const forget = recordRunning(folder, { url: 'http://127.0.0.1:2' });
  forget();
  expect(readFileSync(join(folder, 'running.json'), 'utf8')).toBe(first);
  expect(() => recordRunning(join(folder, 'running.json', 'below'), { url: 'http://127.0.0.1:3' })()).not.toThrow();
});
