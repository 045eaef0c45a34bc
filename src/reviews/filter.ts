import { type Static, Type } from 'typebox';
import { IdText } from '#platform/http/schemas.ts';
import { idsOf, Several } from '#platform/http/several.ts';
import { REVIEW_STATUSES, type ReviewStatus } from './rules.ts';
import type { ReviewFilter } from './store.ts';

/** Which reviews a list shows, or a file has. */
export const reviewParameters = {
  status: Type.Optional(Several(Type.String({ enum: [...REVIEW_STATUSES] }))),
  orderId: Type.Optional(Several(IdText)),
};
const ReviewQuery = Type.Object(reviewParameters);

export function reviewFilterOf({
  status,
  orderId,
}: Static<typeof ReviewQuery>): Pick<ReviewFilter, 'statuses' | 'orderIds'> {
  return { statuses: status as ReviewStatus[] | undefined, orderIds: idsOf(orderId) };
}
