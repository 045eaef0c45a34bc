import { strict as assert } from 'node:assert';
import { Value } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import type { Envelope } from '#contracts/envelope.ts';
import { isRefusal } from '#contracts/errors.ts';
import { amountMinor } from '#contracts/money.ts';
import { type EventData, type EventType, ORDER_EVENTS } from '#contracts/order-events.ts';
import { isoTime } from '#contracts/time.ts';
import { emptyRow, foldCommand, foldEvent, type Row } from '#platform/processor/aggregate.ts';
import { doubled, type Operation, type ProviderResult } from './rules/operation.ts';
import { nextAttemptOf, type Payment, type PaymentEffect, type PaymentRulesOptions } from './rules/model.ts';
import { paymentRules } from './rules.ts';

const ORDER = '0192f0c1-0000-7000-8000-000000000001';
const REFUND = '0192f0c1-0000-7000-8000-00000000000f';
const OTHER_REFUND = '0192f0c1-0000-7000-8000-00000000000e';
const START = 1_800_000_000_000;

/** One payment's story: what it reads and is told, what it says and asks for. */
class Story {
  readonly #rules;
  #row: Row<Payment> = emptyRow(ORDER);
  #ids = 0;
  #sequence = 0;
  nowMs = START;
  /** What the last step said and asked for. */
  said: Envelope[] = [];
  asked: readonly PaymentEffect[] = [];

  constructor(options: Partial<PaymentRulesOptions> = {}) {
    this.#rules = paymentRules({
      capture: 'automatic',
      providers: new Set(['sandbox']),
      timeoutMs: 2_000,
      cancelSafetyMs: 30_000,
      ...options,
    });
  }

  #context = () => ({
    nowMs: this.nowMs,
    newId: () => `0192f0c1-0000-7000-8000-1${String(++this.#ids).padStart(11, '0')}`,
    shared: { get: () => undefined },
  });

  #took(folded: { row: Row<Payment>; events: readonly Envelope[]; effects: readonly PaymentEffect[] }): this {
    this.#row = folded.row;
    this.said = [...folded.events];
    this.asked = folded.effects;
    const { state } = folded.row;
    if (state) {
      assert.ok(state.captured <= state.authorized);
      assert.ok(state.refunded <= state.captured);
      assert.ok(state.captured + state.voided <= state.authorized);
    }
    for (const event of this.said)
      assert.ok(Value.Check(ORDER_EVENTS[event.type as EventType].data, event.data), event.type);
    return this;
  }

  reads<T extends EventType>(type: T, data: EventData<T>, sequence = ++this.#sequence): this {
    const event: Envelope = {
      id: `e${sequence}`,
      source: '/olms/orders',
      type,
      subject: ORDER,
      sequence,
      time: isoTime(this.nowMs),
      correlationid: 'c',
      causationid: 'x',
      data,
    };
    return this.#took(foldEvent(this.#rules, this.#row, event, this.#context()));
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

  orderShipped(): this {
    return this.reads('OrderShipped', {
      shipmentId: REFUND,
      carrier: 'sandbox',
      trackingNumber: '1',
      items: [],
      deadlineAt: isoTime(this.nowMs),
    });
  }

  /** Told by the last call about the operation. */
  told(result: ProviderResult, operation = this.operation): this {
    return this.toldOfKey(operation.key, result, operation.lastCall);
  }

  /** Told by an earlier call, after whatever has happened since. */
  toldBy({ operation }: PaymentEffect, result: ProviderResult): this {
    return this.toldOfKey(operation.key, result, operation.lastCall);
  }

  /** Told by a call, or by webhook. */
  toldOfKey(key: string, result: ProviderResult, call?: number): this {
    const folded = foldCommand(
      this.#rules,
      this.#row,
      { type: 'outcome', key, call, result },
      { causationid: 'x', correlationid: 'c' },
      this.#context(),
    );
    if (isRefusal(folded)) throw new Error(folded.refused);
    return this.#took(folded);
  }

  approved = (operation = this.operation): this =>
    this.told({ type: 'approved', reference: `ref-${operation.kind}` }, operation);
  declined = (reason = 'card_declined'): this => this.told({ type: 'declined', reason });
  timedOut = (): this => this.told({ type: 'unknown', reason: 'timeout' });
  unsent = (): this => this.told({ type: 'unknown', reason: 'provider unavailable', unsent: true });
  notFound = (): this => this.told({ type: 'not_found' });

  later(ms: number): this {
    this.nowMs += ms;
    const folded = foldCommand(
      this.#rules,
      this.#row,
      { type: 'due' },
      { causationid: 'x', correlationid: 'c' },
      this.#context(),
    );
    if (isRefusal(folded)) throw new Error(folded.refused);
    return this.#took(folded);
  }

  /** Time passes until the next attempt. */
  due(): this {
    return this.later((this.operation.nextAttemptAt ?? this.nowMs) - this.nowMs);
  }

  /** The row as an earlier version saved it. */
  withoutCallNumbers(): this {
    const { state } = this.#row;
    const operations = state!.operations.map(({ lastCall: _l, openCall: _o, ...operation }) => operation);
    this.#row = { ...this.#row, state: { ...state!, operations } };
    return this;
  }

  get payment(): Payment {
    return this.#row.state!;
  }

  get row(): Row<Payment> {
    return this.#row;
  }

  /** The newest operation. */
  get operation(): Operation {
    return this.payment.operations.at(-1)!;
  }

  says(...types: EventType[]): this {
    assert.deepEqual(
      this.said.map((event) => event.type),
      types,
    );
    return this;
  }

  asks(...calls: string[]): this {
    assert.deepEqual(
      this.asked.map((effect) => `${effect.call} ${effect.operation.kind} ${effect.operation.amount}`),
      calls,
    );
    return this;
  }

  data(index = 0): unknown {
    return this.said[index]!.data;
  }

  held(): bigint {
    const { authorized, voided, captured, refunded } = this.payment;
    return authorized - voided - captured + (captured - refunded);
  }
}

