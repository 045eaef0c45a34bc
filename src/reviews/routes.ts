import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Database } from '#platform/database/database.ts';
import { commandOnce } from '#platform/http/commands.ts';
import { idCursor, idOfCursor, pageOf } from '#platform/http/paging.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { Problem } from '#platform/http/problems.ts';
import {
  Amount,
  Currency,
  CustomerMessage,
  Id,
  IdText,
  limitOf,
  PageOf,
  pageParameters,
  strict,
  Text,
  Time,
  type View,
} from '#platform/http/schemas.ts';
import type { Processor } from '#platform/processor/processor.ts';
import { exportReviews } from './export.ts';
import { reviewFilterOf, reviewParameters } from './filter.ts';
import { REVIEW_STATUSES, type Review, type ReviewCommand, type ReviewOpened } from './rules.ts';
import { findReview, listReviews, type OrderReview } from './store.ts';

export interface ReviewRoutesOptions {
  readonly processor: Processor<Review, ReviewCommand, ReviewOpened>;
  readonly database: Database;
}

const ReviewParams = Type.Object({ id: IdText });
const Status = Type.String({ enum: [...REVIEW_STATUSES] });
const ListQuery = Type.Object(
  {
    ...reviewParameters,
    sort: Type.Optional(
      Type.String({ enum: ['-openedAt', 'openedAt'], description: 'Newest first (default) or oldest first' }),
    ),
    ...pageParameters,
  },
  strict,
);
const ApproveBody = Type.Object(
  { reason: Text(1_000, { minLength: 1 }) },
  { ...strict, examples: [{ reason: 'Called the customer' }] },
);
const RejectBody = Type.Object(
  { ...ApproveBody.properties, customerMessage: Type.Optional(CustomerMessage) },
  { ...strict, examples: [{ reason: 'Address does not exist', customerMessage: 'We could not verify your address.' }] },
);
const ReviewView = Type.Object(
  {
    id: Id,
    orderId: Id,
    status: Status,
    number: Type.Optional(Type.String({ description: 'What people call the order' })),
    reference: Type.Optional(Type.String()),
    customerId: Type.Optional(Type.String({ description: 'None: a guest' })),
    totalAmount: Type.Optional(Amount),
    currency: Type.Optional(Currency),
    reasons: Type.Array(Type.String()),
    openedAt: Time,
    deadlineAt: Time,
    reason: Type.Optional(Type.String({ description: 'Why it was decided so' })),
    customerMessage: Type.Optional(Type.String({ description: 'What was written for the customer' })),
    decidedBy: Type.Optional(Type.String()),
    decidedAt: Type.Optional(Time),
  },
  { title: 'Review' },
);
const tags = ['reviews'];
const FIRST = { id: '$response.body#/items/0/id' };
const OF_FIRST = { readReview: FIRST, approveReview: FIRST, rejectReview: FIRST };

function view({
  orderId,
  reviewId,
  status,
  reasons,
  openedAt,
  deadlineAt,
  about,
  decision,
}: OrderReview): View<typeof ReviewView> {
  return {
    id: reviewId,
    orderId,
    status,
    ...about,
    reasons,
    openedAt,
    deadlineAt,
    ...(decision && {
      reason: decision.reason,
      customerMessage: decision.customerMessage,
      decidedBy: decision.by,
      decidedAt: decision.at,
    }),
  };
}

export function reviewRoutes(app: FastifyInstance, { processor, database }: ReviewRoutesOptions): void {
  const find = async (reviewId: string): Promise<OrderReview> => {
    const review = await findReview(database, reviewId);
    if (!review) throw new Problem('REVIEW_NOT_FOUND', `There is no review ${reviewId}.`);
    return review;
  };

  const decide = (
    request: FastifyRequest,
    reviewId: string,
    decision:
      | { readonly type: 'approve'; readonly reason: string }
      | { readonly type: 'reject'; readonly reason: string; readonly customerMessage?: string },
  ): Promise<View<typeof ReviewView>> =>
    commandOnce(request, {
      database,
      processor,
      async wanted() {
        const { orderId } = await find(reviewId);
        return { orderId, command: { ...decision, by: request.principal.name } };
      },
      answer: ({ row }) => view({ orderId: row.id, ...row.state! }),
      repeat: async () => view(await find(reviewId)),
    });

  app.get<{ Querystring: Static<typeof ListQuery> }>(
    '/reviews',
    {
      config: { permission: 'reviews:read' },
      schema: {
        operationId: 'listReviews',
        tags,
        summary: 'Reviews, newest first unless asked otherwise',
        querystring: ListQuery,
        response: { 200: answer('A page of reviews', PageOf(ReviewView), { links: OF_FIRST }) },
      },
    },
    async (request) => {
      const { limit, cursor, sort } = request.query;
      const size = limitOf(limit);
      const reviews = await listReviews(database, {
        ...reviewFilterOf(request.query),
        oldestFirst: sort === 'openedAt',
        after: cursor === undefined ? undefined : idOfCursor(cursor),
        limit: size + 1,
      });
      return pageOf(reviews, size, view, ({ reviewId }) => idCursor(reviewId));
    },
  );

  exportReviews(app, database);

  app.get<{ Params: Static<typeof ReviewParams> }>(
    '/reviews/:id',
    {
      config: { permission: 'reviews:read', refusals: ['REVIEW_NOT_FOUND'] },
      schema: {
        operationId: 'readReview',
        tags,
        summary: 'One review',
        params: ReviewParams,
        response: { 200: answer('The review', ReviewView) },
      },
    },
    async (request) => view(await find(request.params.id.toLowerCase())),
  );

  for (const type of ['approve', 'reject'] as const) {
    const summary = type === 'approve' ? 'Let the order go on' : 'End the order';
    app.post<{ Params: Static<typeof ReviewParams>; Body: Static<typeof RejectBody> }>(
      `/reviews/:id/${type}`,
      {
        config: {
          permission: 'reviews:decide',
          idempotencyKey: 'accepted',
          refusals: ['REVIEW_NOT_FOUND', 'REVIEW_DECIDED', 'OVERLOADED'],
        },
        schema: {
          operationId: `${type}Review`,
          tags,
          summary,
          params: ReviewParams,
          body: type === 'approve' ? ApproveBody : RejectBody,
          response: { 200: answer('The review, decided', ReviewView) },
        },
      },
      (request) => decide(request, request.params.id.toLowerCase(), { type, ...request.body }),
    );
  }
}
