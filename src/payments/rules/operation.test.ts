import { describe, expect, test } from 'vitest';
import { paid, payment, type PaymentStory, START_MS } from '#tests/support/payment-story.ts';
import { doubled, type ProviderResult } from './operation.ts';

describe('a payment in doubt', () => {
  test('is reported pending once, asked for by its key, and found', () => {
    const s = payment().paymentRequested().timedOut().emits('PaymentPending').calls();
    expect(s.data[0]).toEqual({ reason: 'timeout', provider: 'sandbox' });
    expect(s.operation).toMatchObject({ state: 'in_doubt', nextAttemptAt: START_MS + 500 });
    s.later(499).emits().calls();
    s.due().emits().calls('find charge 19.90');
    s.approved().emits('PaymentSucceeded').calls();
  });

  test('is repeated under the same key where the provider does not know it', () => {
    const s = payment().paymentRequested().timedOut();
    const { key } = s.operation;
    s.due().calls('find charge 19.90').notFound().emits().calls('send charge 19.90');
    expect(s.operation).toMatchObject({ key, calls: 2 });
    s.timedOut().emits().due().notFound().calls('send charge 19.90');
    expect(s.operation).toMatchObject({ key, calls: 3 });
    s.declined().emits('PaymentFailed');
  });

  test('that gives money back and is refused goes out under the next key, however often', () => {
    const s = paid().orderCancelled();
    const { key } = s.operation;
    expect(key).toBe(`${s.payment.orderId}-1-refund-19.90`);
    for (const next of [2, 3, 4]) {
      expect(s.declined().operation.key).toBe(`${key}-${next}`);
      s.due();
    }
  });

  test('is asked for ever more slowly, but never given up', () => {
    const s = payment().paymentRequested().timedOut();
    const waits: number[] = [];
    for (let i = 0; i < 12; i++) {
      const asked = s.due().nowMs;
      waits.push(s.timedOut().operation.nextAttemptAt! - asked);
    }
    expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000, 60_000, 60_000]);
    expect(s.operation.state).toBe('in_doubt');
  });

  test('is asked for before it is repeated after a crash between saving and calling', () => {
    const s = payment().paymentRequested().later(4_999).calls();
    s.due()
      .emits('PaymentPending')
      .calls('find charge 19.90')
      .notFound()
      .calls('send charge 19.90')
      .approved()
      .emits('PaymentSucceeded');
  });

  test('is sent at once where no call ever left', () => {
    const s = payment().paymentRequested().unsent().emits('PaymentPending').calls();
    expect(s.operation).toMatchObject({ calls: 0, state: 'in_doubt' });
    s.due().emits().calls('send charge 19.90').approved().emits('PaymentSucceeded');
  });

  test('that the breaker holds back waits no longer for it, however long the outage is', () => {
    const s = payment().paymentRequested().unsent();
    for (let i = 0; i < 1_200; i++) s.due().emits().calls('send charge 19.90').unsent();
    expect(s.nowMs - START_MS).toBe(600_000);
    expect(s.operation).toMatchObject({ calls: 0, attempts: 0, nextAttemptAt: s.nowMs + 500 });
    s.due().approved().emits('PaymentSucceeded');
    // A question that was held back was not answered either: what is in doubt stays as it was.
    const inDoubt = payment().paymentRequested().timedOut().due().calls('find charge 19.90').unsent().emits().calls();
    expect(inDoubt.operation).toMatchObject({ state: 'in_doubt', calls: 1, attempts: 1 });
    expect(inDoubt.due().calls('find charge 19.90').timedOut().operation.nextAttemptAt).toBe(inDoubt.nowMs + 1_000);
  });

  test('that the provider decides later waits for its webhook, and asks in case it is lost', () => {
    const s = payment()
      .paymentRequested()
      .reported({ type: 'pending', reference: 'ch' })
      .emits('PaymentPending')
      .calls();
    expect(s.operation.state).toBe('awaiting_provider');
    s.later(1_500).calls();
    s.due().calls('find charge 19.90').reported({ type: 'pending', reference: 'ch' }).emits().calls();
    s.due().calls('find charge 19.90').timedOut().emits();
    expect(s.operation.state).toBe('awaiting_provider');
    s.approved().emits('PaymentSucceeded').approved().emits();
  });
});