const story = (options?: Partial<PaymentRulesOptions>): Story => new Story(options);
const paid = (options?: Partial<PaymentRulesOptions>): Story => story(options).paymentRequested().approved();

describe('a payment', () => {
  test('is asked for with a saved operation, and told when approved', () => {
    const s = story().paymentRequested().says().asks('send charge 19.90');
    expect(s.operation).toMatchObject({
      state: 'pending',
      calls: 1,
      key: s.operation.id,
      nextAttemptAt: START + 5_000,
    });
    s.approved().says('PaymentSucceeded').asks();
    expect(s.data()).toEqual({
      amount: '19.90',
      captured: '19.90',
      currency: 'EUR',
      provider: 'sandbox',
      providerReference: 'ref-charge',
    });
    expect(s.payment).toMatchObject({ status: 'CAPTURED', captured: 1990n });
    expect(s.operation.nextAttemptAt).toBeUndefined();
  });

  test('of nothing succeeds without a provider', () => {
    const s = story().paymentRequested({ amount: '0.00', provider: 'nobody' }).says('PaymentSucceeded').asks();
    expect(s.data()).toMatchObject({ amount: '0.00', captured: '0.00' });
    s.orderCancelled().says().asks();
  });

  test('with a provider that is not configured fails', () => {
    const s = story().paymentRequested({ provider: 'nobody' }).says('PaymentFailed').asks();
    expect(s.data()).toEqual({ reason: 'unknown_provider', provider: 'nobody' });
    s.orderCancelled().says().asks();
  });

  test('that is declined fails, and a later telling changes nothing', () => {
    const s = story().paymentRequested().declined().says('PaymentFailed').asks();
    expect(s.data()).toEqual({ reason: 'card_declined', provider: 'sandbox' });
    const { row } = s;
    expect(s.approved().says().asks().row).toBe(row);
  });

  test('requested twice is charged once', () => {
    paid()
      .reads('OrderPaymentRequested', { provider: 'sandbox', token: 'tok_approve', amount: '19.90', currency: 'EUR' })
      .says()
      .asks();
  });

  test('told three times (reply, webhook, reconciliation) succeeds once', () => {
    const s = paid();
    const { row } = s;
    expect(s.approved().says().asks().row).toBe(row);
    expect(s.timedOut().says().asks().row).toBe(row);
    expect(s.declined().says().asks().row).toBe(row);
  });

  test('knows no operation of another key', () => {
    expect(() => story().paymentRequested().toldOfKey('other', { type: 'approved', reference: 'r' })).toThrow(
      'NOT_FOUND',
    );
  });

  test('in yen has no decimals', () => {
    const s = story().paymentRequested({ amount: '500', currency: 'JPY' }).asks('send charge 500').approved();
    expect(s.data()).toMatchObject({ amount: '500', captured: '500' });
  });

  test('that the log has no request for is a damaged log', () => {
    expect(() => story().refundRequested('1.00')).toThrow('without a payment');
    expect(story().orderCancelled().row.revision).toBe(0);
  });
});

