import { refuse } from '#contracts/errors.ts';
import { SOURCES } from '#contracts/order-events.ts';
import { isoMs, isoTime } from '#contracts/time.ts';
import { ignore, type Rules } from '#platform/processor/aggregate.ts';

/**
 * A flagged order is reviewed once, by a person. Until then the order's own hold keeps it from being charged;
 * a review nobody decides in time rejects the order, so that none waits for ever.
 */

export type ReviewStatus = 'pending' | 'approved' | 'rejected' | 'closed';
export const REVIEW_STATUSES: readonly ReviewStatus[] = ['pending', 'approved', 'rejected', 'closed'];

export interface Review {
  readonly reviewId: string;
  readonly status: ReviewStatus;
  /** Why the order is reviewed. */
  readonly reasons: readonly string[];
  readonly openedAt: string;
  /** What the order is about, as it was then; undefined where a version opened it that did not keep it. */
  readonly about?: {
    readonly totalAmount: string;
    readonly currency: string;
    readonly customerId?: string;
    readonly reference?: string;
    readonly number?: string;
  };
  readonly deadlineAt: string;
  /** How it ended: why, by whom, when. */
  readonly decision?: {
    readonly reason: string;
    readonly by: string;
    readonly at: string;
    readonly customerMessage?: string;
  };
}

export type ReviewCommand =
  | { readonly type: 'approve'; readonly reason: string; readonly by: string }
  | {
      readonly type: 'reject';
      readonly reason: string;
      /** For the customer, who reads nothing else of why. */
      readonly customerMessage?: string | undefined;
      readonly by: string;
    }
  /** The timer found the deadline passed; the rules check it against the row. */
  | { readonly type: 'expire' };

/** A review was opened that the timer has to watch. */
export interface ReviewOpened {
  readonly deadlineMs: number;
}

export type ReviewRules = Rules<Review, ReviewCommand, ReviewOpened>;

const TIMER = 'timer';
const EXPIRED = 'not reviewed in time';

/** What makes a review pointless: the order ended. */
const CLOSERS: Readonly<Record<string, string>> = {
  OrderCancelled: 'the order was cancelled',
  OrderRejected: 'the order was rejected for want of stock',
  OrderPaymentFailed: 'the payment of the order failed',
};

export function reviewRules({ deadlineMs }: { readonly deadlineMs: number }): ReviewRules {
  return {
    source: SOURCES.reviews,
    consumes: ['OrderCreated', 'OrderCancelled', 'OrderRejected', 'OrderPaymentFailed'],

    react(event, review, { nowMs, newId }) {
      if (event.type === 'OrderCreated') {
        const reasons = event.data.reviewReasons;
        if (reasons.length === 0) return ignore('nothing asks for a review');
        if (review) return ignore('the review was opened before');
        // The order names the review and its deadline, so that both show the same; orders of former versions name neither.
        const { reviewId = newId(), deadlineAt = isoTime(nowMs + deadlineMs) } = event.data.review ?? {};
        const { totalAmount, currency, customerId, reference, number } = event.data;
        const about = {
          totalAmount,
          currency,
          ...(customerId !== undefined && { customerId }),
          ...(reference !== undefined && { reference }),
          ...(number !== undefined && { number }),
        };
        const opened: Review = { reviewId, status: 'pending', reasons, openedAt: isoTime(nowMs), about, deadlineAt };
        return {
          state: opened,
          events: [{ type: 'OrderOnHold', data: { reviewId, reasons: [...reasons], deadlineAt } }],
          effects: [{ deadlineMs: isoMs(deadlineAt) }],
        };
      }
      const because = CLOSERS[event.type];
      if (because === undefined) throw new Error(`Reviews does not consume ${event.type}`);
      if (!review) return ignore('the order is not reviewed');
      if (review.status !== 'pending') return ignore('the review was decided before');
      return { state: decided(review, 'closed', because, 'orders', nowMs), events: [] };
    },

    decide(command, review, { nowMs }) {
      if (!review) return refuse('REVIEW_NOT_FOUND', 'The order is not reviewed.');
      const { reviewId } = review;
      if (command.type === 'expire') {
        // Decided, closed, or not due: the timer was late or early, and there is nothing to do.
        if (review.status !== 'pending' || review.deadlineAt > isoTime(nowMs)) return { state: review, events: [] };
        return {
          state: decided(review, 'rejected', EXPIRED, TIMER, nowMs),
          events: [{ type: 'ReviewRejected', data: { reviewId, reason: EXPIRED, by: TIMER } }],
        };
      }
      if (review.status !== 'pending')
        return refuse(
          'REVIEW_DECIDED',
          `The review was ${review.status} by ${review.decision!.by}: ${review.decision!.reason}.`,
        );
      const { reason, by } = command;
      if (command.type === 'approve')
        return {
          state: decided(review, 'approved', reason, by, nowMs),
          events: [{ type: 'ReviewApproved', data: { reviewId, reason, by } }],
        };
      const message = command.customerMessage === undefined ? {} : { customerMessage: command.customerMessage };
      const rejected = decided(review, 'rejected', reason, by, nowMs);
      return {
        state: { ...rejected, decision: { ...rejected.decision!, ...message } },
        events: [{ type: 'ReviewRejected', data: { reviewId, reason, by, ...message } }],
      };
    },
  };
}

function decided(review: Review, status: ReviewStatus, reason: string, by: string, nowMs: number): Review {
  return { ...review, status, decision: { reason, by, at: isoTime(nowMs) } };
}
