import { strict as assert } from 'node:assert';
import type { EventData } from '#contracts/order-events.ts';
import { isoTime } from '#contracts/time.ts';
import { paymentRules } from '#payments/rules.ts';
import type { Payment, PaymentCommand, PaymentEffect, PaymentRulesOptions } from '#payments/rules/model.ts';
import type { Operation, ProviderResult } from '#payments/rules/operation.ts';
import { RulesStory } from './rules.ts';

const REFUND = '0192f0c1-0000-7000-8000-00000000000f';
export const START_MS = 1_800_000_000_000;

/** The story of one payment: what it reads and which outcomes are reported, what it emits and which calls it makes. */
export class PaymentStory extends RulesStory<Payment, PaymentCommand, PaymentEffect> {
  constructor(options: Partial<PaymentRulesOptions> = {}) {
    super(
      paymentRules({
        capture: 'automatic',
        providers: new Set(['sandbox']),
        timeoutMs: 2_000,
        cancelSafetyMs: 30_000,
        actionMs: 1_800_000,
        ...options,
      }),
      { nowMs: START_MS },
    );
  }

  protected override taken(): void {
    const { state } = this.row;
    if (!state) return;
    assert.ok(state.captured <= state.authorized);
    assert.ok(state.refunded <= state.captured);
    assert.ok(state.captured + state.voided <= state.authorized);
  }

  paymentRequested(change: Partial<EventData<'OrderPaymentRequested'>> = {}): this {
    return this.reads('OrderPaymentRequested', {
      provider: 'sandbox',
      token: 'tok_approve',
      amount: '19.90',
      currency: 'EUR',
      ...change,
    });
  }

  orderCancelled(): this {
    return this.reads('OrderCancelled', { reason: 'changed my mind', by: 'customer' });
  }

  refundRequested(amount: string, refundId = REFUND): this {
    return this.reads('OrderRefundRequested', { refundId, amount, reason: 'return', by: 'operator' });
  }

  /** The last parcel leaves. Without an amount, as the former version said it. */
  orderShipped(amount?: string): this {
    return this.#dispatched('OrderShipped', amount);
  }

  orderPartiallyShipped(amount?: string): this {
    return this.#dispatched('OrderPartiallyShipped', amount);
  }

  #dispatched(type: 'OrderShipped' | 'OrderPartiallyShipped', amount: string | undefined): this {
    return this.reads(type, {
      shipmentId: REFUND,
      carrier: 'sandbox',
      trackingNumber: '1',
      items: [],
      ...(amount !== undefined && { amount }),
      deadlineAt: isoTime(this.nowMs),
    });
  }

  /** The last call about the operation reports an outcome. */
  reported(result: ProviderResult, operation = this.operation): this {
    return this.reportedOfKey(operation.key, result, operation.lastCall);
  }

  /** An earlier call reports, after whatever has happened since. */
  reportedBy({ operation }: PaymentEffect, result: ProviderResult): this {
    return this.reportedOfKey(operation.key, result, operation.lastCall);
  }

  /** A call reports, or a webhook. Throws where that is refused. */
  reportedOfKey(key: string, result: ProviderResult, call?: number): this {
    this.when({ type: 'outcome', key, call, result });
    if (this.refused !== undefined) throw new Error(this.refused);
    return this;
  }

  approved = (operation = this.operation): this =>
    this.reported({ type: 'approved', reference: `ref-${operation.kind}` }, operation);
  declined = (reason = 'card_declined'): this => this.reported({ type: 'declined', reason });
  timedOut = (): this => this.reported({ type: 'unknown', reason: 'timeout' });
  unsent = (): this => this.reported({ type: 'unknown', reason: 'provider unavailable', unsent: true });
  notFound = (): this => this.reported({ type: 'not_found' });

  /** Time passes, and the reconciliation looks at the payment. */
  override later(ms: number): this {
    super.later(ms).when({ type: 'due' });
    if (this.refused !== undefined) throw new Error(this.refused);
    return this;
  }

  /** Time passes until the next attempt. */
  due(): this {
    return this.later((this.operation.nextAttemptAt ?? this.nowMs) - this.nowMs);
  }

  /** The row as an earlier version saved it. */
  withoutCallNumbers(): this {
    const operations = this.state.operations.map(({ lastCall: _l, openCall: _o, ...operation }) => operation);
    return this.store({ ...this.row, state: { ...this.state, operations } });
  }

  get payment(): Payment {
    return this.state;
  }

  /** The newest operation. */
  get operation(): Operation {
    return this.payment.operations.at(-1)!;
  }

  /** The calls of the last step. */
  calls(...calls: string[]): this {
    assert.deepEqual(
      this.effects.map((effect) => `${effect.call} ${effect.operation.kind} ${effect.operation.amount}`),
      calls,
    );
    return this;
  }

  held(): bigint {
    const { authorized, voided, captured, refunded } = this.payment;
    return authorized - voided - captured + (captured - refunded);
  }
}

export const payment = (options?: Partial<PaymentRulesOptions>): PaymentStory => new PaymentStory(options);
export const paid = (options?: Partial<PaymentRulesOptions>): PaymentStory =>
  payment(options).paymentRequested().approved();
