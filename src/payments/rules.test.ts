import { describe, expect, test } from 'vitest';
import { payment, paid, type PaymentStory, START_MS } from '#tests/support/payment-story.ts';
import { shownStatus } from './rules/model.ts';
import { eventsToRead, paymentRules } from './rules.ts';

const REFUND = '0192f0c1-0000-7000-8000-00000000000f';
const OTHER_REFUND = '0192f0c1-0000-7000-8000-00000000000e';

describe('a payment whose customer has to act', () => {
  const ACTION = { clientSecret: 's' };
  const asked = (): PaymentStory =>
    payment().paymentRequested().reported({ type: 'pending', reference: 'ch_1', action: ACTION });

  test('says so once, and nothing of what they act with', () => {
    const s = asked().emits('PaymentPending');
    expect(s.data[0]).toEqual({ reason: 'requires_action', provider: 'sandbox', status: 'REQUIRES_ACTION' });
    expect(shownStatus(s.payment)).toBe('REQUIRES_ACTION');
    s.due().calls('find charge 19.90').reported({ type: 'pending', reference: 'ch_1', action: ACTION }).emits();
    s.due().reported({ type: 'pending', reference: 'ch_1' }).emits('PaymentPending');
    expect(s.data[0]).toEqual({ reason: 'provider_pending', provider: 'sandbox' });
    expect(shownStatus(s.payment)).toBe('PENDING');
    s.due().approved().emits('PaymentSucceeded');
    expect(s.operation.action).toBeUndefined();
  });
  test('says so too where the reply that asked for it was lost', () => {
    const s = payment().paymentRequested().timedOut().emits('PaymentPending');
    expect(s.data[0]).toEqual({ reason: 'timeout', provider: 'sandbox' });
    s.due().reported({ type: 'pending', reference: 'ch_1', action: ACTION }).emits('PaymentPending');
    expect(s.data[0]).toMatchObject({ status: 'REQUIRES_ACTION' });
  });
  test('waits for them so long, is then given up at the provider, and fails', () => {
    const s = asked();
    const until = s.nowMs + 1_800_000;
    for (let polls = 0; s.nowMs < until; polls++) {
      expect(polls).toBeLessThan(100);
      s.due();
      expect(s.effects[0]!.unwanted).toBe(s.nowMs >= until);
      if (s.nowMs < until) s.reported({ type: 'pending', reference: 'ch_1', action: ACTION }).emits();
    }
    expect(s.nowMs).toBe(until);
    s.declined('canceled').emits('PaymentFailed');
    expect(s.data[0]).toEqual({ reason: 'action_expired', provider: 'sandbox' });
  });
  test('ends so too where the provider knows nothing any more of what nobody acted on', () => {
    const s = asked();
    s.later(1_800_000).calls('find charge 19.90');
    s.notFound().emits('PaymentFailed').calls();
    expect(s.data[0]).toEqual({ reason: 'action_expired', provider: 'sandbox' });
  });
  test('who paid in the last moment has paid', () => {
    const s = asked();
    s.later(1_800_000).approved().emits('PaymentSucceeded');
  });
  test('is asked for when they come back, once at a time', () => {
    const s = asked();
    s.when({ type: 'refresh' }).calls('find charge 19.90');
    s.when({ type: 'refresh' }).calls();
    s.approved().emits('PaymentSucceeded');
    s.when({ type: 'refresh' }).calls();
  });
  test('is given up at once where the order is cancelled', () => {
    const s = asked().orderCancelled().calls('find charge 19.90');
    expect(s.effects[0]!.unwanted).toBe(true);
    s.declined('canceled').emits('PaymentFailed');
  });
});

test('a payment that was refused is made again with what is given then, under another key, and once', () => {
  const s = payment({ providers: new Set(['sandbox', 'other']) })
    .paymentRequested({ token: 'tok_decline' })
    .declined();
  const { key } = s.operation;
  s.paymentRequested({ provider: 'other', token: 'tok_approve', amount: '10.00' }).emits().calls('send charge 10.00');
  expect(s.effects[0]).toMatchObject({ provider: 'other', token: 'tok_approve' });
  expect(s.operation.key).not.toBe(key);
  expect(s.payment.operations.map(({ provider }) => provider)).toEqual(['sandbox', undefined]);
  // While it is open, and once it has succeeded, it is not asked for again.
  s.paymentRequested().emits().calls();
  s.timedOut().emits('PaymentPending').approved().emits('PaymentSucceeded');
  s.paymentRequested().emits().calls();
  expect(s.payment).toMatchObject({ authorized: 1000n, captured: 1000n });
});

