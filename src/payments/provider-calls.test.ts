import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createLogger } from '#platform/telemetry/logger.ts';
import { paymentsMetrics } from './metrics.ts';
import { createMetrics } from '#platform/telemetry/metrics.ts';
import { until } from '#tests/support/until.ts';
import { ProviderCalls } from './provider-calls.ts';
import type { PaymentProvider } from './provider.ts';
import type { PaymentEffect } from './rules/model.ts';
import type { ProviderResult } from './rules/operation.ts';

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
    webhookSecret: undefined,
    readWebhook: () => undefined,
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
