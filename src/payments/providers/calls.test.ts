import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createLogger } from '#platform/telemetry/logger.ts';
import { paymentsMetrics } from '../metrics.ts';
import { createMetrics } from '#platform/telemetry/metrics.ts';
import { until } from '#tests/support/until.ts';
import { ProviderCalls } from './calls.ts';
import type { PaymentProvider } from './port.ts';
import type { PaymentEffect } from '../rules/model.ts';
import type { ProviderResult } from '../rules/operation.ts';

const CONCURRENCY = 3;
const EFFECTS = 20;

function effect(number: number): PaymentEffect {
  const orderId = `0192f0c1-0000-7000-8000-${String(number).padStart(12, '0')}`;
  return {
    call: 'send',
    orderId,
    provider: 'sandbox',
    token: 'tok_approve',
    currency: 'EUR',
    chargeReference: undefined,
    unwanted: false,
    expiresAt: Number.POSITIVE_INFINITY,
    operation: {
      id: orderId,
      kind: 'charge',
      amount: '9.95',
      key: `key-${number}`,
      state: 'pending',
      calls: 1,
      attempts: 0,
      refusals: 0,
      correlationid: orderId,
    },
  };
}

test('saving an outcome keeps no call waiting, and no more calls are in flight than allowed', async () => {
  let inFlight = 0;
  let mostInFlight = 0;
  let called = 0;
  const saved: (() => void)[] = [];
  const charge = async (): Promise<ProviderResult> => {
    mostInFlight = Math.max(mostInFlight, ++inFlight);
    called++;
    await sleep(2);
    inFlight--;
    return { type: 'approved', reference: 'ch_1' };
  };
  const refuse = (): Promise<never> => Promise.reject(new Error('is not called'));
  const provider: PaymentProvider = {
    name: 'sandbox',
    charge,
    authorize: refuse,
    capture: refuse,
    void: refuse,
    refund: refuse,
    find: refuse,
    probe: refuse,
    webhooks: undefined,
    close: async () => {},
  };
  const calls = new ProviderCalls({
    providers: new Map([['sandbox', provider]]),
    concurrency: CONCURRENCY,
    queueMax: EFFECTS,
    breakerOpenMs: 1_000,
    nowMs: () => 0,
    logger: createLogger('silent'),
    metrics: paymentsMetrics(createMetrics()),
    onOutcome: () => new Promise<void>((resolve) => saved.push(resolve)),
  });
  calls.perform(Array.from({ length: EFFECTS }, (_, number) => effect(number)));
  await until('every call to have been answered while no outcome is saved', () => saved.length === EFFECTS);
  expect(called).toBe(EFFECTS);
  expect(mostInFlight).toBe(CONCURRENCY);
  expect(calls.busy).toBe(true);
  for (const done of saved) done();
  await calls.idle();
  expect(calls.busy).toBe(false);
});

test('a provider that hangs takes no place from another', async () => {
  const refuse = (): Promise<never> => Promise.reject(new Error('is not called'));
  const others = { authorize: refuse, capture: refuse, void: refuse, refund: refuse, find: refuse, probe: refuse };
  const providerNamed = (name: string, charge: PaymentProvider['charge']): PaymentProvider => ({
    ...others,
    name,
    charge,
    webhooks: undefined,
    close: async () => {},
  });
  let recover = (): void => {};
  const recovered = new Promise<void>((resolve) => (recover = resolve));
  const approved: ProviderResult = { type: 'approved', reference: 'ch_1' };
  const settled: string[] = [];
  const calls = new ProviderCalls({
    providers: new Map([
      ['hangs', providerNamed('hangs', () => recovered.then(() => approved))],
      ['answers', providerNamed('answers', async () => approved)],
    ]),
    concurrency: CONCURRENCY,
    queueMax: EFFECTS,
    breakerOpenMs: 1_000,
    nowMs: () => 0,
    logger: createLogger('silent'),
    metrics: paymentsMetrics(createMetrics()),
    onOutcome: async ({ provider }) => settled.push(provider),
  });
  const effects = (provider: string): PaymentEffect[] =>
    Array.from({ length: EFFECTS }, (_, number) => ({ ...effect(number), provider }));
  calls.perform(effects('hangs'));
  calls.perform(effects('answers'));
  await until('every order of the other provider to be settled', () => settled.length === EFFECTS);
  expect(new Set(settled)).toEqual(new Set(['answers']));
  expect([await calls.room('hangs'), await calls.room('answers')]).toEqual([CONCURRENCY, 2 * CONCURRENCY]);
  recover();
  await calls.idle();
  expect(settled.filter((provider) => provider === 'hangs')).toHaveLength(EFFECTS);
});
