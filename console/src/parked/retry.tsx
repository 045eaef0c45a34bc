import { TextInput } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import type { ParkedOrder } from '#client';
import { api } from '../api.ts';
import { Act, type Once } from '../parts/act.tsx';
import { ActOnMany } from '../parts/many.tsx';
import { useText } from '../text/text.tsx';
import { idOf } from './parked.tsx';

/** The dialogs that decide about parked events. */

const ASKED_MAX = 100;

async function now(rows: readonly ParkedOrder[]): Promise<ReadonlyMap<string, ParkedOrder>> {
  const found = new Map<string, ParkedOrder>();
  const ids = [...new Set(rows.map(({ orderId }) => orderId))];
  for (let at = 0; at < ids.length; at += ASKED_MAX) {
    const { items } = await api.listParkedOrders({ orderId: ids.slice(at, at + ASKED_MAX) });
    for (const entry of items) found.set(idOf(entry), entry);
  }
  return found;
}

/** Takes the event in once more; throws, with the reason, where it cannot be taken in again. */
async function retry(row: ParkedOrder, once: Once): Promise<void> {
  const { consumer, orderId } = row;
  const { left } = await api.retryParkedOrder({ consumer, orderId }, {}, once);
  if (left === 0) return;
  const after = (await now([row])).get(idOf(row));
  if (after) throw new Error(after.reason ?? after.eventType);
}

export function RetryMany({
  rows,
  onClose,
}: {
  readonly rows: readonly ParkedOrder[];
  readonly onClose: (done: readonly string[]) => void;
}): ReactNode {
  const { parked } = useText();
  const byId = new Map(rows.map((row) => [idOf(row), row]));
  return (
    <ActOnMany
      title={parked.retryMany(rows.length)}
      effects={[parked.willRetry]}
      confirm={parked.retryMany}
      items={rows.map((row) => ({
        id: idOf(row),
        label: `…${row.orderId.slice(-12)}`,
        detail: `${row.consumer} · ${row.eventType}`,
      }))}
      check={async () => {
        const there = await now(rows);
        return new Map(rows.filter((row) => !there.has(idOf(row))).map((row) => [idOf(row), parked.gone]));
      }}
      perform={(id, once) => retry(byId.get(id)!, once)}
      onClose={onClose}
    />
  );
}

export function RetryOne({
  row,
  done,
  onClose,
}: {
  readonly row: ParkedOrder;
  readonly done: () => void;
  readonly onClose: () => void;
}): ReactNode {
  const { parked } = useText();
  return (
    <Act
      title={parked.retry}
      effects={[parked.willRetry]}
      confirm={parked.retry}
      perform={(once) => retry(row, once)}
      done={done}
      onClose={onClose}
    />
  );
}

export function SkipOne({
  row,
  done,
  onClose,
}: {
  readonly row: ParkedOrder;
  readonly done: () => void;
  readonly onClose: () => void;
}): ReactNode {
  const { parked } = useText();
  const [reason, setReason] = useState('');
  const { consumer, orderId, eventType } = row;
  const lost = parked.lost[consumer];
  return (
    <Act
      title={parked.skip}
      effects={[parked.willSkip(eventType, consumer), ...(lost === undefined ? [] : [lost])]}
      danger
      confirm={parked.skip}
      ready={reason.trim() !== ''}
      perform={(once) => api.skipParkedOrder({ consumer, orderId }, { reason: reason.trim() }, once)}
      done={done}
      onClose={onClose}
    >
      <TextInput
        label={parked.why}
        required
        value={reason}
        maxLength={500}
        data-autofocus
        onChange={(event) => setReason(event.currentTarget.value)}
      />
    </Act>
  );
}
