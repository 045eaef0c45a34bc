import { Button } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { type ReactNode, useCallback, useEffect, useState } from 'react';
import { type CloudEvent, type Payment, Problem } from '#client';
import { api, follow } from '../api.ts';
import { lastSearch } from '../list/search.ts';
import { Empty, Failed, Loading } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';
import { Actions, ActingProvider } from './actions.tsx';
import type { ActName, Given } from './acts.ts';
import { AsOf } from './as-of.tsx';
import { ActionDialog } from './dialog.tsx';
import { Head, Sentence } from './head.tsx';
import { Documents, Messages } from './papers.tsx';
import { Parcels } from './parcels.tsx';
import { Parked } from './parked.tsx';
import { isOwn, visitsOf } from './path.ts';
import { PathPicture } from './path-picture.tsx';
import { Payments } from './payments.tsx';
import { usePresence } from './presence.tsx';
import { Raw } from './raw.tsx';
import { Claims, Customer, Holds, Items, Money, Notes, Returns } from './sections.tsx';
import { Timeline } from './timeline.tsx';
import { type Done, Undo } from './undo.tsx';

/** One order with everything: what it waits for, what is in it, what happened, and what can be done. */

/** Events of one order that come together are shown together. */
const GATHER_MS = 250;
const NO_EVENTS: readonly CloudEvent[] = [];

export function OrderPage(): ReactNode {
  const { id } = useParams({ from: '/inside/orders/$id' });
  const search = useSearch({ from: '/inside/orders/$id' });
  const navigate = useNavigate();
  const text = useText();
  const may = useMay();
  const version = search['version'] === undefined ? undefined : Number(search['version']);
  const turn = useCallback(
    (next: Record<string, string | undefined>) =>
      void navigate({ to: '/orders/$id', params: { id }, search: { ...search, ...next } as never, replace: true }),
    [navigate, id, search],
  );
  const order = useQuery({ queryKey: ['order', id, 'now'], queryFn: () => api.readOrder({ id }) });
  const past = useQuery({
    queryKey: ['order', id, version],
    queryFn: () => api.readOrder({ id, asOf: String(version) }),
    enabled: version !== undefined,
    placeholderData: (before) => before,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const found = useQuery({
    queryKey: ['order', id, 'events'],
    queryFn: () => api.listOrderEvents({ id }),
    enabled: may('events:read'),
  });
  const payments = useQuery({
    queryKey: ['order', id, 'payments'],
    queryFn: async () => await api.listPayments({ orderId: id }),
    enabled: may('payments:read'),
  });
  const [open, setOpen] = useState<{ name: ActName; preset?: Partial<Given> | undefined }>();
  const [done, setDone] = useState<Done>();
  useEffect(() => {
    setOpen(undefined);
    setDone(undefined);
  }, [id]);
  const others = usePresence(id, open?.name);
  useLiveOrder(id);
  if (order.isPending)
    return (
      <div className="page">
        <Loading rows={10} />
      </div>
    );
  if (order.error)
    return (
      <div className="page">
        {order.error instanceof Problem && order.error.status === 404 ? (
          <Empty title={text.order.notFound} help={id}>
            <Link to="/orders" search={{ ...lastSearch('orders') }}>
              {text.order.back}
            </Link>
          </Empty>
        ) : (
          <Failed error={order.error} retry={() => void order.refetch()} />
        )}
      </div>
    );
  const now = order.data;
  const shown = version === undefined ? now : (past.data ?? now);
  const events = found.data?.items ?? NO_EVENTS;
  const filter = search['show']?.split(',').filter(Boolean) ?? [];
  const payment: Payment | undefined = payments.data?.items[0];
  return (
    <ActingProvider value={{ order: now, open: (name, preset) => setOpen({ name, preset }) }}>
      <div className="page order-page">
        <Head order={shown} others={others} />
        <div className="stack">
          {version === undefined ? (
            <>
              <Sentence order={now} payment={payment} />
              <Actions order={now} />
              {done && <Undo {...done} key={done.at} order={now} onEnd={() => setDone(undefined)} />}
              <Parked order={now} events={events} />
            </>
          ) : (
            <PastNotice version={version} latest={now.version} back={() => turn({ version: undefined })} />
          )}
          <div className="order-grid">
            <div className="stack main">
              <Items order={shown} />
              <Parcels order={now} />
              <Returns order={shown} />
              <Claims order={shown} />
              <Payments order={now} />
              <Messages order={now} />
              <Documents order={now} />
              {events.length > 0 && (
                <section className="card">
                  <h2>{text.order.path}</h2>
                  <PathPicture visits={visitsOf(events, version)} />
                </section>
              )}
              <Raw order={shown} />
            </div>
            <div className="right">
              <div className="stack">
                <Money order={shown} />
                <Holds order={shown} />
                <Customer order={shown} />
                <Notes order={shown} />
              </div>
              {may('events:read') && (
                <section className="card">
                  <h2>{text.order.timeline}</h2>
                  {found.isPending ? (
                    <Loading rows={5} />
                  ) : found.error ? (
                    <Failed error={found.error} retry={() => void found.refetch()} />
                  ) : (
                    <>
                      <AsOf
                        latest={now.version}
                        version={version}
                        events={events}
                        change={(next) => turn({ version: next === undefined ? undefined : String(next) })}
                      />
                      <Timeline
                        events={events}
                        order={now}
                        filter={filter}
                        choose={(next) => turn({ show: next.length === 0 ? undefined : next.join(',') })}
                        show={(next) => turn({ version: next >= now.version ? undefined : String(next) })}
                      />
                    </>
                  )}
                </section>
              )}
            </div>
          </div>
        </div>
      </div>
      {open && (
        <ActionDialog
          {...open}
          order={now}
          lastChange={lastChange(events, text)}
          onClose={() => setOpen(undefined)}
          done={(name, before, given, after) => setDone({ name, before, given, after, at: Date.now() })}
        />
      )}
    </ActingProvider>
  );
}

/** What happened to the order last, and by whom. */
function lastChange(
  events: readonly CloudEvent[],
  { order, happened }: ReturnType<typeof useText>,
): string | undefined {
  const last = events.findLast(isOwn);
  if (!last) return undefined;
  const who = last.authtype === 'system' || last.authid === undefined ? undefined : last.authid;
  return order.changedBy(happened[last.type] ?? last.type, who);
}

function PastNotice({
  version,
  latest,
  back,
}: {
  readonly version: number;
  readonly latest: number;
  readonly back: () => void;
}): ReactNode {
  const { order } = useText();
  return (
    <section className="card sentence past">
      <div className="spread">
        <p role="status">{order.past(version, latest)}</p>
        <Button size="xs" variant="light" onClick={back}>
          {order.now}
        </Button>
      </div>
    </section>
  );
}

/** Shows what happens to the order as it happens. */
function useLiveOrder(id: string): void {
  const client = useQueryClient();
  const may = useMay();
  const allowed = may('events:read');
  useEffect(() => {
    if (!allowed) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const stop = follow(`?orderId=${id}`, () => {
      timer ??= setTimeout(() => {
        timer = undefined;
        void client.invalidateQueries({ queryKey: ['order', id] });
      }, GATHER_MS);
    });
    return () => {
      stop();
      clearTimeout(timer);
    };
  }, [client, id, allowed]);
}
