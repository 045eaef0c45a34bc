import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { gatewayConfig } from '#gateway/settings.ts';
import { inProductionByDefault, isProduction } from '#platform/runtime/settings.ts';
import { standInsOf } from './start.ts';

/** What starts in production, and what is said of what is not the real thing. */

const run = promisify(execFile);
const MAIN = fileURLToPath(new URL('../../main.ts', import.meta.url));

describe('olms start', () => {
  test('is in production unless somebody says otherwise', () => {
    expect(isProduction(inProductionByDefault({}))).toBe(true);
    expect(isProduction(inProductionByDefault({ OLMS_ENV: '' }))).toBe(true);
    for (const OLMS_ENV of ['development', 'test'])
      expect(isProduction(inProductionByDefault({ OLMS_ENV }))).toBe(false);
    expect(() => inProductionByDefault({ OLMS_ENV: 'prod' })).toThrow('OLMS_ENV');
  });

  test('says what is not the real thing, and nothing of what is', () => {
    const all = ['gateway', 'payments', 'shipping', 'notifications', 'orders'];
    const of = (env: Record<string, string>): string[] =>
      standInsOf(env, all).map((standIn) => standIn.slice(0, standIn.indexOf(':')));
    expect(of({ OLMS_ENV: 'development' })).toEqual(['database', 'payments', 'parcels', 'mails', 'API keys']);
    expect(of({ OLMS_ENV: 'production' })).toEqual(['database', 'payments', 'mails', 'API keys']);
    expect(standInsOf({ OLMS_ENV: 'production' }, ['payments']).join()).toContain('no provider is configured');
    expect(standInsOf({ OLMS_ENV: 'production', SANDBOX_ENABLED: 'true' }, ['payments']).join()).toContain(
      'play money',
    );
    const real = {
      DATABASE_URL: 'postgres://db/olms',
      OLMS_BOOTSTRAP_API_KEY: 'k'.repeat(32),
      SMTP_URL: 'smtp://mail',
    };
    expect(of({ OLMS_ENV: 'production', ...real })).toEqual(['payments']);
  });
});

test('a bootstrap key that could be guessed is refused in production alone', () => {
  const config = (OLMS_ENV: string, length: number): unknown =>
    gatewayConfig({ OLMS_ENV, OLMS_BOOTSTRAP_API_KEY: 'k'.repeat(length) });
  for (const length of [1, 31]) expect(() => config('production', length)).toThrow('at least 32 characters');
  expect(config('production', 32)).toBeTruthy();
  expect(config('development', 1)).toBeTruthy();
});

test.each(['dev'])('olms %s refuses to run in production, and makes no key', async (command) => {
  const env = { PATH: process.env['PATH'], OLMS_ENV: 'production', OLMS_DATA: '/nonexistent/olms' };
  const failed = run(process.execPath, [MAIN, command], { env, timeout: 30_000 });
  await expect(failed).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('Run bin/olms start') });
});
