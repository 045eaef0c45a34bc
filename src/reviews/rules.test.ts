import { describe, expect, test } from 'vitest';
import type { Envelope } from '#contracts/envelope.ts';
import { isRefusal, type Refusal } from '#contracts/errors.ts';
import { type EventData, type EventType, ORDER_EVENTS } from '#contracts/order-events.ts';
import { emptyRow, type Folded, foldCommand, foldEvent, type Row } from '#platform/processor/aggregate.ts';
import { type Review, type ReviewCommand, type ReviewOpened, reviewRules } from './rules.ts';

const ORDER = '0192f0c1-2a3b-7c4d-8e5f-0123456789ab';
const START_MS = Date.parse('2026-11-22T12:00:00.000Z');
const DEADLINE_MS = 3_600_000;
const rules = reviewRules({ deadlineMs: DEADLINE_MS });

class Story {
  row: Row<Review> = emptyRow(ORDER);
  nowMs = START_MS;
  last: Folded<Review, ReviewOpened> | Refusal | undefined;
  #sequence = 0;

  #context() {
    const shared = { get: () => undefined };
    return { nowMs: this.nowMs, newId: () => 'review-1', shared };
  }
  event<T extends EventType>(type: T, data: EventData<T> = ORDER_EVENTS[type].example as EventData<T>): Envelope {
    const sequence = ++this.#sequence;
    return {
      id: `e${sequence}`,
      source: ORDER_EVENTS[type].source,
      type,
      subject: ORDER,
      sequence,
      time: new Date(this.nowMs).toISOString(),
      correlationid: 'c',
      causationid: 'k',
      data,
    };
  }
  hears(event: Envelope): this {
    const folded = foldEvent(rules, this.row, event, this.#context());
    this.row = folded.row;
    this.last = folded;
    return this;
  }
  does(command: ReviewCommand): this {
    this.last = foldCommand(rules, this.row, command, { causationid: 'k', correlationid: 'c' }, this.#context());
    if (!isRefusal(this.last)) this.row = this.last.row;
    return this;
  }
  created(...reviewReasons: string[]): this {
    return this.hears(
      this.event('OrderCreated', { ...ORDER_EVENTS.OrderCreated.example, reviewReasons } as EventData<'OrderCreated'>),
    );
  }
  approve(): this {
    return this.does({ type: 'approve', reason: 'known customer', by: 'ada' });
  }
  reject(): this {
    return this.does({ type: 'reject', reason: 'fraud', by: 'ada' });
  }
  get told(): unknown[] {
    return this.last && !isRefusal(this.last) ? this.last.events.map(({ type, data }) => ({ type, data })) : [];
  }
}

const pending = (): Story => new Story().created('requested', 'large total');

describe('opening', () => {
  test('a flagged order opens a review with a deadline', () => {
    const deadlineAt = '2026-11-22T13:00:00.000Z';
    const story = pending();
    expect(story.told).toEqual([
      { type: 'OrderOnHold', data: { reviewId: 'review-1', reasons: ['requested', 'large total'], deadlineAt } },
    ]);
    expect(story.row.state).toMatchObject({ status: 'pending', deadlineAt });
    expect(story.last).toMatchObject({ effects: [{ deadlineMs: START_MS + DEADLINE_MS }] });
  });

  test('any other order leaves no row', () => {
    const story = new Story().created();
    expect(story.last).toMatchObject({ ignored: 'nothing asks for a review' });
    expect(story.row.revision).toBe(0);
  });

  test('a duplicate opens nothing', () => {
    const story = new Story();
    const event = story.event('OrderCreated', {
      ...ORDER_EVENTS.OrderCreated.example,
      reviewReasons: ['requested'],
    } as EventData<'OrderCreated'>);
    expect(story.hears(event).hears(event).last).toMatchObject({ ignored: 'duplicate', events: [] });
  });
});

describe('deciding', () => {
  test('approving and rejecting name who decided and why', () => {
    expect(pending().approve().told).toEqual([
      { type: 'ReviewApproved', data: { reviewId: 'review-1', reason: 'known customer', by: 'ada' } },
    ]);
    expect(pending().reject().told).toEqual([
      { type: 'ReviewRejected', data: { reviewId: 'review-1', reason: 'fraud', by: 'ada' } },
    ]);
  });

  test('happens once', () => {
    expect(pending().approve().reject().last).toMatchObject({ refused: 'REVIEW_DECIDED' });
    expect(pending().reject().reject().last).toMatchObject({ refused: 'REVIEW_DECIDED' });
  });

  test('of an order without a review is refused', () => {
    expect(new Story().approve().last).toMatchObject({ refused: 'REVIEW_NOT_FOUND' });
  });
});

describe('the deadline', () => {
  test('rejects a review nobody decided, and not a moment earlier', () => {
    const story = pending();
    story.nowMs += DEADLINE_MS - 1;
    expect(story.does({ type: 'expire' }).told).toEqual([]);
    story.nowMs += 1;
    expect(story.does({ type: 'expire' }).told).toEqual([
      { type: 'ReviewRejected', data: { reviewId: 'review-1', reason: 'not reviewed in time', by: 'timer' } },
    ]);
  });

  test('passing after a decision changes nothing', () => {
    const story = pending().approve();
    story.nowMs += DEADLINE_MS;
    expect(story.does({ type: 'expire' }).told).toEqual([]);
    expect(story.row.state).toMatchObject({ status: 'approved' });
  });
});

describe('the end of the order', () => {
  test.each(['OrderCancelled', 'OrderRejected', 'OrderPaymentFailed'] as const)(
    '%s closes a pending review without an event',
    (type) => {
      const story = pending();
      story.hears(story.event(type));
      expect(story.told).toEqual([]);
      expect(story.row.state).toMatchObject({ status: 'closed' });
      expect(story.approve().last).toMatchObject({ refused: 'REVIEW_DECIDED' });
    },
  );

  test('leaves a decision as it was', () => {
    const story = pending().reject();
    story.hears(story.event('OrderCancelled'));
    expect(story.row.state).toMatchObject({ status: 'rejected', decision: { by: 'ada' } });
  });

  test('of an order without a review is ignored without a row', () => {
    const story = new Story();
    story.hears(story.event('OrderCancelled'));
    expect(story.last).toMatchObject({ ignored: 'the order is not reviewed' });
    expect(story.row.revision).toBe(0);
  });
});
