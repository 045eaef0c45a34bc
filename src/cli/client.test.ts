import { createServer, type IncomingMessage, type Server } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { type PlaceOrder, Problem, retryAfterMs, UnreachableError } from '#client/client.ts';
import { ApiClient, connect } from './client.ts';
import { table } from './output.ts';

type Answer = { status: number; headers?: Record<string, string>; body?: unknown } | 'cut';

const ORDER = {} as PlaceOrder;

describe('the client', () => {
  let server: Server | undefined;
  let client: ApiClient | undefined;
  const seen: IncomingMessage[] = [];

  async function against(...answers: Answer[]): Promise<ApiClient> {
    server = createServer((request, response) => {
      seen.push(request);
      const answer = answers[seen.length - 1] ?? answers.at(-1)!;
      if (answer === 'cut') return void request.socket.destroy();
      response.writeHead(answer.status, answer.headers).end(JSON.stringify(answer.body ?? {}));
    });
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
    client = new ApiClient(`http://127.0.0.1:${(server.address() as { port: number }).port}/api/`, 'secret');
    return client;
  }

  afterEach(async () => {
    await client?.close();
    server?.closeAllConnections();
    await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
    seen.length = 0;
    client = server = undefined;
  });

  test('sends its key and finds the API below a path', async () => {
    const answer = await (await against({ status: 200, body: { id: 1 } })).readOrder({ id: 'a b' });
    expect(answer).toEqual({ id: 1 });
    expect(seen[0]).toMatchObject({ url: '/api/orders/a%20b', headers: { authorization: 'Bearer secret' } });
  });

  test('repeats under the same key where the system is overloaded, restarting, or cuts the line', async () => {
    const overloaded: Answer = { status: 503, headers: { 'retry-after': '0' } };
    const busy: Answer = { status: 429, headers: { 'retry-after': '0' } };
    const api = await against(overloaded, 'cut', busy, { status: 500 }, { status: 201, body: { ok: true } });
    expect(await api.placeOrder(ORDER, { patienceMs: 20_000 })).toEqual({ ok: true });
    expect(new Set(seen.map((request) => request.headers['idempotency-key'])).size).toBe(1);
    expect(api.repeats).toBe(4);
  });

  test('does not repeat what was refused', async () => {
    const api = await against({ status: 422, body: { code: 'UNKNOWN_SKU', detail: 'no such thing' } });
    await expect(api.placeOrder(ORDER)).rejects.toMatchObject({
      status: 422,
      code: 'UNKNOWN_SKU',
      message: 'no such thing',
    });
    expect(seen).toHaveLength(1);
  });

  test('gives up when its patience ends', async () => {
    const api = await against({ status: 503, headers: { 'retry-after': '30' }, body: { code: 'OVERLOADED' } });
    await expect(api.listOrders({}, { patienceMs: 1000 })).rejects.toThrow(Problem);
    const gone = new ApiClient('http://127.0.0.1:1', 'key');
    await expect(gone.readDashboard({ patienceMs: 0 })).rejects.toThrow(UnreachableError);
    await gone.close();
  });

  test('reads Retry-After in seconds and as a date, within bounds', () => {
    const now = Date.parse('2026-11-22T12:00:00Z');
    expect(retryAfterMs('2', now)).toBe(2000);
    expect(retryAfterMs('Sun, 22 Nov 2026 12:00:05 GMT', now)).toBe(5000);
    expect(retryAfterMs('Sun, 22 Nov 2026 11:00:00 GMT', now)).toBe(0);
    expect(retryAfterMs('999999', now)).toBe(30_000);
    expect(retryAfterMs('soon', now)).toBeUndefined();
    expect(retryAfterMs(undefined, now)).toBeUndefined();
  });

  test('takes the key from the option, the environment or the data folder', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'olms-client-'));
    try {
      await expect(connect({}, { OLMS_DATA: folder })).rejects.toThrow('--key');
      await writeFile(join(folder, 'api-key'), 'generated\n');
      const found = await connect({}, { OLMS_DATA: folder, PORT: '18081' });
      expect(found.url).toBe('http://127.0.0.1:18081');
      await found.close();
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test('prints tables that no value can break', () => {
    expect(
      table(
        ['a', 'b'],
        [
          ['1\u001b[2J', undefined],
          [{ x: 1 }, 'y'],
        ],
      ),
    ).toBe('a        b\n1 [2J\n{"x":1}  y');
  });
});
