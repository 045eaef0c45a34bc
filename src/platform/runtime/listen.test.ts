import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { listenError, urlOf } from './listen.ts';

describe('an address to listen on', () => {
  test.each([
    ['127.0.0.1', 'http://127.0.0.1:80'],
    ['0.0.0.0', 'http://127.0.0.1:80'],
    ['localhost', 'http://localhost:80'],
    ['::', 'http://[::1]:80'],
    ['::1', 'http://[::1]:80'],
    ['fe80::1', 'http://[fe80::1]:80'],
    ['[::1]', 'http://[::1]:80'],
  ])('%s is reached as %s', (host, url) => {
    expect(urlOf(host, 80)).toBe(url);
    expect(URL.canParse(url)).toBe(true);
  });

  test('that is in use names its setting and what to do', async () => {
    const first = createServer();
    await new Promise<void>((resolve) => first.listen(0, '127.0.0.1', resolve));
    const { port } = first.address() as { port: number };
    const failed = await new Promise<unknown>((resolve) =>
      createServer().once('error', resolve).listen(port, '127.0.0.1'),
    );
    const error = listenError(failed, { host: '127.0.0.1', port, portSetting: 'PORT' }) as Error & { code: string };
    expect(error.message).toBe(
      `Configuration: port ${port} is in use (PORT). Set PORT to a free port, or stop what listens there.`,
    );
    expect(error.code).toBe('EADDRINUSE');
    await new Promise((resolve) => first.close(resolve));
    const other = new Error('other');
    expect(listenError(other, { host: 'x', port, portSetting: 'PORT' })).toBe(other);
  });
});
