import { isoTime } from '#contracts/time.ts';
import type { Row } from '#platform/processor/aggregate.ts';
import type { Database } from '#platform/database/database.ts';
import { readKeyset } from '#platform/database/keyset.ts';
import { type Columns, insertRows, updateRows, type Write } from '#platform/database/statement.ts';
import type { ProcessorStore } from '#platform/processor/commit.ts';
import { splitChanges } from '#platform/processor/rows.ts';
import type { Review, ReviewStatus } from './rules.ts';

/** SQL of the reviews service; nowhere else. */

const CHANGING: Columns = {
  order_id: 'uuid',
  version: 'integer',
  sequence: 'integer',
  seen: 'json',
  status: 'text',
  decision: 'json',
};
const COLUMNS: Columns = {
  ...CHANGING,
  review_id: 'uuid',
  reasons: 'json',
  opened_at: 'timestamptz',
  deadline_at: 'timestamptz',
  about: 'json',
};
const FIELDS = Object.keys(COLUMNS).join(', ');
const SELECT = `select ${FIELDS} from reviews.reviews`;

interface StoredReview extends Record<string, unknown> {
  order_id: string;
  review_id: string;
  version: number;
  sequence: number;
  seen: Record<string, number>;
  status: ReviewStatus;
  reasons: string[];
  opened_at: Date;
  deadline_at: Date;
  decision: Review['decision'] | null;
  about: Review['about'] | null;
}

function stateOf(row: StoredReview): Review {
  return {
    reviewId: row.review_id,
    status: row.status,
    reasons: row.reasons,
    openedAt: row.opened_at.toISOString(),
    deadlineAt: row.deadline_at.toISOString(),
    ...(row.about ? { about: row.about } : {}),
    ...(row.decision ? { decision: row.decision } : {}),
  };
}

function rowOf({ id, revision: version, sequence, consumed: seen, state }: Row<Review>): Record<string, unknown> {
  const { reviewId, status, reasons, openedAt, deadlineAt, about, decision } = state!;
  return {
    order_id: id,
    version,
    sequence,
    seen,
    status,
    decision,
    review_id: reviewId,
    reasons,
    opened_at: openedAt,
    deadline_at: deadlineAt,
    about,
  };
}

export const reviewStore: ProcessorStore<Review, never> = {
  async load(database, ids) {
    const rows = await database.query<StoredReview>(`${SELECT} where order_id = any($1::uuid[])`, [ids]);
    return new Map(
      rows.map((row) => [
        row.order_id,
        { id: row.order_id, revision: row.version, sequence: row.sequence, consumed: row.seen, state: stateOf(row) },
      ]),
    );
  },

  save(changes) {
    const { added, changed } = splitChanges(changes, rowOf);
    const writes: Write[] = [];
    // A row that another process inserted meanwhile makes the batch a conflict, to be decided on what is stored then, not an error.
    if (added.length > 0)
      writes.push({
        ...insertRows('added', 'reviews.reviews', COLUMNS, added, { onConflict: 'do nothing' }),
        expect: added.length,
      });
    if (changed.length > 0)
      writes.push(updateRows('changed', 'reviews.reviews', ['order_id'], CHANGING, changed, { revision: 'version' }));
    return writes;
  },
};

/** A review together with the order it is about. */
export interface OrderReview extends Review {
  readonly orderId: string;
}

export async function findReview(database: Database, reviewId: string): Promise<OrderReview | undefined> {
  const [row] = await database.query<StoredReview>(`${SELECT} where review_id = $1`, [reviewId]);
  return row && { orderId: row.order_id, ...stateOf(row) };
}

export interface ReviewFilter {
  readonly statuses: readonly ReviewStatus[] | undefined;
  readonly orderIds: readonly string[] | undefined;
  readonly oldestFirst?: boolean;
  /** Continue behind this review id. */
  readonly after: string | undefined;
  readonly limit: number;
}

/** A page of reviews, newest first unless asked otherwise. */
export async function listReviews(
  database: Database,
  { statuses, orderIds, oldestFirst = false, after, limit }: ReviewFilter,
): Promise<OrderReview[]> {
  const rows = await readKeyset<StoredReview>(database, {
    columns: FIELDS,
    table: 'reviews.reviews t',
    key: 'review_id',
    newestFirst: !oldestFirst,
    wanted: [
      { column: 'order_id', type: 'uuid', values: orderIds },
      { column: 'status', type: 'text', values: statuses },
    ],
    after,
    limit,
  });
  return rows.map((row) => ({ orderId: row.order_id, ...stateOf(row) }));
}

/** Pending reviews by deadline, the earliest first, those not yet due included. */
export async function nextDeadlines(
  database: Database,
  limit: number,
): Promise<{ orderId: string; deadlineMs: number }[]> {
  const rows = await database.query<{ order_id: string; deadline_at: Date }>(
    "select order_id, deadline_at from reviews.reviews where status = 'pending' order by deadline_at limit $1",
    [limit],
  );
  return rows.map((row) => ({ orderId: row.order_id, deadlineMs: row.deadline_at.getTime() }));
}

const PENDING_MAX = 10_000;

/** How many reviews wait for a person, how many of them past their time, and for how long the oldest of all has been open. */
export async function pendingReviews(
  database: Database,
  nowMs: number,
): Promise<{ pending: number; late: number; oldestSeconds: number }> {
  const [row] = await database.query<{ pending: number; late: number; oldest: number }>(
    `select count(*)::int as pending, count(*) filter (where deadline_at < $1)::int as late,
       coalesce(greatest(extract(epoch from $1::timestamptz - min(opened_at)), 0), 0)::float8 as oldest
     from (select deadline_at, opened_at from reviews.reviews where status = 'pending' order by deadline_at limit ${PENDING_MAX}) pending`,
    [isoTime(nowMs)],
  );
  return { pending: row!.pending, late: row!.late, oldestSeconds: row!.oldest };
}
