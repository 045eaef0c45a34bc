import { describe, expect, test } from 'vitest';
import type { EventType } from '#contracts/order-events.ts';
import { payment, type PaymentStory } from '#tests/support/payment-story.ts';
import type { PaymentEffect } from './model.ts';
import type { CallType, ProviderResult } from './operation.ts';

/**
 * What becomes known of a charge arrives by its reply, by webhook and by asking: late, twice, in any order, or not at all.
 * Whatever the order, it ends alike. Every order of up to six arrivals is tried.
 */

const ARRIVALS = ['reply', 'lost', 'webhook', 'asked'] as const;
type Arrival = (typeof ARRIVALS)[number];
const ARRIVALS_MAX = 6;
/** Questions until an outcome is known, at most: each arrival may have left one whose answer comes too late to count. */
const QUESTIONS_MAX = 2 * ARRIVALS_MAX;

/** How a charge stands at the provider: at the first call, and at the end. */
interface Fate {
  readonly atFirst: ProviderResult;
  readonly atLast: ProviderResult;
}
const APPROVED: ProviderResult = { type: 'approved', reference: 'ch_1' };
const DECLINED: ProviderResult = { type: 'declined', reason: 'card_declined' };
const FATES: Readonly<Record<string, Fate>> = {
  approved: { atFirst: APPROVED, atLast: APPROVED },
  declined: { atFirst: DECLINED, atLast: DECLINED },
  'approved later': { atFirst: { type: 'pending', reference: 'ch_1' }, atLast: APPROVED },
  'approved once the customer acted': {
    atFirst: { type: 'pending', reference: 'ch_1', action: { clientSecret: 's' } },
    atLast: APPROVED,
  },
  'declined by the customer’s bank': {
    atFirst: { type: 'pending', reference: 'ch_1', action: { clientSecret: 's' } },
    atLast: DECLINED,
  },
};
/** What a webhook says: the sandbox the fact, Stripe that there is news. */
const WEBHOOKS: Readonly<Record<string, (fact: ProviderResult) => ProviderResult>> = {
  sandbox: (fact) => fact,
  stripe: () => ({ type: 'changed' }),
  paypal: () => ({ type: 'changed' }),
};

/** What a question is answered, where it is not the fact: at PayPal what the customer approved is taken by the charge, sent once more. */
const ANSWERS: Readonly<Record<string, (fact: ProviderResult, call: CallType) => ProviderResult>> = {
  paypal: (fact, call) => (fact.type === 'approved' && call === 'find' ? { type: 'not_found' } : fact),
};

/** One charge under way. */
class Arriving {
  readonly story: PaymentStory;
  readonly #fate: Fate;
  readonly #webhook: (fact: ProviderResult) => ProviderResult;
  readonly #sendsAgain: boolean;
  readonly #answer: (fact: ProviderResult, call: CallType) => ProviderResult;
  readonly #first: PaymentEffect;
  /** Events that were emitted, without those that only say that it takes longer. */
  readonly events: EventType[] = [];
  #questions: PaymentEffect[] = [];

  constructor(provider: string, fate: Fate) {
    this.#fate = fate;
    this.#webhook = WEBHOOKS[provider]!;
    this.#sendsAgain = provider in ANSWERS;
    this.#answer = ANSWERS[provider] ?? ((fact) => fact);
    this.story = payment({ providers: new Set([provider]) }).paymentRequested({ provider });
    this.#first = this.story.effects[0]!;
  }

  get #isOpen(): boolean {
    return this.story.operation.state !== 'succeeded' && this.story.operation.state !== 'failed';
  }

  #report(result: ProviderResult, call?: number): void {
    this.#note(this.story.reportedOfKey(this.#first.operation.key, result, call));
  }

  #note(story: PaymentStory): void {
    this.events.push(...story.events.map(({ type }) => type as EventType).filter((type) => type !== 'PaymentPending'));
    this.#questions.push(...story.effects);
  }

  arrives(arrival: Arrival): void {
    const { lastCall } = this.#first.operation;
    if (arrival === 'reply') return this.#report(this.#fate.atFirst, lastCall);
    if (arrival === 'lost') return this.#report({ type: 'unknown', reason: 'timeout' }, lastCall);
    if (arrival === 'webhook') return this.#report(this.#webhook(this.#fate.atLast));
    this.ask();
  }

  /** A question is answered: one under way, or else the next that is due. */
  ask(): void {
    if (this.#questions.length === 0 && this.#isOpen) this.#note(this.story.due());
    const question = this.#questions.shift();
    if (question) this.#report(this.#answer(this.#fate.atLast, question.call), question.operation.lastCall);
  }

  /** Nothing arrives any more; what is open is asked for. */
  end(): object {
    for (let asked = 0; this.#isOpen; asked++) {
      if (asked === QUESTIONS_MAX) throw new Error(`It is still open after ${asked} questions`);
      this.ask();
    }
    const { status, authorized, captured, refunded, voided, operations } = this.story.payment;
    const outcomes = operations.map(({ kind, amount, key, state, reason, action, nextAttemptAt, calls }) => ({
      kind,
      amount,
      key,
      state,
      reason,
      action,
      nextAttemptAt,
      // How often it was sent is in the order of arrival where a charge is sent once more.
      ...(!this.#sendsAgain && { calls }),
    }));
    return { status, authorized, captured, refunded, voided, outcomes, events: this.events };
  }
}

function* orders(length: number): Generator<Arrival[]> {
  if (length === 0) return yield [];
  for (const rest of orders(length - 1)) for (const arrival of ARRIVALS) yield [...rest, arrival];
}

describe.each(Object.keys(WEBHOOKS))('a charge at %s', (provider) => {
  test.each(Object.entries(FATES))('that is %s ends alike in whatever order that becomes known', (_, fate) => {
    const alike = JSON.stringify(new Arriving(provider, fate).end(), minor);
    for (let length = 1; length <= ARRIVALS_MAX; length++)
      for (const arrivals of orders(length)) {
        const arriving = new Arriving(provider, fate);
        for (const arrival of arrivals) arriving.arrives(arrival);
        const end = JSON.stringify(arriving.end(), minor);
        // Compared as text: a comparison by the test library for each of thousands would take the time.
        if (end !== alike) expect({ arrivals, end }).toEqual({ arrivals, end: alike });
      }
    expect(JSON.parse(alike).events).toEqual([fate.atLast === APPROVED ? 'PaymentSucceeded' : 'PaymentFailed']);
  });
});

function minor(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
