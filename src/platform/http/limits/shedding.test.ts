import type { FastifyRequest } from 'fastify';
import { describe, expect, test } from 'vitest';
import type { Principal } from '#platform/http/principal.ts';
import { createMetrics } from '#platform/telemetry/metrics.ts';
import { httpMetrics } from '../metrics.ts';
import { Shedding } from './shedding.ts';

const LATE_MS = 100;
const client: Principal = { name: 'shop', role: 'client' };
const customer: Principal = { name: 'ada', role: 'customer', customer: 'ada' };

function request(method: string, url: string, principal?: Principal, config: object = {}): FastifyRequest {
  return { method, routeOptions: { url, config }, principal: principal ?? null } as unknown as FastifyRequest;
}

const REQUESTS = {
  list: request('GET', '/orders', client),
  export: request('GET', '/exports/orders', client),
  'list of a customer': request('GET', '/orders', customer),
  'list in a document': { ...request('GET', '/orders'), inside: client } as FastifyRequest,
  'order of a customer': request('POST', '/orders', customer),
  'read of a customer': request('GET', '/orders/:id', customer),
  order: request('POST', '/orders', client),
  read: request('GET', '/orders/:id', client),
  'read elsewhere': request('GET', '/orders/*', client),
  document: request('POST', '/graphql', client),
  webhook: request('POST', '/payments/webhooks/:provider', undefined, { public: true }),
  'list of an operator': request('GET', '/orders', { name: 'ops', role: 'operator' }),
  'list of a scoped admin': request('GET', '/orders', { name: 'ops', role: 'scoped', scopes: ['admin'] }),
  'call of a service': request('GET', '/orders', { name: 'service:orders', role: 'service' }),
  health: request('GET', '/health/readiness', undefined, { public: true }),
  metrics: request('GET', '/metrics', undefined, { public: true }),
} as const;
const LISTS = ['list', 'export', 'list of a customer', 'list in a document'];
const CUSTOMERS = ['order of a customer', 'read of a customer'];
const CLIENTS = ['order', 'read', 'read elsewhere', 'document', 'webhook'];

function shedding(lateMs = LATE_MS): {
  readonly load: Shedding;
  readonly wait: (ms: number, seconds: number) => void;
  readonly shed: () => string[];
} {
  const load = new Shedding({ lateMs, waitedMs: () => 0, shed: httpMetrics(createMetrics()).shed });
  const isShed = (one: FastifyRequest): boolean => {
    try {
      load.check(one);
      return false;
    } catch (error) {
      expect(error).toMatchObject({ code: 'OVERLOADED' });
      return true;
    }
  };
  return {
    load,
    wait: (ms, seconds) => {
      for (let n = 0; n < seconds * 10; n++) load.sample(ms, 0.1);
    },
    shed: () =>
      Object.entries(REQUESTS)
        .filter(([, one]) => isShed(one))
        .map(([name]) => name),
  };
}

describe('a process that answers late', () => {
  test.each([
    [LATE_MS - 1, []],
    [LATE_MS, LISTS],
    [2 * LATE_MS, [...LISTS, ...CUSTOMERS]],
    [4 * LATE_MS, [...LISTS, ...CUSTOMERS, ...CLIENTS]],
    [400 * LATE_MS, [...LISTS, ...CUSTOMERS, ...CLIENTS]],
  ])('with requests that wait %i ms sheds %j', (ms, expected) => {
    const { wait, shed } = shedding();
    wait(ms, 5);
    expect(shed()).toEqual(expected);
  });

  test('sheds a part first, and lets them in again one after another', () => {
    const { load, wait } = shedding();
    const refused = (): number => {
      let count = 0;
      for (let n = 0; n < 100; n++) {
        try {
          load.check(REQUESTS.list);
        } catch {
          count++;
        }
      }
      return count;
    };
    wait(LATE_MS, 0.6);
    expect(refused()).toBeGreaterThanOrEqual(49);
    expect(refused()).toBeLessThanOrEqual(51);
    wait(LATE_MS, 1);
    expect(refused()).toBe(100);
    wait(0, 1.5);
    expect(refused()).toBeGreaterThanOrEqual(39);
    expect(refused()).toBeLessThanOrEqual(41);
    wait(0, 2);
    expect(refused()).toBe(0);
  });

  test('sheds nothing for one pause, however long', () => {
    const { load, shed } = shedding();
    for (let n = 0; n < 10; n++) {
      load.sample(10_000, 10);
      load.sample(0, 0.1);
    }
    expect(shed()).toEqual([]);
  });

  test('never sheds where that is switched off', async () => {
    const { load, shed } = shedding(0);
    load.start();
    await new Promise((resolve) => setTimeout(resolve, 250));
    load.stop();
    expect(shed()).toEqual([]);
  });
});
