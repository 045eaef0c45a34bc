import { describe, expect, test } from 'vitest';
import type { EventType } from '#contracts/order-events.ts';
import { EXTERNAL } from '#contracts/order-events.ts';
import { PAYMENT_PROVIDERS } from '#contracts/payment-providers.ts';
import { paid, payment, type PaymentStory } from '#tests/support/payment-story.ts';
import { nextAttemptOf, type PaymentEffect } from './model.ts';
import type { Operation, ProviderBooks, ProviderResult } from './operation.ts';

/**
 * Facts about a payment beyond its charge: the customer acts, people move money at the provider, banks decide disputes.
 * They arrive late, twice, as they stood before, or not at all; whatever the order, it ends alike. Every order of up to
 * six arrivals is tried, for every provider whose books can be read.
 */

const ARRIVALS = ['reply', 'webhook', 'news', 'before', 'books'] as const;
type Arrival = (typeof ARRIVALS)[number];
const ARRIVALS_MAX = 6;
/** Steps until everything is known, at most. */
const STEPS_MAX = 12;

const NOTHING: ProviderBooks = { captured: '19.90', held: '0.00', refunds: [], disputes: [] };
const DISPUTE = { id: 'du_1', amount: '14.90', reason: 'fraudulent' } as const;
const GIVEN = { reference: 're_1', amount: '5.00' };

/** How a payment stands at the provider at some moment, and at the end; and what we are to have of it then. */
interface Fate {
  readonly before: ProviderBooks;
  readonly books: ProviderBooks;
  readonly refunded: bigint;
  readonly events: readonly EventType[];
}
const FATES: Readonly<Record<string, Fate>> = {
  'refunded there': {
    before: NOTHING,
    books: { ...NOTHING, refunds: [GIVEN] },
    refunded: 500n,
    events: ['PaymentRefunded', 'PaymentSucceeded'],
  },
  'disputed, and the dispute lost': {
    before: { ...NOTHING, refunds: [GIVEN], disputes: [{ ...DISPUTE, status: 'open' }] },
    books: { ...NOTHING, refunds: [GIVEN], disputes: [{ ...DISPUTE, status: 'lost' }] },
    refunded: 1990n,
    events: ['PaymentDisputeClosed', 'PaymentDisputed', 'PaymentRefunded', 'PaymentRefunded', 'PaymentSucceeded'],
  },
  'disputed, and the dispute won': {
    before: { ...NOTHING, disputes: [{ ...DISPUTE, status: 'open' }] },
    books: { ...NOTHING, disputes: [{ ...DISPUTE, status: 'won' }] },
    refunded: 0n,
    events: ['PaymentDisputeClosed', 'PaymentDisputed', 'PaymentSucceeded'],
  },
};
const CHARGED: ProviderResult = { type: 'approved', reference: 'pi_1' };
const ACTION: ProviderResult = { type: 'pending', reference: 'pi_1', action: { clientSecret: 's' } };

class Arriving {
  readonly story: PaymentStory;
  readonly #fate: Fate;
  readonly #first: PaymentEffect;
  readonly #events: EventType[] = [];
  #calls: PaymentEffect[] = [];

  constructor(provider: string, fate: Fate) {
    this.#fate = fate;
    this.story = payment({ providers: new Set([provider]) }).paymentRequested({ provider });
    this.#first = this.story.effects[0]!;
  }

