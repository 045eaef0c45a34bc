import { describe, expect, test } from 'vitest';
import { idOf, NOON_MS, RulesStory } from '#tests/support/rules.ts';
import { type Review, type ReviewCommand, type ReviewOpened, reviewRules } from './rules.ts';

const DEADLINE_MS = 3_600_000;

class Story extends RulesStory<Review, ReviewCommand, ReviewOpened> {
  constructor() {
    super(reviewRules({ deadlineMs: DEADLINE_MS }));
  }
  created(...reviewReasons: string[]): this {
    return this.reads('OrderCreated', { reviewReasons });
  }
  approve(): this {
    return this.when({ type: 'approve', reason: 'known customer', by: 'ada' });
  }
  reject(): this {
    return this.when({ type: 'reject', reason: 'fraud', by: 'ada' });
  }
}

const pending = (): Story => new Story().created('requested', 'large total');

describe('opening', () => {
  test('a flagged order opens a review with a deadline', () => {
    const deadlineAt = '2026-11-22T13:00:00.000Z';
    const story = pending();
    expect(story.events).toEqual([
      { type: 'OrderOnHold', data: { reviewId: idOf(1), reasons: ['requested', 'large total'], deadlineAt } },
    ]);
    expect(story.row.state).toMatchObject({ status: 'pending', deadlineAt });
    expect(story.last).toMatchObject({ effects: [{ deadlineMs: NOON_MS + DEADLINE_MS }] });
  });

  test('any other order leaves no row', () => {
    const story = new Story().created();
    expect(story.last).toMatchObject({ ignored: 'nothing asks for a review' });
    expect(story.row.revision).toBe(0);
  });

  test('a duplicate opens nothing', () => {
    const story = new Story();
    const event = story.event('OrderCreated', { reviewReasons: ['requested'] });
    expect(story.readsEvent(event).readsEvent(event).last).toMatchObject({ ignored: 'duplicate', events: [] });
  });
});

describe('deciding', () => {
  test('approving and rejecting name who decided and why', () => {
    expect(pending().approve().events).toEqual([
      { type: 'ReviewApproved', data: { reviewId: idOf(1), reason: 'known customer', by: 'ada' } },
    ]);
    expect(pending().reject().events).toEqual([
      { type: 'ReviewRejected', data: { reviewId: idOf(1), reason: 'fraud', by: 'ada' } },
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
    story.later(DEADLINE_MS - 1);
    expect(story.when({ type: 'expire' }).events).toEqual([]);
    story.later(1);
    expect(story.when({ type: 'expire' }).events).toEqual([
      { type: 'ReviewRejected', data: { reviewId: idOf(1), reason: 'not reviewed in time', by: 'timer' } },
    ]);
  });

  test('passing after a decision changes nothing', () => {
    const story = pending().approve();
    story.later(DEADLINE_MS);
    expect(story.when({ type: 'expire' }).events).toEqual([]);
    expect(story.row.state).toMatchObject({ status: 'approved' });
  });
});

describe('the end of the order', () => {
  test.each(['OrderCancelled', 'OrderRejected', 'OrderPaymentFailed'] as const)(
    '%s closes a pending review without an event',
    (type) => {
      const story = pending();
      story.reads(type);
      expect(story.events).toEqual([]);
      expect(story.row.state).toMatchObject({ status: 'closed' });
      expect(story.approve().last).toMatchObject({ refused: 'REVIEW_DECIDED' });
    },
  );

  test('leaves a decision as it was', () => {
    const story = pending().reject();
    story.reads('OrderCancelled');
    expect(story.row.state).toMatchObject({ status: 'rejected', decision: { by: 'ada' } });
  });

  test('of an order without a review is ignored without a row', () => {
    const story = new Story();
    story.reads('OrderCancelled');
    expect(story.last).toMatchObject({ ignored: 'the order is not reviewed' });
    expect(story.row.revision).toBe(0);
  });
});