describe('a payment in doubt', () => {
  test('is told pending once, asked for by its key, and found', () => {
    const s = story().paymentRequested().timedOut().says('PaymentPending').asks();
    expect(s.data()).toEqual({ reason: 'timeout', provider: 'sandbox' });
    expect(s.operation).toMatchObject({ state: 'in_doubt', nextAttemptAt: START + 500 });
    s.later(499).says().asks();
    s.due().says().asks('find charge 19.90');
    s.approved().says('PaymentSucceeded').asks();
  });

  test('is repeated under the same key where the provider does not know it', () => {
    const s = story().paymentRequested().timedOut();
    const { key } = s.operation;
    s.due().asks('find charge 19.90').notFound().says().asks('send charge 19.90');
    expect(s.operation).toMatchObject({ key, calls: 2 });
    s.timedOut().says().due().notFound().asks('send charge 19.90');
    expect(s.operation).toMatchObject({ key, calls: 3 });
    s.declined().says('PaymentFailed');
  });

  test('is asked for ever more slowly, but never given up', () => {
    const s = story().paymentRequested().timedOut();
    const waits: number[] = [];
    for (let i = 0; i < 12; i++) {
      const asked = s.due().nowMs;
      waits.push(s.timedOut().operation.nextAttemptAt! - asked);
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000, 60_000, 60_000]);
    expect(s.operation.state).toBe('in_doubt');
  });

  test('is asked for before it is repeated after a crash between saving and calling', () => {
    const s = story().paymentRequested().later(4_999).asks();
    s.due()
      .says('PaymentPending')
      .asks('find charge 19.90')
      .notFound()
      .asks('send charge 19.90')
      .approved()
      .says('PaymentSucceeded');
  });

  test('is sent at once where no call ever left', () => {
    const s = story().paymentRequested().unsent().says('PaymentPending').asks();
    expect(s.operation).toMatchObject({ calls: 0, state: 'in_doubt' });
    s.due().says().asks('send charge 19.90').approved().says('PaymentSucceeded');
  });

  test('that the breaker holds back waits no longer for it, however long the outage is', () => {
    const s = story().paymentRequested().unsent();
    for (let i = 0; i < 1_200; i++) s.due().says().asks('send charge 19.90').unsent();
    expect(s.nowMs - START).toBe(600_000);
    expect(s.operation).toMatchObject({ calls: 0, attempts: 0, nextAttemptAt: s.nowMs + 500 });
    s.due().approved().says('PaymentSucceeded');
    // A question that was held back was not answered either: what is in doubt stays as it was.
    const inDoubt = story().paymentRequested().timedOut().due().asks('find charge 19.90').unsent().says().asks();
    expect(inDoubt.operation).toMatchObject({ state: 'in_doubt', calls: 1, attempts: 1 });
    expect(inDoubt.due().asks('find charge 19.90').timedOut().operation.nextAttemptAt).toBe(inDoubt.nowMs + 1_000);
  });

  test('that the provider decides later waits for its webhook, and asks in case it is lost', () => {
    const s = story().paymentRequested().told({ type: 'pending', reference: 'ch' }).says('PaymentPending').asks();
    expect(s.operation.state).toBe('awaiting_provider');
    s.later(1_500).asks();
    s.due().asks('find charge 19.90').told({ type: 'pending', reference: 'ch' }).says().asks();
    s.due().asks('find charge 19.90').timedOut().says();
    expect(s.operation.state).toBe('awaiting_provider');
    s.approved().says('PaymentSucceeded').approved().says();
  });
});

const TIMEOUT: ProviderResult = { type: 'unknown', reason: 'timeout' };
const UNSENT: ProviderResult = { type: 'unknown', reason: 'provider unavailable', unsent: true };