describe('a payment', () => {
  test('is asked for with a saved operation, and reported when approved', () => {
    const s = payment().paymentRequested().emits().calls('send charge 19.90');
    expect(s.operation).toMatchObject({
      state: 'pending',
      calls: 1,
      // Nothing in it is by chance: decided again after a restore, it is the same.
      key: `${s.payment.orderId}-0-charge-19.90`,
      nextAttemptAt: START_MS + 5_000,
    });
    s.approved().emits('PaymentSucceeded').calls();
    expect(s.data[0]).toEqual({
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
    const s = payment().paymentRequested({ amount: '0.00', provider: 'nobody' }).emits('PaymentSucceeded').calls();
    expect(s.data[0]).toMatchObject({ amount: '0.00', captured: '0.00' });
    s.orderCancelled().emits().calls();
  });

  test('with a provider that is not configured fails', () => {
    const s = payment().paymentRequested({ provider: 'nobody' }).emits('PaymentFailed').calls();
    expect(s.data[0]).toEqual({ reason: 'unknown_provider', provider: 'nobody' });
    s.orderCancelled().emits().calls();
  });

  test('that is declined fails, and a later report changes nothing', () => {
    const s = payment().paymentRequested().declined().emits('PaymentFailed').calls();
    expect(s.data[0]).toEqual({ reason: 'card_declined', provider: 'sandbox' });
    const { row } = s;
    expect(s.approved().emits().calls().row).toBe(row);
  });

  test('requested twice is charged once', () => {
    paid()
      .reads('OrderPaymentRequested', { provider: 'sandbox', token: 'tok_approve', amount: '19.90', currency: 'EUR' })
      .emits()
      .calls();
  });

  test('reported three times (reply, webhook, reconciliation) succeeds once', () => {
    const s = paid();
    const { row } = s;
    expect(s.approved().emits().calls().row).toBe(row);
    expect(s.timedOut().emits().calls().row).toBe(row);
    expect(s.declined().emits().calls().row).toBe(row);
  });

  test('knows no operation of another key', () => {
    expect(() => payment().paymentRequested().reportedOfKey('other', { type: 'approved', reference: 'r' })).toThrow(
      'NOT_FOUND',
    );
  });

  test('in yen has no decimals', () => {
    const s = payment().paymentRequested({ amount: '500', currency: 'JPY' }).calls('send charge 500').approved();
    expect(s.data[0]).toMatchObject({ amount: '500', captured: '500' });
  });

  test('that the log has no request for is a damaged log', () => {
    expect(() => payment().refundRequested('1.00')).toThrow('without a payment');
    expect(payment().orderCancelled().row.revision).toBe(0);
  });
});

describe('a cancelled order', () => {
  test('gets back what was captured', () => {
    const s = paid().orderCancelled().emits().calls('send refund 19.90');
    expect(s.effects[0]!.chargeReference).toBe('ref-charge');
    const { id } = s.operation;
    s.approved().emits('PaymentRefunded').calls();
    expect(s.data[0]).toEqual({ refundId: id, amount: '19.90', captured: '19.90', refunded: '19.90', currency: 'EUR' });
    expect(s.payment.status).toBe('REFUNDED');
    expect(s.held()).toBe(0n);
    s.orderCancelled().emits().calls();
  });

  test.each<[string, (s: PaymentStory) => PaymentStory]>([
    ['by the reply', (s) => s.approved()],
    ['by the reconciliation, after a lost reply', (s) => s.timedOut().due().calls('find charge 19.90').approved()],
    ['by webhook, after pending', (s) => s.reported({ type: 'pending', reference: 'ch' }).emits().approved()],
    ['after the safety net', (s) => s.due().approved()],
  ])('while the charge is in flight gives it back once it is known %s', (_, learn) => {
    const s = learn(payment().paymentRequested().orderCancelled().emits().calls());
    s.emits('PaymentSucceeded').calls('send refund 19.90').approved().emits('PaymentRefunded');
    expect(s.held()).toBe(0n);
  });

  test('while the charge is in flight ends where it is declined', () => {
    payment().paymentRequested().orderCancelled().declined().emits('PaymentFailed').calls();
  });

  test('is charged no more where the provider does not know the key and nothing can be in flight', () => {
    const s = payment().paymentRequested().timedOut().orderCancelled().emits().calls();
    s.due().calls('find charge 19.90').notFound().emits().calls();
    expect(s.operation.nextAttemptAt).toBe(START_MS + 30_000);
    s.due().calls('find charge 19.90').notFound().emits('PaymentFailed').calls();
    expect(s.data[0]).toEqual({ reason: 'order_cancelled', provider: 'sandbox' });
    expect(s.operation.state).toBe('failed');
  });

  test('is not charged at all where no call ever left', () => {
    payment().paymentRequested().unsent().orderCancelled().emits('PaymentFailed').calls();
    payment().paymentRequested().orderCancelled().unsent().emits('PaymentFailed').calls();
  });

  test('gets back even a charge that turns up after it was given up', () => {
    const s = payment()
      .paymentRequested()
      .timedOut()
      .orderCancelled()
      .due()
      .notFound()
      .due()
      .notFound()
      .emits('PaymentFailed');
    s.approved().emits('PaymentSucceeded').calls('send refund 19.90').approved().emits('PaymentRefunded');
    expect(s.held()).toBe(0n);
  });

  test('gets its refund repeated under the same key while in doubt', () => {
    const s = paid().orderCancelled();
    const { key } = s.operation;
    s.timedOut().emits().due().calls('find refund 19.90').notFound().calls('send refund 19.90');
    expect(s.operation.key).toBe(key);
    s.approved().emits('PaymentRefunded');
  });

  test('gets its refund repeated under a new key after a definite failure', () => {
    const s = paid().orderCancelled();
    const { key } = s.operation;
    s.declined('insufficient_funds').emits('PaymentRefundFailed').calls();
    expect(s.operation).toMatchObject({ state: 'pending', calls: 0, nextAttemptAt: START_MS + 60_000 });
    expect(s.operation.key).not.toBe(key);
    expect(() => s.reportedOfKey(key, { type: 'approved', reference: 'r' })).toThrow('NOT_FOUND');
    s.due().calls('send refund 19.90').declined().emits();
    s.due().calls('send refund 19.90').approved().emits('PaymentRefunded');
    expect(s.held()).toBe(0n);
  });

  test('gets back only what a refund before left', () => {
    const s = paid().refundRequested('9.95').calls('send refund 9.95');
    const requested = s.operation;
    s.orderCancelled()
      .calls('send refund 9.95')
      .approved()
      .emits('PaymentRefunded')
      .approved(requested)
      .emits('PaymentRefunded');
    expect(s.held()).toBe(0n);
  });

  test('gets back the rest where a requested refund fails', () => {
    const s = paid().refundRequested('19.90').orderCancelled().emits().calls();
    s.declined('no').emits('PaymentRefundFailed').calls('send refund 19.90').approved().emits('PaymentRefunded');
    expect(s.held()).toBe(0n);
  });
});

describe('a requested refund', () => {
  test('is carried out under the id of the request', () => {
    const s = paid().refundRequested('9.95').emits().calls('send refund 9.95').approved().emits('PaymentRefunded');
    expect(s.data[0]).toEqual({
      refundId: REFUND,
      amount: '9.95',
      captured: '19.90',
      refunded: '9.95',
      currency: 'EUR',
    });
    expect(s.payment.status).toBe('PARTIALLY_REFUNDED');
    s.refundRequested('9.95', OTHER_REFUND).approved().emits('PaymentRefunded');
    expect(s.payment.status).toBe('REFUNDED');
  });

  test('over what was captured is refused, counting the refunds on their way', () => {
    const s = paid()
      .refundRequested('15.00')
      .refundRequested('4.91', OTHER_REFUND)
      .emits('PaymentRefundFailed')
      .calls();
    expect(s.data[0]).toEqual({ refundId: OTHER_REFUND, reason: 'exceeds_captured' });
    paid().refundRequested('0.00').emits('PaymentRefundFailed');
    payment().paymentRequested().refundRequested('1.00').emits('PaymentRefundFailed');
  });

  test('that is refused by the provider stays refused', () => {
    const s = paid().refundRequested('9.95').declined('charge_disputed').emits('PaymentRefundFailed').calls();
    expect(s.data[0]).toEqual({ refundId: REFUND, reason: 'charge_disputed' });
    s.later(3_600_000).calls();
    s.refundRequested('19.90', OTHER_REFUND).calls('send refund 19.90');
  });

  test('requested twice is carried out once', () => {
    paid().refundRequested('9.95').refundRequested('9.95').emits().calls();
  });
});

describe('capture on dispatch', () => {
  const onDispatch = { capture: 'on_dispatch' } as const;

  test('authorizes at payment and captures when everything is shipped', () => {
    const s = payment(onDispatch).paymentRequested().calls('send authorize 19.90').approved().emits('PaymentSucceeded');
    expect(s.data[0]).toMatchObject({ amount: '19.90', captured: '0.00' });
    expect(s.payment.status).toBe('AUTHORIZED');
    s.orderShipped().emits().calls('send capture 19.90').orderShipped().calls();
    s.approved().emits('PaymentCaptured').orderShipped().calls();
    expect(s.payment.status).toBe('CAPTURED');
  });

  test('captures each parcel as it leaves, and voids what no parcel takes', () => {
    const s = paid(onDispatch).orderPartiallyShipped('5.00').emits().calls('send capture 5.00');
    s.approved().emits('PaymentCaptured');
    expect(s.data[0]).toEqual({ amount: '5.00', captured: '5.00', status: 'AUTHORIZED' });
    s.refundRequested('2.00').calls('send refund 2.00').approved().emits('PaymentRefunded');
    expect(s.data[0]).toMatchObject({ refunded: '2.00', status: 'AUTHORIZED' });
    s.orderPartiallyShipped('0.00').calls();
    s.orderShipped('10.00').calls('send capture 10.00', 'send void 4.90');
    const [capture, void_] = s.effects;
    s.approved(void_!.operation).emits('PaymentVoided');
    expect(s.data[0]).toEqual({ amount: '4.90', status: 'AUTHORIZED' });
    s.approved(capture!.operation).emits('PaymentCaptured');
    expect(s.data[0]).toEqual({ amount: '10.00', captured: '15.00', status: 'PARTIALLY_REFUNDED' });
    expect(s.payment).toMatchObject({ captured: 1500n, voided: 490n, refunded: 200n, status: 'PARTIALLY_REFUNDED' });
  });

  test('captures parcels at once, and never more than was authorized', () => {
    const s = paid(onDispatch).orderPartiallyShipped('15.00').orderShipped('9.00').calls('send capture 4.90');
    expect(s.payment.operations.map(({ kind, amount }) => `${kind} ${amount}`)).toEqual([
      'authorize 19.90',
      'capture 15.00',
      'capture 4.90',
    ]);
    s.orderShipped('1.00').calls();
  });

  test('with the last parcel where those before said no amount', () => {
    paid(onDispatch).orderPartiallyShipped().calls().orderShipped().calls('send capture 19.90');
  });

  test('voids instead of refunding when the order is cancelled', () => {
    const s = paid(onDispatch).orderCancelled().calls('send void 19.90').approved().emits('PaymentVoided');
    expect(s.data[0]).toEqual({ amount: '19.90' });
    expect(s.payment.status).toBe('VOIDED');
    expect(s.held()).toBe(0n);
  });

  test('voids an authorization that turns out to exist after the cancellation', () => {
    payment(onDispatch)
      .paymentRequested()
      .orderCancelled()
      .approved()
      .emits('PaymentSucceeded')
      .calls('send void 19.90')
      .approved()
      .emits('PaymentVoided');
  });

  test('never gives up a capture', () => {
    const s = paid(onDispatch)
      .orderShipped()
      .timedOut()
      .emits()
      .due()
      .calls('find capture 19.90')
      .notFound()
      .calls('send capture 19.90');
    s.declined('try_later').emits().due().calls('send capture 19.90').approved().emits('PaymentCaptured');
  });

  test('undoes a capture in flight by a refund', () => {
    const s = paid(onDispatch).orderShipped().orderCancelled().emits().calls();
    s.approved().emits('PaymentCaptured').calls('send refund 19.90');
  });

  test('reads shipments only where something may wait for them', () => {
    const rules = paymentRules({
      capture: 'automatic',
      providers: new Set(),
      timeoutMs: 1,
      cancelSafetyMs: 1,
      actionMs: 1_800_000,
    });
    const dispatches = ['OrderPartiallyShipped', 'OrderShipped', 'OrderShippingClosed'];
    expect(rules.consumes.filter((type) => !eventsToRead(rules, 'automatic', false).includes(type))).toEqual(
      dispatches,
    );
    expect(eventsToRead(rules, 'on_dispatch', false)).toEqual(rules.consumes);
    expect(eventsToRead(rules, 'automatic', true)).toEqual(rules.consumes);
  });
});
