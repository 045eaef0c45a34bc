import { type Static, Type } from 'typebox';
import { firstIdAt } from '#contracts/ids.ts';
import { PaymentStatus } from '#contracts/order-events.ts';
import type { Condition, Wanted } from '#platform/database/keyset.ts';
import { IdText, Text, TimeText, UntilText } from '#platform/http/schemas.ts';
import { idsOf, Several } from '#platform/http/several.ts';
import { fromMs, toMs } from '#platform/http/times.ts';
import { ATTENTION } from './attention.ts';

/** Which payments a list shows, or a file has. */

const WAITING = {
  in_doubt: 'An answer of the provider was lost: it is asked what became of it',
  waiting: 'An outcome is not known yet',
} as const;
const ATTENTIONS = { ...WAITING, ...ATTENTION };

export const paymentParameters = {
  orderId: Type.Optional(Several(IdText)),
  provider: Type.Optional(Several(Text(50, { minLength: 1 }))),
  status: Type.Optional(Several(PaymentStatus, '`PENDING` has those with `REQUIRES_ACTION` among them')),
  attention: Type.Optional(
    Type.String({
      enum: Object.keys(ATTENTIONS),
      description: Object.entries(ATTENTIONS)
        .map(([name, meaning]) => `\`${name}\`: ${meaning}`)
        .join('; '),
    }),
  ),
  createdFrom: Type.Optional(TimeText),
  createdTo: Type.Optional(UntilText),
};
const PaymentQuery = Type.Object(paymentParameters);

export interface PaymentFilter {
  readonly wanted: readonly Wanted[];
  readonly conditions: readonly Condition[];
}

/** Throws the problem of a time that is none. `createdFrom` and `createdTo` are about when the order was placed. */
export function paymentFilterOf(query: Static<typeof PaymentQuery>): PaymentFilter {
  const { status, attention, createdFrom, createdTo } = query;
  const from = fromMs(createdFrom, 'createdFrom');
  const to = toMs(createdTo, 'createdTo');
  const conditions: Condition[] = [];
  if (attention === 'waiting' || attention === 'in_doubt') conditions.push({ sql: 't.next_attempt_at is not null' });
  if (attention === 'in_doubt') conditions.push({ sql: `t.operations::text like '%"in_doubt"%'` });
  if (attention !== undefined && Object.hasOwn(ATTENTION, attention)) {
    conditions.push({ sql: 't.attention is not null' });
    conditions.push({ sql: "$ = any(string_to_array(t.attention, ' '))", value: attention });
  }
  // Stored as pending, until its customer has acted.
  const stored = status && [...new Set(status.map((one) => (one === 'REQUIRES_ACTION' ? 'PENDING' : one)))];
  if (status?.includes('REQUIRES_ACTION') && !status.includes('PENDING'))
    conditions.push({ sql: `(t.status <> 'PENDING' or t.operations::text like '%"action":%')` });
  // Each leads to the small index that has them: those under way have an attempt to come, or somebody to record it.
  if (stored?.length === 1 && stored[0] === 'PENDING')
    conditions.push({ sql: '(t.next_attempt_at is not null or t.attention is not null)' });
  if (stored?.every((one) => one !== 'PENDING' && one !== 'CAPTURED'))
    conditions.push({ sql: "t.status not in ('PENDING', 'CAPTURED')" });
  // Statuses as a condition, not as what is wanted: one scan in the order of the page has them all.
  if (stored) conditions.push({ sql: 't.status = any($::text[])', value: stored });
  if (query.provider) conditions.push({ sql: 't.provider = any($::text[])', value: query.provider });
  if (from !== undefined) conditions.push({ sql: 't.order_id >= $', value: firstIdAt(from) });
  if (to !== undefined) conditions.push({ sql: 't.order_id < $', value: firstIdAt(to) });
  return { wanted: [{ column: 'order_id', type: 'uuid', values: idsOf(query.orderId) }], conditions };
}
