import { Badge, Text } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useEffect, useState } from 'react';
import type { OrderSummary } from '#client';
import { api, follow } from '../api.ts';
import { Failed, Loading, When } from '../parts/parts.tsx';
import { useWaiting } from '../order/waiting.tsx';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';
import { OPEN_STATUSES } from '../orders/search.ts';
import { Attention } from './attention.tsx';
import { Charts } from './charts.tsx';
import { Health } from './health.tsx';
import { LifecyclePicture } from './picture.tsx';

/** How the orders are, at a glance: where they are, what waits for a person, and whether everything works. */

const REFRESH_MS = 1_500;
const SLOW_MS = 15_000;
const SHOWN_MAX = 5;
/** Holds that end by a person; those of reviews have a screen of their own. */
const HELD = ['manual', 'shortage', 'change', 'cancellation'] as const;

export function Overview(): ReactNode {
  const text = useText();
  const may = useMay();
  const dashboard = useQuery({ queryKey: ['dashboard'], queryFn: () => api.readDashboard(), refetchInterval: SLOW_MS });
  const { rate, moved } = useLive();
  const number = (value: number): string => value.toLocaleString();
  return (
    <div className="page">
      <div className="page-head">
        <h1>{text.overview.title}</h1>
        <Badge variant="dot" color={rate === undefined ? 'gray' : 'green'} tt="none">
          {rate === undefined ? text.overview.paused : text.overview.live}
        </Badge>
        {dashboard.data && (
          <Text size="xs" className="dim" ml="auto">
            {text.common.lastUpdated(new Date(dashboard.data.at).toLocaleTimeString())}
          </Text>
        )}
      </div>
      {dashboard.isPending && <Loading />}
      {dashboard.error && <Failed error={dashboard.error} retry={() => void dashboard.refetch()} />}
      {dashboard.data && (
        <>
          <div className="tiles">
            <Tile label={text.overview.placedMinute} value={number(dashboard.data.createdLastMinute)} />
            <Tile label={text.overview.placedHour} value={number(dashboard.data.createdLastHour)} />
            <Tile label={text.overview.total} value={number(dashboard.data.total)} />
            {may('events:read') && (
              <Tile
                label={text.overview.events}
                value={(rate ?? 0).toLocaleString(undefined, { maximumFractionDigits: 1 })}
              />
            )}
          </div>
          <div className="columns two">
            <div className="stack">
              <section className="card">
                <h2>{text.overview.lifecycle}</h2>
                <LifecyclePicture dashboard={dashboard.data} moved={moved} />
                {may('events:read') && <p className="dim legend">{text.overview.onArrows}</p>}
              </section>
              {dashboard.data.minutes && <Charts minutes={dashboard.data.minutes} />}
              <Health />
            </div>
            <Needs />
          </div>
        </>
      )}
    </div>
  );
}

function Tile({ label, value }: { readonly label: string; readonly value: string }): ReactNode {
  return (
    <div className="card tile">
      <b>{value}</b>
      <span className="dim">{label}</span>
    </div>
  );
}

/** Events of the last minute by their types. */
export type Moved = Readonly<Record<string, number>>;
const TICKS = 60_000 / REFRESH_MS;

/**
 * Follows all events, counts them, and has the figures read again at most so often. `rate`: a second; undefined while not
 * connected.
 */
function useLive(): { readonly rate: number | undefined; readonly moved: Moved } {
  const client = useQueryClient();
  const may = useMay();
  const [rate, setRate] = useState<number>();
  const [moved, setMoved] = useState<Moved>({});
  const allowed = may('events:read');
  useEffect(() => {
    if (!allowed) return undefined;
    let count = 0;
    let perSecond = 0;
    let now: Record<string, number> = {};
    const past: Moved[] = [];
    const stop = follow('', (type) => {
      count++;
      now[type] = (now[type] ?? 0) + 1;
    });
    setRate(0);
    const timer = setInterval(() => {
      perSecond = perSecond * 0.6 + ((count * 1_000) / REFRESH_MS) * 0.4;
      setRate(perSecond < 0.05 ? 0 : perSecond);
      past.push(now);
      if (past.length > TICKS) past.shift();
      now = {};
      const sums: Record<string, number> = {};
      for (const tick of past) for (const [type, each] of Object.entries(tick)) sums[type] = (sums[type] ?? 0) + each;
      setMoved(sums);
      // A page that nobody looks at asks for nothing.
      if (count > 0 && document.visibilityState === 'visible') {
        void client.invalidateQueries({ queryKey: ['dashboard'] });
        void client.invalidateQueries({ queryKey: ['stuck'] });
      }
      count = 0;
    }, REFRESH_MS);
    return () => {
      stop();
      clearInterval(timer);
    };
  }, [client, allowed]);
  return { rate, moved };
}

function Needs(): ReactNode {
  const text = useText();
  const may = useMay();
  return (
    <section className="card">
      <h2>{text.overview.needs}</h2>
      <Attention />
      {may('orders:read') && <Stuck />}
    </section>
  );
}

function Stuck(): ReactNode {
  const text = useText();
  const overdue = useStuck('overdue', { overdue: 'true', sort: 'createdAt' });
  const held = useStuck('held', {
    status: [...OPEN_STATUSES],
    hold: [...HELD],
    sort: 'createdAt',
  });
  const groups: readonly { name: string; search: Record<string, string>; found: ReturnType<typeof useStuck> }[] = [
    { name: text.overview.overdue, search: { overdue: 'true', sort: 'createdAt' }, found: overdue },
    { name: text.overview.held, search: { hold: HELD.join(','), sort: 'createdAt' }, found: held },
  ];
  const loading = groups.some(({ found }) => found.isPending);
  const error = groups.find(({ found }) => found.error)?.found.error;
  const empty = !loading && !error && groups.every(({ found }) => found.data?.items.length === 0);
  return (
    <>
      {loading && <Loading rows={4} />}
      {error && <Failed error={error} />}
      {empty && (
        <>
          <Text fw={600}>{text.overview.nothingStuck}</Text>
          <Text size="sm" className="dim">
            {text.overview.nothingStuckHelp}
          </Text>
        </>
      )}
      {groups.map(
        ({ name, search, found }) =>
          found.data &&
          found.data.items.length > 0 && (
            <div key={name}>
              <div className="group-head">
                <span>{name}</span>
                <Link to="/orders" search={search}>
                  {text.overview.showAll}
                </Link>
              </div>
              <ul className="stuck">
                {found.data.items.slice(0, SHOWN_MAX).map((order) => (
                  <StuckOrder key={order.id} order={order} />
                ))}
              </ul>
            </div>
          ),
      )}
    </>
  );
}

function useStuck(name: string, query: Parameters<typeof api.listOrders>[0]) {
  return useQuery({
    queryKey: ['stuck', name],
    queryFn: async ({ signal }) => await api.listOrders({ ...query, limit: SHOWN_MAX + 1 }, { signal }),
    refetchInterval: SLOW_MS,
  });
}

function StuckOrder({ order }: { readonly order: OrderSummary }): ReactNode {
  const waiting = useWaiting(order);
  return (
    <li>
      <Link to="/orders/$id" params={{ id: order.id }} className="stuck-link">
        <code>{order.number}</code>
        <span className="dim">{order.channel}</span>
        <span className="dim">
          <When at={order.createdAt} />
        </span>
        <span className="why">{waiting.sentence}</span>
      </Link>
    </li>
  );
}