describe('an outcome', () => {
  test('that a call never left counts once, however often it is told', () => {
    // The first call left; the second did not. Told twice, both would count as never made.
    const s = story().paymentRequested().timedOut().due().notFound().unsent();
    const { row } = s;
    expect(s.operation.calls).toBe(1);
    expect(s.unsent().says().asks().row).toBe(row);
    // So the charge of a cancelled order is not given up while the first call may still arrive.
    s.orderCancelled().says().asks();
    s.due().asks('find charge 19.90').approved().says('PaymentSucceeded').asks('send refund 19.90');
  });

  test.each<[string, ProviderResult, (s: Story) => Story]>([
    ['unknown', TIMEOUT, (s) => s],
    ['unsent', UNSENT, (s) => s],
    ['pending', { type: 'pending', reference: 'ch' }, (s) => s],
    ['not found', { type: 'not_found' }, (s) => s.timedOut().due()],
  ])('%s told twice by the same call changes nothing the second time', (_, result, before) => {
    const s = before(story().paymentRequested());
    const [call] = s.asked;
    const { row } = s.toldBy(call!, result);
    expect(s.toldBy(call!, result).says().asks().row).toBe(row);
    if (result.type === 'pending') expect(s.toldOfKey(call!.operation.key, result).says().asks().row).toBe(row);
  });

  test.each<[string, ProviderResult]>([
    ['unknown', TIMEOUT],
    ['unsent', UNSENT],
    ['not found', { type: 'not_found' }],
  ])('%s told by a call after a later one was made changes nothing', (_, result) => {
    const s = story().paymentRequested();
    const [first] = s.asked;
    // Nobody heard of the first call, so the provider is asked.
    s.due().asks('find charge 19.90');
    const { row } = s;
    expect(s.toldBy(first!, result).says().asks().row).toBe(row);
    s.notFound().asks('send charge 19.90');
    s.toldBy(first!, result).says().asks();
    expect(s.operation).toMatchObject({ calls: 2, lastCall: 3 });
    // The last one is still heard.
    expect(s.unsent().operation.calls).toBe(1);
  });

  test('that is a fact holds whichever call tells it, after whatever was made since', () => {
    const s = story().paymentRequested();
    const [first] = s.asked;
    s.due().notFound().asks('send charge 19.90');
    s.toldBy(first!, { type: 'approved', reference: 'ch' }).says('PaymentSucceeded');
    expect(s.notFound().says().asks().payment.captured).toBe(1990n);
  });

  test('of a question counts by when it was asked, not by when it was told', () => {
    const s = story().paymentRequested().timedOut().orderCancelled();
    s.later(29_000).asks('find charge 19.90');
    const [question] = s.asked;
    s.nowMs += 1_500;
    // The charge may have arrived meanwhile: it is asked about once more.
    s.toldBy(question!, { type: 'not_found' }).says();
    s.due().asks('find charge 19.90').approved().says('PaymentSucceeded').asks('send refund 19.90');
  });

  test('of an operation saved before calls had numbers is found by asking', () => {
    const s = story().paymentRequested().withoutCallNumbers();
    s.due().asks('find charge 19.90').approved().says('PaymentSucceeded');
  });
});

