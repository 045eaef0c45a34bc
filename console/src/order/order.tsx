import { ActionIcon, Slider, Text } from '@mantine/core';
import { useHotkeys } from '@mantine/hooks';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { type ReactNode, useEffect, useState } from 'react';
import { type Order, type OrderSummary, Problem } from '#client';
import { api, follow } from '../api.ts';
import { useRows } from '../list/rows.ts';
import { lastSearch } from '../list/search.ts';
import { ORDERS } from '../orders/search.ts';
import { Empty, Failed, Loading, PaymentBadge, StatusBadge, When } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { Icon } from '../shell/icons.tsx';
import { useText } from '../text/text.tsx';
import { Actions } from './actions.tsx';
import { Customer, Holds, Items, Messages, Money, Notes, Parked, Payments, Shipments } from './sections.tsx';
import { Timeline } from './timeline.tsx';
import { useWaiting } from './waiting.tsx';

/** One order with everything: what it waits for, what is in it, what happened, and what can be done. */

/** Events of one order that come together are shown together. */
const GATHER_MS = 250;

export function OrderPage(): ReactNode {
  const { id } = useParams({ from: '/inside/orders/$id' });
  const text = useText();
  const [version, setVersion] = useState<number>();
  useEffect(() => setVersion(undefined), [id]);
  const order = useQuery({ queryKey: ['order', id, 'now'], queryFn: () => read(id) });
  const past = useQuery({
    queryKey: ['order', id, version],
    queryFn: () => read(id, version),
    enabled: version !== undefined,
    placeholderData: (before) => before,
  });
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
  const shown = version === undefined ? order.data : (past.data ?? order.data);
  return (
    <div className="page">
      <Head order={shown.order} />
      <div className="stack">
        <Sentence order={shown.order} />
        {version === undefined && <Actions order={order.data.order} etag={order.data.etag} />}
        <Parked order={order.data.order} />
        <div className="order-grid">
          <div className="stack">
            <Items order={shown.order} />
            <Shipments id={id} />
            <Payments id={id} />
            <Messages id={id} />
          </div>
          <div className="stack">
            <Money order={shown.order} />
            <Holds order={shown.order} />
            <Customer order={shown.order} />
            <Notes order={shown.order} />
            <section className="card">
              <h2>{text.order.timeline}</h2>
              <AsOf latest={order.data.order.version} version={version} change={setVersion} />
              <Timeline id={id} />
            </section>
          </div>
        </div>
      </div>
    </div>
  );
}

async function read(id: string, asOf?: number): Promise<{ order: Order; etag: string }> {
  let etag = '';
  const order = await api.readOrder(
    { id, ...(asOf !== undefined && { asOf: String(asOf) }) },
    { onAnswer: ({ headers }) => void (etag = headers.get('etag') ?? '') },
  );
  // What stands for the compressed form of a version is not the version.
  return { order, etag: `"${order.version}"` === etag ? etag : `"${order.version}"` };
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

function Head({ order }: { readonly order: Order }): ReactNode {
  const text = useText();
  const navigate = useNavigate();
  const list = useRows<OrderSummary>(ORDERS, lastSearch('orders'));
  const ids = list.data?.pages.flatMap(({ items }) => items.map(({ id }) => id)) ?? [];
  const at = ids.indexOf(order.id);
  const next = at < 0 ? undefined : ids[at + 1];
  const previous = at < 0 ? undefined : ids[at - 1];
  const go = (id: string | undefined): void => {
    if (id !== undefined) void navigate({ to: '/orders/$id', params: { id } });
  };
  useEffect(() => {
    document.title = `${order.number} · OLMS`;
    return () => void (document.title = 'OLMS');
  }, [order.number]);
  useHotkeys([
    ['n', () => go(next)],
    ['p', () => go(previous)],
  ]);
  return (
    <div className="page-head">
      <Link to="/orders" search={{ ...lastSearch('orders') }} className="back">
        <Icon name="back" size={15} /> {text.order.back}
      </Link>
      <h1>
        <code>{order.number}</code>
      </h1>
      <StatusBadge status={order.status} />
      <PaymentBadge status={order.paymentStatus} />
      <Text size="sm" className="dim">
        {text.order.placed} <When at={order.createdAt} /> · {order.channel}
      </Text>
      <span className="bar" style={{ marginLeft: 'auto' }}>
        <ActionIcon
          variant="default"
          disabled={previous === undefined}
          onClick={() => go(previous)}
          aria-label={text.order.previous}
        >
          <Icon name="back" size={15} />
        </ActionIcon>
        <ActionIcon
          variant="default"
          disabled={next === undefined}
          onClick={() => go(next)}
          aria-label={text.order.next}
        >
          <Icon name="forward" size={15} />
        </ActionIcon>
      </span>
    </div>
  );
}

function Sentence({ order }: { readonly order: Order }): ReactNode {
  const { sentence, tone } = useWaiting(order);
  return (
    <p className={`card sentence ${tone}`} style={{ margin: 0 }} role="status">
      {sentence}
    </p>
  );
}

/** The order as it was at any version, by a slider. */
function AsOf({
  latest,
  version,
  change,
}: {
  readonly latest: number;
  readonly version: number | undefined;
  readonly change: (version: number | undefined) => void;
}): ReactNode {
  const { order } = useText();
  if (latest < 2) return null;
  return (
    <div style={{ marginBottom: 16 }}>
      <Text size="xs" className="dim">
        {order.asOf}: {version === undefined ? order.asOfNow : order.asOfPast(version, latest)}
      </Text>
      <Slider
        size="sm"
        min={1}
        max={latest}
        value={version ?? latest}
        label={null}
        thumbLabel={order.asOf}
        onChange={(value) => change(value === latest ? undefined : value)}
      />
    </div>
  );
}
