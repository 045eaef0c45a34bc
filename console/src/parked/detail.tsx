import { Badge, Button, Text } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import type { ParkedOrder } from '#client';
import { api } from '../api.ts';
import type { BesideContext } from '../list/beside.tsx';
import { OrderLink } from '../parts/order-name.tsx';
import { Empty, Failed, Loading, When } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';
import { idOf } from './parked.tsx';
import { RetryMany, RetryOne, SkipOne } from './retry.tsx';

/** One parked event: what it says, why it could not be taken in, and what can be done. */

type Dialog = 'retry' | 'skip' | 'alike';

export function ParkedDetail({ id, rows, next, reload }: BesideContext<ParkedOrder>): ReactNode {
  const { parked } = useText();
  const may = useMay();
  const client = useQueryClient();
  const [dialog, setDialog] = useState<Dialog>();
  const [consumer, orderId] = id.split('.') as [string, string];
  const found = useQuery({
    queryKey: ['order', orderId, 'parked', consumer],
    queryFn: async () => (await api.listParkedOrders({ consumer: [consumer], orderId: [orderId] })).items[0] ?? null,
  });
  if (found.isPending) return <Loading rows={8} />;
  if (found.error) return <Failed error={found.error} retry={() => void found.refetch()} />;
  const row = found.data;
  if (row === null)
    return (
      <Empty title={parked.gone} help={parked.goneHelp}>
        <Link to="/orders/$id" params={{ id: orderId }}>
          {parked.toOrder}
        </Link>
      </Empty>
    );
  const alike = rows.filter((other) => other.reason === row.reason && other.consumer === row.consumer);
  const done = (): void => {
    void client.invalidateQueries({ queryKey: ['order', orderId] });
    reload();
    next((other) => idOf(other) !== id);
  };
  return (
    <div className="stack">
      <header className="bar">
        <h2 className="beside-title">
          <OrderLink id={orderId} />
        </h2>
        <Badge color="red" variant="light" tt="none" radius="sm">
          {consumer}
        </Badge>
        <Text size="sm" className="dim">
          {row.eventType} · <When at={row.parkedAt} />
        </Text>
      </header>
      <section className="card sentence late">
        <h3>{parked.whyParked(consumer)}</h3>
        <pre className="reason">{row.reason ?? parked.noReason}</pre>
        {row.events > 1 && (
          <Text size="sm" className="dim">
            {parked.behind(row.events - 1)}
          </Text>
        )}
      </section>
      <section className="card">
        <h3>{parked.whatToDo}</h3>
        <ul className="advice">
          <li>{parked.adviceRetry}</li>
          <li>{parked.adviceEdit}</li>
          <li>
            {parked.adviceSkip} {parked.lost[consumer]}
          </li>
        </ul>
        {may('parked:decide') && (
          <div className="bar">
            <Button size="xs" onClick={() => setDialog('retry')}>
              {parked.retry}
            </Button>
            {alike.length > 1 && (
              <Button size="xs" variant="light" onClick={() => setDialog('alike')}>
                {parked.retryAlike(alike.length)}
              </Button>
            )}
            <Button
              size="xs"
              variant="default"
              component="a"
              href={`/console/orders/${orderId}`}
              title={parked.adviceEdit}
            >
              {parked.toOrder}
            </Button>
            <Button size="xs" variant="light" color="red" onClick={() => setDialog('skip')}>
              {parked.skip}
            </Button>
          </div>
        )}
      </section>
      <EventOf row={row} />
      {dialog === 'retry' && <RetryOne row={row} done={done} onClose={() => setDialog(undefined)} />}
      {dialog === 'skip' && <SkipOne row={row} done={done} onClose={() => setDialog(undefined)} />}
      {dialog === 'alike' && (
        <RetryMany
          rows={alike}
          onClose={(those) => {
            setDialog(undefined);
            if (those.length > 0) done();
          }}
        />
      )}
    </div>
  );
}

function EventOf({ row }: { readonly row: ParkedOrder }): ReactNode {
  const { parked } = useText();
  const may = useMay();
  const allowed = may('events:read');
  const found = useQuery({
    queryKey: ['order', row.orderId, 'event', row.eventId],
    queryFn: async () =>
      (await api.listOrderEvents({ id: row.orderId })).items.find((event) => event.id === row.eventId) ?? null,
    enabled: allowed,
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (!allowed) return null;
  return (
    <section className="card">
      <h3>{parked.eventSays}</h3>
      {found.isPending ? (
        <Loading rows={3} />
      ) : found.error ? (
        <Failed error={found.error} retry={() => void found.refetch()} />
      ) : (
        // Of another log, or no event of the order's own: nothing more is known than above.
        <pre className="data" tabIndex={0}>
          {found.data === null ? `${row.eventType} ${row.eventId}` : JSON.stringify(found.data, null, 2)}
        </pre>
      )}
    </section>
  );
}
