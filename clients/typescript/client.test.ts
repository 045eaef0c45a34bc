import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type * as Client from './src/client.ts';

/** The package as customers get it: built, and without anything of this repository beside it. */

const SOURCE = join(import.meta.dirname, 'src');

describe('the package', () => {
  let folder: string;
  let built: typeof Client;
  let server: Server | undefined;
  const requests: (IncomingMessage & { text: string })[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'olms-client-'));
    const compiler = join(import.meta.dirname, '../../node_modules/.bin/tsc');
    execFileSync(compiler, ['--project', import.meta.dirname, '--outDir', folder], { encoding: 'utf8' });
    built = (await import(pathToFileURL(join(folder, 'client.js')).href)) as typeof Client;
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
    requests.length = 0;
  });

  type Reply = 'cut' | { status: number; headers?: Record<string, string>; body?: unknown };
  async function against(...replies: Reply[]): Promise<Client.OlmsClient> {
    server = createServer(async (request, response) => {
      const text = (await Array.fromAsync(request)).join('');
      const reply = replies[requests.push(Object.assign(request, { text })) - 1] ?? replies.at(-1)!;
      if (reply === 'cut') return void request.socket.destroy();
      response.writeHead(reply.status, { 'content-type': 'application/json', ...reply.headers });
      response.end(reply.body === undefined ? '' : JSON.stringify(reply.body));
    });
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
    return new built.OlmsClient({
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/api/`,
      key: 'secret',
    });
  }

  test('imports nothing but its own files', () => {
    for (const file of readdirSync(SOURCE)) {
      const imports = [...readFileSync(join(SOURCE, file), 'utf8').matchAll(/from '([^']+)'/g)].map(
        ([, from]) => from!,
      );
      expect(imports.filter((from) => !from.startsWith('./'))).toEqual([]);
    }
  });

  test('fills the path, asks by query, sends a body, and answers what was said', async () => {
    const api = await against({ status: 200, body: { id: '1', status: 'PAID' } });
    const headers: (string | null)[] = [];
    const order = await api.amendOrder(
      { id: 'a/b' },
      { reference: 'R-1' },
      { headers: { 'If-Match': '"3"' }, onAnswer: (answer) => headers.push(answer.headers.get('content-type')) },
    );
    expect(order.status).toBe('PAID');
    expect(requests[0]).toMatchObject({
      method: 'PATCH',
      url: '/api/orders/a%2Fb',
      text: '{"reference":"R-1"}',
      headers: { authorization: 'Bearer secret', 'if-match': '"3"', 'content-type': 'application/json' },
    });
    expect(headers).toEqual(['application/json']);
    await api.readOrder({ id: '1', asOf: '2026-11-22T12:00:00+01:00' });
    expect(requests[1]).toMatchObject({ method: 'GET', url: '/api/orders/1?asOf=2026-11-22T12%3A00%3A00%2B01%3A00' });
  });

  test('repeats a change under one key until it is answered, and another change has another key', async () => {
    const busy: Reply = { status: 503, headers: { 'retry-after': '0' } };
    const api = await against(busy, 'cut', { status: 429, headers: { 'retry-after': '0' } }, { status: 200, body: {} });
    await api.cancelOrder({ id: '1' });
    const keys = requests.map((request) => request.headers['idempotency-key']);
    expect(keys).toHaveLength(4);
    expect(new Set(keys).size).toBe(1);
    await api.cancelOrder({ id: '1' }, {}, { idempotencyKey: 'mine' });
    await api.cancelOrder({ id: '1' });
    expect(requests[4]!.headers['idempotency-key']).toBe('mine');
    expect(requests[5]!.headers['idempotency-key']).not.toBe(keys[0]);
  });

  test('waits as long as Retry-After says, and no longer than its patience', async () => {
    const api = await against({ status: 503, headers: { 'retry-after': '1' }, body: { code: 'OVERLOADED' } });
    const startedMs = performance.now();
    await expect(api.readDashboard({ patienceMs: 1_500 })).rejects.toMatchObject({ status: 503, code: 'OVERLOADED' });
    expect(requests).toHaveLength(2);
    expect(performance.now() - startedMs).toBeGreaterThan(700);
  });

  test('ends after the attempts it was given, and does not repeat what has no key', async () => {
    const api = await against({ status: 503, headers: { 'retry-after': '0' } });
    await expect(api.readDashboard()).rejects.toThrow(built.Problem);
    expect(requests).toHaveLength(20);
    await expect(api.receiveWebhook({ provider: 'sandbox' }, {})).rejects.toThrow(built.Problem);
    expect(requests).toHaveLength(21);
  });

  test('gives an attempt up that takes too long, and says so', async () => {
    const gone = new built.OlmsClient({
      url: 'http://127.0.0.1:1',
      timeoutMs: 20,
      patienceMs: 0,
      async fetch(_, { signal }) {
        signal.throwIfAborted();
        await once(signal, 'abort');
        throw signal.reason;
      },
    });
    await expect(gone.readDashboard()).rejects.toThrow(built.UnreachableError);
    await expect(gone.readDashboard({ signal: AbortSignal.abort(new Error('stop')) })).rejects.toThrow('stop');
  });

  test('throws a refusal as an error with everything that the system said', async () => {
    const problem = {
      type: '/docs/errors#VALIDATION_FAILED',
      title: 'The request does not match the schema',
      status: 400,
      detail: 'one field is wrong',
      code: 'VALIDATION_FAILED',
      correlationId: 'c-1',
      errors: [{ pointer: '/currency', detail: 'must match pattern' }],
    };
    const api = await against({ status: 400, body: problem }, { status: 502 });
    const refused = await api.cancelOrder({ id: '1' }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(built.Problem);
    const { type, ...members } = problem;
    expect(refused).toMatchObject({ ...members, name: 'Problem', message: 'one field is wrong', problem });
    expect((refused as Client.Problem).problem['type']).toBe(type);
    expect(requests).toHaveLength(1);
    await expect(api.readDashboard({ patienceMs: 0 })).rejects.toMatchObject({ code: 'HTTP_502', message: 'HTTP 502' });
  });

  test('reads a list to its end by its cursors, page by page, or its first page alone', async () => {
    const pages: Reply[] = [
      { status: 200, body: { items: [{ id: 'a' }, { id: 'b' }], nextCursor: 'n' } },
      { status: 200, body: { items: [{ id: 'c' }], nextCursor: null } },
    ];
    const api = await against(...pages, ...pages);
    const ids: string[] = [];
    for await (const { id } of api.listOrders({ status: 'PAID', limit: 2 })) ids.push(id);
    expect(ids).toEqual(['a', 'b', 'c']);
    expect(requests.map(({ url }) => url)).toEqual([
      '/api/orders?status=PAID&limit=2',
      '/api/orders?status=PAID&limit=2&cursor=n',
    ]);
    expect((await api.listOrders()).items).toHaveLength(2);
    expect(requests).toHaveLength(3);
  });

  test('needs no more of a browser than fetch, and no type of Node', () => {
    const settings = JSON.parse(readFileSync(join(import.meta.dirname, 'tsconfig.json'), 'utf8')) as {
      compilerOptions: { types: string[] };
    };
    expect(settings.compilerOptions.types).toEqual([]);
  });
});