  #note(story: PaymentStory): void {
    this.#events.push(...story.events.map(({ type }) => type as EventType).filter((type) => type !== 'PaymentPending'));
    this.#calls.push(...story.effects);
  }

  #report(result: ProviderResult, call?: number): void {
    this.#note(this.story.reportedOfKey(this.#first.operation.key, result, call));
  }

  arrives(arrival: Arrival): void {
    if (arrival === 'reply') return this.#report(ACTION, this.#first.operation.lastCall);
    if (arrival === 'webhook') return this.#report({ type: 'changed' });
    if (arrival === 'news') return this.#note(this.story.when({ type: 'news' }));
    this.#answer(arrival === 'before' ? this.#fate.before : this.#fate.books);
  }

  /** The oldest call under way is answered, if there is one. */
  #answer(books: ProviderBooks): void {
    const call = this.#calls.shift();
    if (!call) return;
    if (call.call !== 'look') return this.#report(CHARGED, call.operation.lastCall);
    this.#note(this.story.when({ type: 'books', look: call.look!, result: { type: 'books', books } }));
  }

  /** Everything that is still to come comes, and one last notice. */
  end(): string {
    for (const _ of Array.from({ length: STEPS_MAX })) {
      while (this.#calls.length > 0) this.#answer(this.#fate.books);
      const next = nextAttemptOf(this.story.payment);
      if (next === undefined) break;
      this.#note(this.story.later(next - this.story.nowMs));
    }
    this.arrives('news');
    while (this.#calls.length > 0) this.#answer(this.#fate.books);
    const { status, captured, refunded, disputes, look, operations } = this.story.payment;
    const amounts = operations.map(({ kind, amount, state, providerReference }) =>
      [kind, amount, state, providerReference].join(' '),
    );
    const known = disputes?.map((dispute) => `${dispute.id} ${dispute.status}`);
    return JSON.stringify([
      status,
      String(captured),
      String(refunded),
      known,
      look,
      amounts.sort(),
      this.#events.sort(),
    ]);
  }
}

function* orders(length: number): Generator<Arrival[]> {
  if (length === 0) return yield [];
  for (const rest of orders(length - 1)) for (const arrival of ARRIVALS) yield [...rest, arrival];
}

const READABLE = Object.keys(PAYMENT_PROVIDERS).filter((name) => PAYMENT_PROVIDERS[name]!.books);

describe.each(READABLE)('a payment at %s', (provider) => {
  test.each(Object.entries(FATES))('that is %s ends alike in whatever order that becomes known', (_, fate) => {
    const first = new Arriving(provider, fate);
    const alike = first.end();
    let tried = 0;
    for (let length = 1; length <= ARRIVALS_MAX; length++)
      for (const arrivals of orders(length)) {
        const arriving = new Arriving(provider, fate);
        for (const arrival of arrivals) arriving.arrives(arrival);
        const end = arriving.end();
        tried++;
        // A dispute that ended before anybody heard of it is opened and closed at once: the same events.
        if (end !== alike) expect({ arrivals, end }).toEqual({ arrivals, end: alike });
      }
    expect(tried).toBeGreaterThan(19_000);
    expect(first.story.payment).toMatchObject({ captured: 1990n, refunded: fate.refunded, look: undefined });
    expect(JSON.parse(alike).at(-1)).toEqual(fate.events);
  });
});

describe('money that people receive', () => {
  const receipt = (amount: string) =>
    ({
      type: 'receive',
      receipt: { id: amount, amount, date: '2026-11-28', by: 'b', at: '2026-11-28T00:00:00Z' },
    }) as const;
  test.each([
    [['5.00', '10.00', '4.90']],
    [['10.00', '4.90', '5.00']],
    [['4.90', '5.00', '10.00']],
    [['10.00', '5.00', '4.90']],
  ])('in parts settles the order alike: %j', (parts) => {
    const s = payment({ providers: new Set(['manual']) }).paymentRequested({
      provider: 'manual',
      token: 'bank_transfer',
    });
    for (const part of parts.slice(0, -1)) s.when(receipt(part)).emits();
    s.when(receipt(parts.at(-1)!)).emits('PaymentSucceeded');
    expect(s.payment).toMatchObject({ status: 'CAPTURED', captured: 1990n });
  });
});

test('every provider that takes calls is in one of the lists of arrivals', () => {
  const called = Object.keys(PAYMENT_PROVIDERS).filter((name) => name !== EXTERNAL && !PAYMENT_PROVIDERS[name]!.byHand);
  expect(called.toSorted()).toEqual(['paypal', 'sandbox', 'stripe']);
});

describe('the books of a provider', () => {
  const books = (s: PaymentStory, more: Partial<ProviderBooks>): PaymentStory =>
    s.when({ type: 'books', look: 0, result: { type: 'books', books: { ...NOTHING, ...more } } });
  const stripe = (): PaymentStory =>
    payment({ providers: new Set(['stripe']) })
      .paymentRequested({ provider: 'stripe' })
      .approved();

  test('are not asked for by a notice that says what is booked', () => {
    const s = stripe();
    const seen = (captured: string, held: string): PaymentStory =>
      s.reported({ type: 'changed', seems: { captured, held } });
    seen('19.90', '0.00').calls();
    s.reported({ type: 'changed', seems: {} }).calls();
    seen('10.00', '0.00').calls('look charge 19.90');
    expect(s.payment.look).toMatchObject({ number: 1, attempts: 1 });
  });
  test('are asked for again while nobody answers, after growing pauses, and not for ever', () => {
    const s = stripe();
    s.when({ type: 'news' });
    let asked = 1;
    let pause = 0;
    for (; s.payment.look; asked++) {
      const next = nextAttemptOf(s.payment)! - s.nowMs;
      expect(next).toBeGreaterThanOrEqual(pause);
      pause = next;
      s.later(next);
    }
    expect(asked).toBe(61);
    expect(pause).toBeLessThan(3_700_000);
  });
  test('that a refund of ours is in book nothing, and those of a cancelled order are undone by what is left', () => {
    const s = stripe().refundRequested('5.00');
    const { key } = s.operation;
    books(s, { refunds: [{ reference: 're_9', key, amount: '5.00' }] }).emits();
    s.approved().emits('PaymentRefunded');
    books(s, { refunds: [{ reference: 'ref-refund', key, amount: '5.00' }] }).emits();
    s.orderCancelled().calls('send refund 14.90');
    expect(s.payment.refunded).toBe(500n);
  });
  test('never make more of the money than there is', () => {
    const s = stripe();
    books(s, {
      refunds: [
        { reference: 'a', amount: '15.00' },
        { reference: 'b', amount: '15.00' },
      ],
    }).emits('PaymentRefunded');
    books(s, { disputes: [{ ...DISPUTE, amount: '19.90', status: 'lost' }] });
    expect(s.payment).toMatchObject({ captured: 1990n, refunded: 1990n });
    expect(s.data.find((data) => 'refunded' in (data as object))).toMatchObject({ amount: '4.90', disputeId: 'du_1' });
  });
  test('of a dispute that is lost end a refund that waited for it', () => {
    const s = stripe().orderCancelled().calls('send refund 19.90');
    s.declined('charge_disputed').emits('PaymentRefundFailed');
    books(s, { disputes: [{ ...DISPUTE, amount: '19.90', status: 'lost' }] });
    const waiting = (): Operation => s.payment.operations.find((operation) => operation.state === 'pending')!;
    s.later(waiting().nextAttemptAt! - s.nowMs).calls('send refund 19.90');
    s.reported({ type: 'declined', reason: 'charge_already_refunded' }, waiting());
    expect(nextAttemptOf(s.payment)).toBeUndefined();
    expect(s.payment).toMatchObject({ refunded: 1990n });
  });
  test('of the sandbox cannot be read', () => {
    paid().when({ type: 'news' }).emits().calls();
  });
});
