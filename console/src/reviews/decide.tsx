import { Button, Textarea, TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import type { Review } from '#client';
import { api } from '../api.ts';
import { Act, type Once } from '../parts/act.tsx';
import { ActOnMany } from '../parts/many.tsx';
import { useMoney } from '../parts/parts.tsx';
import { useText } from '../text/text.tsx';
import { useReasons } from './evidence.tsx';
import { decidedOf, nameOf } from './reviews.tsx';

/** The dialogs that decide reviews: one of them, or several. */

export type Decision = 'approve' | 'reject';

interface Given {
  readonly reason: string;
  readonly message: string;
}

function decide(decision: Decision, id: string, { reason, message }: Given, once: Once): PromiseLike<Review> {
  const why = reason.trim();
  if (decision === 'approve') return api.approveReview({ id }, { reason: why }, once);
  return api.rejectReview(
    { id },
    { reason: why, ...(message.trim() !== '' && { customerMessage: message.trim() }) },
    once,
  );
}

function Fields({
  decision,
  given,
  change,
}: {
  readonly decision: Decision;
  readonly given: Given;
  readonly change: (given: Given) => void;
}): ReactNode {
  const { reviews } = useText();
  return (
    <>
      <TextInput
        label={reviews.reason}
        required
        data-autofocus
        maxLength={1_000}
        autoComplete="off"
        value={given.reason}
        onChange={(event) => change({ ...given, reason: event.currentTarget.value })}
      />
      <span className="bar">
        {(decision === 'approve' ? reviews.approveReasons : reviews.rejectReasons).map((reason) => (
          <Button key={reason} size="compact-xs" variant="default" onClick={() => change({ ...given, reason })}>
            {reason}
          </Button>
        ))}
      </span>
      {decision === 'reject' && (
        <Textarea
          label={reviews.message}
          value={given.message}
          maxLength={1_000}
          autosize
          minRows={2}
          onChange={(event) => change({ ...given, message: event.currentTarget.value })}
        />
      )}
    </>
  );
}

const EMPTY: Given = { reason: '', message: '' };

export function DecideOne({
  decision,
  review,
  decided,
  look,
  onClose,
}: {
  readonly decision: Decision;
  readonly review: Review;
  readonly decided: (review: Review) => void;
  readonly look: () => void;
  readonly onClose: () => void;
}): ReactNode {
  const { reviews } = useText();
  const money = useMoney();
  const [given, setGiven] = useState(EMPTY);
  const amount = review.totalAmount === undefined ? '' : money(review.totalAmount, review.currency!);
  return (
    <Act
      title={decision === 'approve' ? reviews.approveTitle(nameOf(review)) : reviews.rejectTitle(nameOf(review))}
      effects={decision === 'approve' ? [reviews.willApprove(amount)] : [reviews.willReject, reviews.willMail]}
      danger={decision === 'reject'}
      confirm={reviews[decision]}
      ready={given.reason.trim() !== ''}
      faster={{ code: 'REVIEW_DECIDED', title: reviews.decidedMeanwhile }}
      look={look}
      perform={async (once) => decided(await decide(decision, review.id, given, once))}
      onClose={onClose}
    >
      <Fields decision={decision} given={given} change={setGiven} />
    </Act>
  );
}

export function DecideMany({
  decision,
  reviews: chosen,
  onClose,
}: {
  readonly decision: Decision;
  readonly reviews: readonly Review[];
  readonly onClose: (done: readonly string[]) => void;
}): ReactNode {
  const { reviews } = useText();
  const money = useMoney();
  const reasonsOf = useReasons();
  const [given, setGiven] = useState(EMPTY);
  const approves = decision === 'approve';
  return (
    <ActOnMany
      title={approves ? reviews.approveMany(chosen.length) : reviews.rejectMany(chosen.length)}
      effects={[approves ? reviews.willApproveMany : reviews.willRejectMany]}
      danger={!approves}
      confirm={approves ? reviews.approveMany : reviews.rejectMany}
      ready={given.reason.trim() !== ''}
      items={chosen.map((review) => ({
        id: review.id,
        label: nameOf(review),
        detail: [
          review.totalAmount !== undefined && money(review.totalAmount, review.currency!),
          ...reasonsOf(review.reasons),
        ]
          .filter(Boolean)
          .join(' · '),
      }))}
      check={() =>
        decidedOf(chosen, (review) =>
          reviews.decidedBy(reviews.statuses[review.status]!, review.decidedBy ?? review.status),
        )
      }
      perform={async (id, once) => decide(decision, id, given, once)}
      onClose={onClose}
    >
      <Fields decision={decision} given={given} change={setGiven} />
    </ActOnMany>
  );
}
