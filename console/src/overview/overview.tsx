import { Badge, Text } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useEffect, useState } from 'react';
import type { OrderSummary } from '#client';
import { api, follow } from '../api.ts';
import { Failed, Loading, useTimes, When } from '../parts/parts.tsx';
import { useWaiting } from '../order/waiting.tsx';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';
import { OPEN_STATUSES } from '../orders/search.ts';
import { LifecyclePicture } from './picture.tsx';

/** How the orders are, at a glance: where they are, what waits for a person, and whether everything works. */

const REFRESH_MS = 1_500;
const SLOW_MS = 15_000;
const SHOWN_MAX = 5;

export function Overview(): ReactNode {
  const text = useText();
  const may = useMay();
  const dashboard = useQuery({ queryKey: ['dashboard'], queryFn: () => api.readDashboard(), refetchInterval: SLOW_MS });
  const rate = useLive();
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
                <LifecyclePicture dashboard={dashboard.data} />
              </section>
              <Health />
            </div>
            {may('orders:read') && <Stuck />}
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

/** Follows all events, counts them, and has the figures read again at most so often; undefined while not connected. */
function useLive(): number | undefined {
  const client = useQueryClient();
  const may = useMay();
  const [rate, setRate] = useState<number>();
  const allowed = may('events:read');
  useEffect(() => {
    if (!allowed) return undefined;
    let count = 0;
    let perSecond = 0;
    const stop = follow('', () => count++);
    setRate(0);
    const timer = setInterval(() => {
      perSecond = perSecond * 0.6 + ((count * 1_000) / REFRESH_MS) * 0.4;
      setRate(perSecond < 0.05 ? 0 : perSecond);
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
  return rate;
}

function Stuck(): ReactNode {
  const text = useText();
  const overdue = useStuck('overdue', { overdue: 'true', sort: 'createdAt' });
  const held = useStuck('held', {
    status: [...OPEN_STATUSES],
    hold: ['manual', 'review', 'overdue', 'shortage'],
    sort: 'createdAt',
  });
  const groups: readonly { name: string; search: Record<string, string>; found: ReturnType<typeof useStuck> }[] = [
    { name: text.overview.overdue, search: { overdue: 'true', sort: 'createdAt' }, found: overdue },
    { name: text.overview.held, search: { hold: 'manual,review,overdue,shortage', sort: 'createdAt' }, found: held },
  ];
  const loading = groups.some(({ found }) => found.isPending);
  const error = groups.find(({ found }) => found.error)?.found.error;
  const empty = !loading && !error && groups.every(({ found }) => found.data?.items.length === 0);
  return (
    <section className="card">
      <h2>{text.overview.needs}</h2>
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
    </section>
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

function Health(): ReactNode {
  const text = useText();
  const { age } = useTimes();
  const health = useQuery({
    queryKey: ['health'],
    // It is answered 503, with what is wrong, while something is.
    queryFn: async () =>
      (await (await fetch('/health/readiness')).json()) as {
        checks?: Record<string, { ok: boolean; detail?: string; lagMs?: number }>;
      },
    refetchInterval: SLOW_MS,
  });
  const bad = Object.entries(health.data?.checks ?? {}).filter(([, check]) => !check.ok);
  return (
    <section className="card">
      <h2>{text.overview.health}</h2>
      {health.isPending && <Loading rows={1} />}
      {health.error && <Failed error={health.error} />}
      {health.data && bad.length === 0 && (
        <Badge color="green" variant="light" tt="none" size="lg">
          {text.overview.ok}
        </Badge>
      )}
      {bad.length > 0 && (
        <>
          <Badge color="red" variant="light" tt="none" size="lg">
            {text.overview.problems(bad.length)}
          </Badge>
          <dl className="facts">
            {bad.map(([name, check]) => [
              <dt key={name}>{name}</dt>,
              <dd key={`${name}.`}>
                {check.detail ?? ''} {check.lagMs ? age(check.lagMs / 1000) : ''}
              </dd>,
            ])}
          </dl>
        </>
      )}
    </section>
  );
}
