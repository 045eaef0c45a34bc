import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { isRefusal } from '#contracts/errors.ts';
import { isUuid } from '#contracts/ids.ts';
import { type Database, isUniqueViolation } from '#platform/database/database.ts';
import { requestKey, storedAnswer } from '#platform/http/idempotency.ts';
import { Problem, problemOfRefusal } from '#platform/http/problems.ts';
import type { Lane } from '#platform/lane.ts';
import { REVIEW_STATUSES, type Review, type ReviewCommand, type ReviewOpened, type ReviewStatus } from './rules.ts';
import { findReview, listReviews, type OrderReview } from './store.ts';

export interface ReviewRoutes {
  readonly lane: Lane<Review, ReviewCommand, ReviewOpened>;
  readonly database: Database;
}

const PAGE_DEFAULT = 50;
const PAGE_MAX = 200;

const ReviewParams = Type.Object({ id: Type.String({ format: 'uuid' }) });
const ListQuery = Type.Object(
  {
    status: Type.Optional(Type.String({ enum: [...REVIEW_STATUSES] })),
    limit: Type.Optional(
      Type.String({
        pattern: '^[1-9]\\d{0,2}$',
        description: `Reviews per page, at most ${PAGE_MAX}; ${PAGE_DEFAULT} by default`,
      }),
    ),
    cursor: Type.Optional(Type.String({ maxLength: 100, description: 'The nextCursor of the page before' })),
  },
  { additionalProperties: false },
);
const DecisionBody = Type.Object(
  { reason: Type.String({ minLength: 1, maxLength: 1000 }) },
  { additionalProperties: false },
);
const KeyHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({ description: 'A fresh value per intent; the same key and body get the same answer' }),
  ),
});
const tags = ['reviews'];

function view({
  orderId,
  reviewId,
  status,
  reasons,
  openedAt,
  deadlineAt,
  decision,
}: OrderReview): Record<string, unknown> {
  return {
    id: reviewId,
    orderId,
    status,
    reasons,
    openedAt,
    deadlineAt,
    ...(decision && { reason: decision.reason, decidedBy: decision.by, decidedAt: decision.at }),
  };
}

/** A cursor is the last id of a page, wrapped so that nobody builds on what is inside. */
const encodeCursor = (reviewId: string): string => Buffer.from(reviewId).toString('base64url');

function decodeCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const reviewId = Buffer.from(cursor, 'base64url').toString();
  if (!isUuid(reviewId))
    throw new Problem('VALIDATION_FAILED', 'The cursor is not one of ours; start without a cursor.');
  return reviewId;
}

export function reviewRoutes(app: FastifyInstance, { lane, database }: ReviewRoutes): void {
  const find = async (reviewId: string): Promise<OrderReview> => {
    const review = await findReview(database, reviewId);
    if (!review) throw new Problem('REVIEW_NOT_FOUND', `There is no review ${reviewId}.`);
    return review;
  };

  /** Decides a review; a repeat under the same key gets the answer of the first time. */
  const decide = async (
    request: FastifyRequest,
    reviewId: string,
    type: 'approve' | 'reject',
    reason: string,
  ): Promise<Record<string, unknown>> => {
    const key = requestKey(request, false);
    const repeated = async (): Promise<Record<string, unknown> | undefined> =>
      (await storedAnswer(database, key)) ? view(await find(reviewId)) : undefined;
    const before = await repeated();
    if (before) return before;
    const { orderId } = await find(reviewId);
    try {
      const answer = await lane.submit({
        orderId,
        command: { type, reason, by: request.principal.name },
        cause: request.cause,
        idempotency: key,
      });
      // The same key at the same time: the other request was decided first, and this one answers like it.
      if (isRefusal(answer)) return (await repeated()) ?? Promise.reject(problemOfRefusal(answer));
      return view({ orderId, ...answer.row.state! });
    } catch (error) {
      const answer = isUniqueViolation(error) ? await repeated() : undefined;
      if (answer) return answer;
      throw error;
    }
  };

  app.get<{ Querystring: Static<typeof ListQuery> }>(
    '/reviews',
    { schema: { tags, summary: 'Reviews, newest first', querystring: ListQuery } },
    async (request) => {
      const { status, limit, cursor } = request.query;
      const size = Math.min(limit === undefined ? PAGE_DEFAULT : Number(limit), PAGE_MAX);
      const reviews = await listReviews(database, {
        status: status as ReviewStatus | undefined,
        after: decodeCursor(cursor),
        limit: size + 1,
      });
      const page = reviews.slice(0, size);
      return { items: page.map(view), nextCursor: reviews.length > size ? encodeCursor(page.at(-1)!.reviewId) : null };
    },
  );

  app.get<{ Params: Static<typeof ReviewParams> }>(
    '/reviews/:id',
    { schema: { tags, summary: 'One review', params: ReviewParams } },
    async (request) => view(await find(request.params.id.toLowerCase())),
  );

  for (const type of ['approve', 'reject'] as const) {
    const summary = type === 'approve' ? 'Let the order go on' : 'End the order';
    app.post<{ Params: Static<typeof ReviewParams>; Body: Static<typeof DecisionBody> }>(
      `/reviews/:id/${type}`,
      {
        config: { role: 'operator' },
        schema: { tags, summary, params: ReviewParams, headers: KeyHeaders, body: DecisionBody },
      },
      (request) => decide(request, request.params.id.toLowerCase(), type, request.body.reason),
    );
  }
}