describe('a cancelled order', () => {
  test('gets back what was captured', () => {
    const s = paid().orderCancelled().says().asks('send refund 19.90');
    expect(s.asked[0]!.chargeReference).toBe('ref-charge');
    const { id } = s.operation;
    s.approved().says('PaymentRefunded').asks();
    expect(s.data()).toEqual({ refundId: id, amount: '19.90', captured: '19.90', refunded: '19.90', currency: 'EUR' });
    expect(s.payment.status).toBe('REFUNDED');
    expect(s.held()).toBe(0n);
    s.orderCancelled().says().asks();
  });

  test.each<[string, (s: Story) => Story]>([
    ['by the reply', (s) => s.approved()],
    ['by the reconciliation, after a lost reply', (s) => s.timedOut().due().asks('find charge 19.90').approved()],
    ['by webhook, after pending', (s) => s.told({ type: 'pending', reference: 'ch' }).says().approved()],
    ['after the safety net', (s) => s.due().approved()],
  ])('while the charge is in flight gives it back once it is known %s', (_, tell) => {
    const s = tell(story().paymentRequested().orderCancelled().says().asks());
    s.says('PaymentSucceeded').asks('send refund 19.90').approved().says('PaymentRefunded');
    expect(s.held()).toBe(0n);
  });

  test('while the charge is in flight ends where it is declined', () => {
    story().paymentRequested().orderCancelled().declined().says('PaymentFailed').asks();
  });

  test('is charged no more where the provider does not know the key and nothing can be in flight', () => {
    const s = story().paymentRequested().timedOut().orderCancelled().says().asks();
    s.due().asks('find charge 19.90').notFound().says().asks();
    expect(s.operation.nextAttemptAt).toBe(START + 30_000);
    s.due().asks('find charge 19.90').notFound().says('PaymentFailed').asks();
    expect(s.data()).toEqual({ reason: 'order_cancelled', provider: 'sandbox' });
    expect(s.operation.state).toBe('failed');
  });

  test('is not charged at all where no call ever left', () => {
    story().paymentRequested().unsent().orderCancelled().says('PaymentFailed').asks();
    story().paymentRequested().orderCancelled().unsent().says('PaymentFailed').asks();
  });

  test('gets back even a charge that turns up after it was given up', () => {
    const s = story()
      .paymentRequested()
      .timedOut()
      .orderCancelled()
      .due()
      .notFound()
      .due()
      .notFound()
      .says('PaymentFailed');
    s.approved().says('PaymentSucceeded').asks('send refund 19.90').approved().says('PaymentRefunded');
    expect(s.held()).toBe(0n);
  });

  test('gets its refund repeated under the same key while in doubt', () => {
    const s = paid().orderCancelled();
    const { key } = s.operation;
    s.timedOut().says().due().asks('find refund 19.90').notFound().asks('send refund 19.90');
    expect(s.operation.key).toBe(key);
    s.approved().says('PaymentRefunded');
  });

  test('gets its refund tried again under a new key after a definite failure', () => {
    const s = paid().orderCancelled();
    const { key } = s.operation;
    s.declined('insufficient_funds').says('PaymentRefundFailed').asks();
    expect(s.operation).toMatchObject({ state: 'pending', calls: 0, nextAttemptAt: START + 60_000 });
    expect(s.operation.key).not.toBe(key);
    expect(() => s.toldOfKey(key, { type: 'approved', reference: 'r' })).toThrow('NOT_FOUND');
    s.due().asks('send refund 19.90').declined().says();
    s.due().asks('send refund 19.90').approved().says('PaymentRefunded');
    expect(s.held()).toBe(0n);
  });

  test('gets back only what a refund before left', () => {
    const s = paid().refundRequested('9.95').asks('send refund 9.95');
    const requested = s.operation;
    s.orderCancelled()
      .asks('send refund 9.95')
      .approved()
      .says('PaymentRefunded')
      .approved(requested)
      .says('PaymentRefunded');
    expect(s.held()).toBe(0n);
  });

  test('gets back the rest where a requested refund fails', () => {
    const s = paid().refundRequested('19.90').orderCancelled().says().asks();
    s.declined('no').says('PaymentRefundFailed').asks('send refund 19.90').approved().says('PaymentRefunded');
    expect(s.held()).toBe(0n);
  });
});

describe('a requested refund', () => {
  test('is carried out under the id of the request', () => {
    const s = paid().refundRequested('9.95').says().asks('send refund 9.95').approved().says('PaymentRefunded');
    expect(s.data()).toEqual({
      refundId: REFUND,
      amount: '9.95',
      captured: '19.90',
      refunded: '9.95',
      currency: 'EUR',
    });
    expect(s.payment.status).toBe('PARTIALLY_REFUNDED');
    s.refundRequested('9.95', OTHER_REFUND).approved().says('PaymentRefunded');
    expect(s.payment.status).toBe('REFUNDED');
  });

  test('over what was captured is refused, counting the refunds on their way', () => {
    const s = paid().refundRequested('15.00').refundRequested('4.91', OTHER_REFUND).says('PaymentRefundFailed').asks();
    expect(s.data()).toEqual({ refundId: OTHER_REFUND, reason: 'exceeds_captured' });
    paid().refundRequested('0.00').says('PaymentRefundFailed');
    story().paymentRequested().refundRequested('1.00').says('PaymentRefundFailed');
  });

  test('that is refused by the provider stays refused', () => {
    const s = paid().refundRequested('9.95').declined('charge_disputed').says('PaymentRefundFailed').asks();
    expect(s.data()).toEqual({ refundId: REFUND, reason: 'charge_disputed' });
    s.later(3_600_000).asks();
    s.refundRequested('19.90', OTHER_REFUND).asks('send refund 19.90');
  });

  test('requested twice is carried out once', () => {
    paid().refundRequested('9.95').refundRequested('9.95').says().asks();
  });
});

