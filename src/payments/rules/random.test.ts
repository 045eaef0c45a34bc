import { expect, test } from 'vitest';
import { amountMinor } from '#contracts/money.ts';
import { payment } from '#tests/support/payment-story.ts';
import { nextAttemptOf, type PaymentEffect } from './model.ts';
import type { Operation, ProviderResult } from './operation.ts';

/** A provider that acts on each key once, and whose replies get lost in every way a seed can think of. */
class RandomProvider {
  #seed: number;
  readonly charges = new Set<string>();
  captured = 0n;
  authorized = 0n;
  voided = 0n;
  refunded = 0n;
  readonly #facts = new Map<string, ProviderResult>();
  constructor(seed: number) {
    this.#seed = seed;
  }

  chance(share: number): boolean {
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#seed / 2 ** 32 < share;
  }

  #act(operation: Operation): ProviderResult {
    const known = this.#facts.get(operation.key);
    if (known) return known;
    if (this.chance(0.15)) return this.#note(operation, { type: 'declined', reason: 'no' });
    const amount = amountMinor(operation.amount, 'EUR');
    if (operation.kind === 'charge' || operation.kind === 'authorize') {
      this.charges.add(operation.key);
      this.authorized += amount;
    }
    if (operation.kind === 'charge' || operation.kind === 'capture') this.captured += amount;
    if (operation.kind === 'void') this.voided += amount;
    if (operation.kind === 'refund') this.refunded += amount;
    return this.#note(operation, { type: 'approved', reference: 'r' });
  }

  #note({ key }: Operation, fact: ProviderResult): ProviderResult {
    this.#facts.set(key, fact);
    return fact;
  }

  /** What becomes known of a call; undefined: nothing, as after a crash. */
  answer({ call, operation }: PaymentEffect, calm: boolean): ProviderResult | undefined {
    const lost: ProviderResult | undefined = this.chance(0.5) ? { type: 'unknown', reason: 'timeout' } : undefined;
    if (call === 'find') {
      return !calm && this.chance(0.3) ? lost : (this.#facts.get(operation.key) ?? { type: 'not_found' });
    }
    if (!calm && this.chance(0.15)) return { type: 'unknown', reason: 'provider unavailable', unsent: true };
    if (!calm && this.chance(0.2)) return lost;
    const fact = this.#act(operation);
    return !calm && this.chance(0.3) ? lost : fact;
  }

  get held(): bigint {
    return this.authorized - this.voided - this.refunded;
  }
}

const seeds = Array.from({ length: 300 }, (_, seed) => seed);

test.each(seeds)('whatever the provider does, its books and ours agree in the end (seed %i)', (seed) => {
  const provider = new RandomProvider(seed * 7_919 + 1);
  const s = payment({ capture: provider.chance(0.5) ? 'automatic' : 'on_dispatch' });
  let calls: PaymentEffect[] = [];
  const emitted: string[] = [];
  const note = (): void => {
    calls.push(...s.effects);
    emitted.push(...s.events.map((event) => event.type));
  };
  s.paymentRequested();
  note();
  let cancelled = false;
  for (let step = 0; step < 400; step++) {
    const calm = step > 40;
    if (!calm && !cancelled && provider.chance(0.1)) {
      cancelled = true;
      s.orderCancelled();
      note();
    } else if (!calm && !cancelled && s.payment.authorized > 0n && provider.chance(0.2)) {
      if (provider.chance(0.3)) s.orderPartiallyShipped('3.00');
      else if (provider.chance(0.4)) s.orderShipped(provider.chance(0.5) ? '7.00' : undefined);
      else s.refundRequested('3.00', `0192f0c1-0000-7000-8000-${String(step).padStart(12, '0')}`);
      note();
    }
    const call = calls.shift();
    const result = call && provider.answer(call, calm);
    if (call && result) {
      for (let reports = provider.chance(0.2) ? 2 : 1; reports > 0; reports--) {
        // Of a key that was replaced meanwhile nothing is known any more.
        const { key } = call.operation;
        if (!s.payment.operations.some((operation) => operation.key === key)) break;
        s.reportedBy(call, result);
        note();
      }
    }
    if (calls.length === 0) {
      const next = nextAttemptOf(s.payment);
      if (next === undefined && calm) break;
      if (next === undefined || next <= s.nowMs) continue;
      s.later(next - s.nowMs);
      note();
    }
    // A crash forgets the calls that were not made.
    if (!calm && provider.chance(0.05)) calls = [];
  }
  expect(nextAttemptOf(s.payment), 'every outcome is known').toBeUndefined();
  expect(provider.charges.size).toBeLessThanOrEqual(1);
  const { authorized, captured, voided, refunded } = provider;
  expect(s.payment).toMatchObject({ authorized, captured, voided, refunded });
  if (cancelled) expect(provider.held).toBe(0n);
  expect(emitted.filter((type) => type === 'PaymentPending').length).toBeLessThanOrEqual(1);
  expect(emitted.filter((type) => type === 'PaymentSucceeded').length).toBe(provider.charges.size);
});
