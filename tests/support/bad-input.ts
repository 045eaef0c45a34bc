import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { beforeAll, expect, test } from 'vitest';
import type { Answer, CallOptions } from './api.ts';
import { useSystem } from './system.ts';
import { until } from './until.ts';
import type { ProblemDetails } from '#client/client.ts';
import type { Stock } from './views.ts';

/** Input of every wrong kind: a clear problem, never a 500, and nothing changed. */

export const VALID_ID = '0192f0c1-2a3b-7c4d-8e5f-0123456789ab';
export const SCHEMA = [400, 'VALIDATION_FAILED'] as const;

interface Snapshot {
  readonly total: number;
  readonly charges: number;
  readonly stock: Stock;
  readonly stocks: readonly Stock[];
  readonly ofCustomer: number;
  readonly order: unknown;
  readonly events: number;
}

/** What is there before the first bad request. */
interface Given {
  readonly sku: string;
  readonly productId: string;
  /** Waits for its review, so that nothing happens to it by itself. */
  readonly orderId: string;
}

/** A system with one product and one order, which no test of the file may change. */
export function useBadInput(): {
  readonly system: ReturnType<typeof useSystem>;
  readonly customerId: string;
  given(): Given;
  post(body: unknown, options?: CallOptions): Promise<Answer>;
  /** To be called after all tests: whatever a refused request may have set going will have happened by then. */
  testThatNothingChanged(): void;
} {
  const system = useSystem();
  const customerId = randomUUID();
  let given: Given;
  let before: Snapshot;

  beforeAll(async () => {
    const { api } = system;
    const sku = await api.product(1_000);
    const { id: productId } = await api.get<{ id: string }>(`/products/${sku}`);
    const { id: orderId } = await api.placeOrder({ sku, requiresReview: true, customerId });
    given = { sku, productId, orderId };
    await api.untilStatus(orderId, 'RESERVED');
    await api.reviewOf(orderId);
    before = await snapshot();
  });

  /** Everything the bad requests could have changed. The dashboard may be a second old, so it is read until it stands still. */
  async function snapshot(): Promise<Snapshot> {
    const { api, provider } = system;
    const stocks: Stock[] = [];
    for (let cursor = ''; ;) {
      const page: { items: Stock[]; nextCursor: string | null } = await api.get(`/stock?limit=200${cursor}`);
      stocks.push(...page.items);
      if (page.nextCursor === null) break;
      cursor = `&cursor=${page.nextCursor}`;
    }
    const readAt = Date.now();
    const dashboard = await until('a fresh dashboard', async () => {
      const present = await api.get<{ total: number; at: string }>('/dashboard');
      return Date.parse(present.at) >= readAt && present;
    });
    return {
      total: dashboard.total,
      charges: (await provider.all()).length,
      stock: await api.stock(given.sku),
      stocks,
      ofCustomer: (await api.orders(`customerId=${customerId}&limit=200`)).items.length,
      order: await api.order(given.orderId),
      events: (await api.events(given.orderId)).length,
    };
  }

  return {
    system,
    customerId,
    given: () => given,
    post: (body, options = {}) => system.api.call('POST', '/orders', { body, key: randomUUID(), ...options }),
    testThatNothingChanged() {
      test('all of this has changed nothing: no order, no event, no stock, no charge', async () => {
        expect(await snapshot()).toEqual(before);
      });
    },
  };
}

export function expectProblem(answer: Answer, status: number, code: string, pointer?: string): void {
  const what = `${answer.status} ${answer.text.slice(0, 400)}`;
  expect(answer.status, what).toBe(status);
  expect(String(answer.headers['content-type']), what).toContain('application/problem+json');
  const problem = answer.body as ProblemDetails;
  expect(problem.code, what).toBe(code);
  expect(problem.status).toBe(status);
  expect(problem.title).not.toBe('');
  expect(problem.detail).not.toBe('');
  expect(problem.correlationId).toBe(answer.headers['x-correlation-id']);
  // Nothing of our insides is shown.
  expect(answer.text).not.toMatch(/node_modules|\.ts:|select |insert |relation "/);
  if (pointer !== undefined)
    expect(
      problem.errors?.map((error) => error.pointer),
      what,
    ).toContain(pointer);
}

/** Sends bytes as they are and resolves with what comes back until the other side closes, says enough, or is silent for so long. */
export function rawRequest(url: string, bytes: string, silenceMs = 5_000): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    let received = '';
    const finish = (): void => {
      socket.destroy();
      resolve(received);
    };
    socket.setTimeout(silenceMs, finish);
    socket.on('data', (chunk) => {
      received += chunk.toString();
      const end = received.indexOf('\r\n\r\n');
      const length = /content-length: (\d+)/i.exec(received)?.[1];
      if (end >= 0 && length !== undefined && Buffer.byteLength(received) >= end + 4 + Number(length)) finish();
    });
    socket.on('close', finish);
    socket.on('error', (error) => (received === '' ? reject(error) : finish()));
  });
}
