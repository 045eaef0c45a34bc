import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { Review } from '#client';
import { api } from '../api.ts';
import type { Filter } from '../list/filters.tsx';
import { List } from '../list/list.tsx';
import { ofOrders, type Source } from '../list/rows.ts';
import type { Column } from '../list/table.tsx';
import { useMoney, When } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';
import { type Decision, DecideMany } from './decide.tsx';
import { Evidence, ReviewBadge, useReasons } from './evidence.tsx';

/** The reviews that wait for somebody: the list at the left, what there is to know beside it, decided from the keyboard. */

const PARAMETERS = { several: ['status'], single: ['sort'] } as const;
const ALL = 'all';
/** Those that wait, the longest waiting first, unless something else is asked for. */
const REVIEWS: Source = {
  list: 'reviews',
  path: '/reviews',
  parameters: PARAMETERS,
  async ask(search, signal) {
    const { status, ...asked } = (await askReviews(search, signal)) ?? { status: 'none' };
    if (status === 'none') return undefined;
    return { ...asked, ...(search['status'] !== ALL && { status: status! }) };
  },
};
const askReviews = ofOrders(PARAMETERS, () => ({ status: 'pending', sort: 'openedAt' }));

export const nameOf = ({ number, orderId }: Review): string => number ?? orderId.slice(-12);

export function Reviews(): ReactNode {
  const { reviews } = useText();
  const may = useMay();
  return (
    <List<Review>
      source={REVIEWS}
      filters={useFilters()}
      columns={useColumns()}
      idOf={({ id }) => id}
      words={reviews}
      openFirst
      beside={(context) => <Evidence key={context.id} {...context} />}
      {...(may('reviews:decide') && {
        selection: {
          labelOf: (review: Review) => reviews.select(nameOf(review)),
          bar: ({ rows, reload }: { readonly rows: readonly Review[]; readonly reload: () => void }) => (
            <DecideSeveral rows={rows} reload={reload} />
          ),
        },
      })}
    />
  );
}

function DecideSeveral({ rows, reload }: { readonly rows: readonly Review[]; readonly reload: () => void }): ReactNode {
  const { reviews } = useText();
  const client = useQueryClient();
  const [decision, setDecision] = useState<Decision>();
  return (
    <>
      <Button size="xs" onClick={() => setDecision('approve')}>
        {reviews.approve}
      </Button>
      <Button size="xs" color="red" variant="light" onClick={() => setDecision('reject')}>
        {reviews.reject}
      </Button>
      {decision && (
        <DecideMany
          decision={decision}
          reviews={rows}
          onClose={(done) => {
            setDecision(undefined);
            if (done.length === 0) return;
            void client.invalidateQueries({ queryKey: ['review'] });
            reload();
          }}
        />
      )}
    </>
  );
}

function useFilters(): readonly Filter[] {
  const { reviews } = useText();
  return [
    { kind: 'search', name: 'text', label: reviews.order, placeholder: reviews.search },
    {
      kind: 'one',
      name: 'status',
      label: reviews.status,
      choices: [
        { value: 'pending', label: reviews.pending },
        { value: 'approved,rejected,closed', label: reviews.decidedOnes },
        { value: ALL, label: reviews.everything },
      ],
    },
    {
      kind: 'one',
      name: 'sort',
      label: reviews.sort,
      choices: [
        { value: 'openedAt', label: reviews.oldest },
        { value: '-openedAt', label: reviews.newest },
      ],
    },
  ];
}

function useColumns(): readonly Column<Review>[] {
  const { reviews } = useText();
  const money = useMoney();
  const reasonsOf = useReasons();
  return [
    {
      name: 'number',
      label: reviews.order,
      width: '150px',
      narrow: 'title',
      cell: (review) => <strong>{nameOf(review)}</strong>,
    },
    {
      name: 'amount',
      label: reviews.amount,
      width: '130px',
      narrow: 'side',
      number: true,
      cell: ({ totalAmount, currency }) => totalAmount !== undefined && money(totalAmount, currency!),
    },
    {
      name: 'why',
      label: reviews.why,
      width: 'minmax(180px, 1fr)',
      narrow: 'below',
      cell: ({ reasons }) => <span className="dim">{reasonsOf(reasons).join(', ')}</span>,
    },
    {
      name: 'state',
      label: reviews.status,
      width: '150px',
      cell: (review) => <ReviewBadge review={review} />,
    },
    {
      name: 'age',
      label: reviews.age,
      width: '150px',
      narrow: 'end',
      cell: (review) => (
        <span className="dim">
          {review.status === 'pending' ? <When at={review.openedAt} /> : <ReviewBadge review={review} />}
        </span>
      ),
    },
    {
      name: 'deadline',
      label: reviews.deadline,
      width: '150px',
      cell: ({ deadlineAt, status }) =>
        status === 'pending' && (
          <span className="dim">
            <When at={deadlineAt} />
          </span>
        ),
    },
  ];
}

/** By id, why a review cannot be decided any more. */
export async function decidedOf(
  reviews: readonly Review[],
  words: (review: Review) => string,
): Promise<ReadonlyMap<string, string>> {
  const decided = new Map<string, string>();
  for (let at = 0; at < reviews.length; at += ASKED_MAX) {
    const orderId = reviews.slice(at, at + ASKED_MAX).map((review) => review.orderId);
    const { items } = await api.listReviews({ orderId, limit: ASKED_MAX });
    for (const review of items) if (review.status !== 'pending') decided.set(review.id, words(review));
  }
  return decided;
}
const ASKED_MAX = 100;
