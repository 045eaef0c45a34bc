import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Problem } from '#platform/http/problems.ts';
import { createHttp } from '#platform/http/server.ts';
import { createLogger, type Logger } from '#platform/telemetry/logger.ts';
import { createMetrics } from '#platform/telemetry/metrics.ts';
import { until } from '#tests/support/until.ts';
import { FREE_REFUSALS, keyPrefix } from './guesses.ts';

const KNOWN = 'olms_known-key-of-somebody';
const UNKNOWN = `olms_AbC-${'s'.repeat(39)}`;

describe('a request that is refused before its body has come', () => {
  const app = createHttp({ logger: createLogger('silent'), metrics: createMetrics(), authenticate: () => undefined });
  const accepted: Socket[] = [];
  let port = 0;
  beforeAll(async () => {
    const onRequest = async (): Promise<void> => {
      throw new Problem('WEBHOOK_SIGNATURE_INVALID', 'Not signed.');
    };
    app.post('/refused', { config: { public: true }, onRequest }, async () => ({}));
    app.server.on('connection', (socket: Socket) => accepted.push(socket));
    await app.listen({ port: 0, host: '127.0.0.1' });
    ({ port } = app.server.address() as { port: number });
  });
  afterAll(() => app.close());

  const send = (length: number | 'chunked'): { client: Socket; heard: () => string } => {
    const client = connect(port, '127.0.0.1');
    let heard = '';
    client.on('data', (chunk) => (heard += String(chunk)));
    client.on('error', () => {});
    const framing = length === 'chunked' ? 'transfer-encoding: chunked' : `content-length: ${length}`;
    client.write(`POST /refused HTTP/1.1\r\nhost: x\r\n${framing}\r\n\r\n`);
    return { client, heard: () => heard };
  };

  test.each([8_000_001, 'chunked' as const])(
    'is not read on, is answered, and loses its connection: %s',
    async (length) => {
      const { client, heard } = send(length);
      if (length === 'chunked') client.write('7a1200\r\n');
      client.write(Buffer.alloc(8_000_000, 'x'));
      await until('the answer', () => heard().includes('WEBHOOK_SIGNATURE_INVALID'));
      await until('the end of its connection', () => client.closed);
      const server = accepted.at(-1)!;
      // What had come before the answer, and what was under way into memory then.
      expect(server.bytesRead).toBeLessThan(512 * 1024);
    },
  );

  test('keeps its connection where the rest is small and comes', async () => {
    const { client, heard } = send(1_000);
    await until('the answer', () => heard().includes('WEBHOOK_SIGNATURE_INVALID'));
    client.write('x'.repeat(1_000));
    client.write('GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n');
    await until('the next answer', () => heard().includes('There is nothing at this path'));
    client.destroy();
  });
});

describe('keys that open nothing', () => {
  const lines: Record<string, unknown>[] = [];
  const logger = { warn: (line: Record<string, unknown>) => lines.push(line) } as unknown as Logger;
  const app = createHttp({
    logger,
    metrics: createMetrics(),
    authenticate: ({ headers }) =>
      headers.authorization === `Bearer ${KNOWN}` ? { name: 'known', role: 'reader' } : undefined,
  });
  app.get('/something', { config: { permission: 'stock:read' } }, async () => ({}));
  const call = async (key: string): Promise<{ key: string; status: number }> => {
    const { statusCode } = await app.inject({ url: '/something', headers: { authorization: `Bearer ${key}` } });
    return { key, status: statusCode };
  };

  test('leave one line in the log, without the key, and are answered later the more there were', async () => {
    for (let n = 0; n < FREE_REFUSALS; n++) expect(await call(UNKNOWN)).toEqual({ key: UNKNOWN, status: 401 });
    expect(lines).toEqual([
      {
        route: '/something',
        keyPrefix: 'olms_AbC-',
        correlationId: expect.any(String) as string,
        remoteAddress: '127.0.0.1',
        refused: 1,
      },
    ]);
    // Each of these waits longer than the one before, while a known key at the same address does not wait.
    const answered: string[] = [];
    const note = async (key: string): Promise<void> => void answered.push((await call(key)).key);
    await Promise.all([...Array.from({ length: 20 }, () => note(UNKNOWN)), note(KNOWN)]);
    expect(answered).toEqual([KNOWN, ...Array.from({ length: 20 }, () => UNKNOWN)]);
  });

  test.each([
    [`Bearer ${UNKNOWN}`, 'olms_AbC-'],
    [`bearer  ${UNKNOWN}`, 'olms_AbC-'],
    ['Bearer olms_short', undefined],
    [`Bearer sk_live_${UNKNOWN}`, undefined],
    ['Basic b2xtc186c2VjcmV0c2VjcmV0', undefined],
    [undefined, undefined],
  ])('of %s the log may show %s', (header, prefix) => expect(keyPrefix(header)).toBe(prefix));
});
