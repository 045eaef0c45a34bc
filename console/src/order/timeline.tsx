import { Anchor } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { CloudEvent } from '#client';
import { api } from '../api.ts';
import { Failed, Loading, When } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';

/** What happened to an order, newest first: what, by whom, and why. */

/** `OrderPaymentRequested` as words. */
function words(type: string): string {
  const spaced = type.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase();
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

function whyOf(data: unknown): string | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  const { reason, message } = data as { reason?: unknown; message?: unknown };
  const found = [reason, message].find((value) => typeof value === 'string' && value !== '');
  return found as string | undefined;
}

export function Timeline({ id }: { readonly id: string }): ReactNode {
  const may = useMay();
  const events = useQuery({
    queryKey: ['order', id, 'events'],
    queryFn: () => api.listOrderEvents({ id }),
    enabled: may('events:read'),
  });
  if (!may('events:read')) return null;
  if (events.isPending) return <Loading rows={5} />;
  if (events.error) return <Failed error={events.error} retry={() => void events.refetch()} />;
  return (
    <ol className="timeline">
      {events.data.items.toReversed().map((event) => (
        <Entry key={event.id} event={event} />
      ))}
    </ol>
  );
}

function Entry({ event }: { readonly event: CloudEvent }): ReactNode {
  const { order } = useText();
  const [open, setOpen] = useState(false);
  const { type, time, authid, authtype, source, data, traceparent } = event;
  const why = whyOf(data);
  const service = source.split('/').at(-1) ?? source;
  return (
    <li>
      <div>
        <span className="what">{words(type)}</span>{' '}
        <span className="dim">
          · <When at={time} />
        </span>
      </div>
      <div className="dim">
        {authtype === 'system' || authid === undefined ? `${order.by_system} (${service})` : `${order.by} ${authid}`}
        {why !== undefined && <> · {why}</>}
      </div>
      <Anchor component="button" type="button" size="xs" onClick={() => setOpen(!open)} aria-expanded={open}>
        {order.raw}
      </Anchor>
      {open && (
        <>
          <pre tabIndex={0}>{JSON.stringify(data, null, 2)}</pre>
          <div className="dim">
            {event.correlationid}
            {traceparent !== undefined && ` · ${order.trace} ${traceparent.split('-')[1]}`}
          </div>
        </>
      )}
    </li>
  );
}