describe('capture on dispatch', () => {
  const onDispatch = { capture: 'on_dispatch' } as const;

  test('authorizes at payment and captures when everything is shipped', () => {
    const s = story(onDispatch).paymentRequested().asks('send authorize 19.90').approved().says('PaymentSucceeded');
    expect(s.data()).toMatchObject({ amount: '19.90', captured: '0.00' });
    expect(s.payment.status).toBe('AUTHORIZED');
    s.orderShipped().says().asks('send capture 19.90').orderShipped().asks();
    s.approved().says('PaymentCaptured').orderShipped().asks();
    expect(s.payment.status).toBe('CAPTURED');
  });

  test('voids instead of refunding when the order is cancelled', () => {
    const s = paid(onDispatch).orderCancelled().asks('send void 19.90').approved().says('PaymentVoided');
    expect(s.data()).toEqual({ amount: '19.90' });
    expect(s.payment.status).toBe('VOIDED');
    expect(s.held()).toBe(0n);
  });

  test('voids an authorization that turns out to exist after the cancellation', () => {
    story(onDispatch)
      .paymentRequested()
      .orderCancelled()
      .approved()
      .says('PaymentSucceeded')
      .asks('send void 19.90')
      .approved()
      .says('PaymentVoided');
  });

  test('never gives up a capture', () => {
    const s = paid(onDispatch)
      .orderShipped()
      .timedOut()
      .says()
      .due()
      .asks('find capture 19.90')
      .notFound()
      .asks('send capture 19.90');
    s.declined('try_later').says().due().asks('send capture 19.90').approved().says('PaymentCaptured');
  });

  test('undoes a capture in flight by a refund', () => {
    const s = paid(onDispatch).orderShipped().orderCancelled().says().asks();
    s.approved().says('PaymentCaptured').asks('send refund 19.90');
  });

  test('reads shipments only where something may wait for them', () => {
    const consumes = (options: Partial<PaymentRulesOptions>): readonly string[] =>
      paymentRules({ capture: 'automatic', providers: new Set(), timeoutMs: 1, cancelSafetyMs: 1, ...options })
        .consumes;
    expect(consumes({})).not.toContain('OrderShipped');
    expect(consumes(onDispatch)).toContain('OrderShipped');
    expect(consumes({ capturesOutstanding: () => true })).toContain('OrderShipped');
  });
});

test('waiting doubles up to its limit', () => {
  expect([0, 1, 2, 10].map((times) => doubled(500, times, 60_000))).toEqual([500, 1_000, 2_000, 60_000]);
});

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
  const s = story({ capture: provider.chance(0.5) ? 'automatic' : 'on_dispatch' });
  let calls: PaymentEffect[] = [];
  const said: string[] = [];
  const note = (): void => {
    calls.push(...s.asked);
    said.push(...s.said.map((event) => event.type));
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
      if (provider.chance(0.5)) s.orderShipped();
      else s.refundRequested('3.00', `0192f0c1-0000-7000-8000-${String(step).padStart(12, '0')}`);
      note();
    }
    const call = calls.shift();
    const result = call && provider.answer(call, calm);
    if (call && result) {
      for (let tellings = provider.chance(0.2) ? 2 : 1; tellings > 0; tellings--) {
        // Of a key that was replaced meanwhile nothing is known any more.
        const { key } = call.operation;
        if (!s.payment.operations.some((operation) => operation.key === key)) break;
        s.toldBy(call, result);
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
  expect(said.filter((type) => type === 'PaymentPending').length).toBeLessThanOrEqual(1);
  expect(said.filter((type) => type === 'PaymentSucceeded').length).toBe(provider.charges.size);
});
