import { Type } from 'typebox';
import { defineEvent, type EventDefinition } from '#contracts/envelope.ts';
import { CustomerMessage, Id, Reason, SOURCES, Time, exampleId, exampleTime } from './vocabulary.ts';

const source = SOURCES.reviews;

/** What the reviews service emits. */
export const REVIEWS_EVENTS = {
  OrderOnHold: defineEvent({
    source,
    meaning: 'A manual review of the order was opened; it is not charged before the review is approved.',
    data: Type.Object({ reviewId: Id, reasons: Type.Array(Type.String()), deadlineAt: Time }),
    example: { reviewId: exampleId, reasons: ['requested'], deadlineAt: exampleTime },
  }),
  ReviewApproved: defineEvent({
    source,
    meaning: 'The review allows the order to go on.',
    data: Type.Object({ reviewId: Id, reason: Reason, by: Type.String() }),
    example: { reviewId: exampleId, reason: 'known customer', by: 'operator' },
  }),
  ReviewRejected: defineEvent({
    source,
    meaning: 'The review ends the order.',
    data: Type.Object({
      reviewId: Id,
      reason: Reason,
      by: Type.String(),
      customerMessage: Type.Optional(CustomerMessage),
    }),
    example: { reviewId: exampleId, reason: 'fraud', by: 'operator' },
  }),
} as const satisfies Record<string, EventDefinition>;
