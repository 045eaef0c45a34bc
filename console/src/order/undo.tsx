import { Button } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useEffect, useState } from 'react';
import type { Order } from '#client';
import { api } from '../api.ts';
import { Failed } from '../parts/parts.tsx';
import { useText } from '../text/text.tsx';
import { type ActName, bodyOf, type Given, patchBack } from './acts.ts';

/** What was just done, and for a while the way back where there is one: of a hold, a release, a change of details. */

const SHOWN_MS = 30_000;

export interface Done {
  readonly name: ActName;
  readonly before: Order;
  readonly given: Given;
  readonly after: Order;
  readonly at: number;
}

type Back = (once: { idempotencyKey: string }) => Promise<unknown>;

function backOf({ name, before, given }: Done, reason: string): Back | undefined {
  const { id } = before;
  if (name === 'hold') return (once) => api.releaseOrder({ id }, { type: given.hold || 'manual', reason }, once);
  if (name === 'release') {
    const hold = before.holds.find(({ type }) => type === given.hold);
    // A hold that only the system sets comes back by nobody's hand.
    if (!hold || ['overdue', 'shortage', 'refunded', 'review', 'cancellation', 'change'].includes(hold.type))
      return undefined;
    return (once) => api.holdOrder({ id }, { type: hold.type, reason: hold.reason }, once);
  }
  if (name === 'amend') return (once) => api.amendOrder({ id }, patchBack(bodyOf(name, given, before), before), once);
  return undefined;
}

export function Undo(props: Done & { readonly order: Order; readonly onEnd: () => void }): ReactNode {
  const { name, order, onEnd } = props;
  const { acts, undo: words, common } = useText();
  const client = useQueryClient();
  const [idempotencyKey] = useState(() => crypto.randomUUID());
  const back = backOf(props, words.reason);
  const run = useMutation({
    mutationFn: async () => back?.({ idempotencyKey }),
    onSuccess: () => client.invalidateQueries({ queryKey: ['order', order.id] }),
  });
  useEffect(() => {
    const timer = setTimeout(onEnd, SHOWN_MS);
    return () => clearTimeout(timer);
    // Only the first time: the page is drawn again whenever something happens to the order.
  }, []);
  return (
    <section className="card done-notice">
      <div className="spread">
        <span role="status">{run.isSuccess ? words.undone(acts[name]) : words.done(acts[name])}</span>
        <span className="bar">
          {back && !run.isSuccess && (
            <Button size="compact-sm" variant="light" loading={run.isPending} onClick={() => run.mutate()}>
              {words.undo}
            </Button>
          )}
          <Button size="compact-sm" variant="subtle" color="gray" onClick={onEnd}>
            {common.close}
          </Button>
        </span>
      </div>
      {run.error && <Failed error={run.error} />}
    </section>
  );
}