const TIMEOUT: ProviderResult = { type: 'unknown', reason: 'timeout' };
const UNSENT: ProviderResult = { type: 'unknown', reason: 'provider unavailable', unsent: true };

describe('an outcome', () => {
  test('that a call never left counts once, however often it is reported', () => {
    // The first call left; the second did not. Reported twice, both would count as never made.
    const s = payment().paymentRequested().timedOut().due().notFound().unsent();
    const { row } = s;
    expect(s.operation.calls).toBe(1);
    expect(s.unsent().emits().calls().row).toBe(row);
    // So the charge of a cancelled order is not given up while the first call may still arrive.
    s.orderCancelled().emits().calls();
    s.due().calls('find charge 19.90').approved().emits('PaymentSucceeded').calls('send refund 19.90');
  });

  test.each<[string, ProviderResult, (s: PaymentStory) => PaymentStory]>([
    ['unknown', TIMEOUT, (s) => s],
    ['unsent', UNSENT, (s) => s],
    ['pending', { type: 'pending', reference: 'ch' }, (s) => s],
    ['not found', { type: 'not_found' }, (s) => s.timedOut().due()],
  ])('%s reported twice by the same call changes nothing the second time', (_, result, before) => {
    const s = before(payment().paymentRequested());
    const [call] = s.effects;
    const { row } = s.reportedBy(call!, result);
    expect(s.reportedBy(call!, result).emits().calls().row).toBe(row);
    if (result.type === 'pending') expect(s.reportedOfKey(call!.operation.key, result).emits().calls().row).toBe(row);
  });

  test.each<[string, ProviderResult]>([
    ['unknown', TIMEOUT],
    ['unsent', UNSENT],
    ['not found', { type: 'not_found' }],
  ])('%s reported by a call after a later one was made changes nothing', (_, result) => {
    const s = payment().paymentRequested();
    const [first] = s.effects;
    // The outcome of the first call is not known, so the provider is asked.
    s.due().calls('find charge 19.90');
    const { row } = s;
    expect(s.reportedBy(first!, result).emits().calls().row).toBe(row);
    s.notFound().calls('send charge 19.90');
    s.reportedBy(first!, result).emits().calls();
    expect(s.operation).toMatchObject({ calls: 2, lastCall: 3 });
    // The last one still counts.
    expect(s.unsent().operation.calls).toBe(1);
  });

  test('that is a fact holds whichever call reports it, after whatever was made since', () => {
    const s = payment().paymentRequested();
    const [first] = s.effects;
    s.due().notFound().calls('send charge 19.90');
    s.reportedBy(first!, { type: 'approved', reference: 'ch' }).emits('PaymentSucceeded');
    expect(s.notFound().emits().calls().payment.captured).toBe(1990n);
  });

  test('of a question counts by when it was asked, not by when it was answered', () => {
    const s = payment().paymentRequested().timedOut().orderCancelled();
    s.later(29_000).calls('find charge 19.90');
    const [question] = s.effects;
    s.nowMs += 1_500;
    // The charge may have arrived meanwhile: it is asked about once more.
    s.reportedBy(question!, { type: 'not_found' }).emits();
    s.due().calls('find charge 19.90').approved().emits('PaymentSucceeded').calls('send refund 19.90');
  });

  test('of an operation saved before calls had numbers is found by asking', () => {
    const s = payment().paymentRequested().withoutCallNumbers();
    s.due().calls('find charge 19.90').approved().emits('PaymentSucceeded');
  });
});

test('waiting doubles up to its limit', () => {
  expect([0, 1, 2, 10].map((times) => doubled(500, times, 60_000))).toEqual([500, 1_000, 2_000, 60_000]);
});
