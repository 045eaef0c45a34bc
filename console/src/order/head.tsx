import { ActionIcon, Text } from '@mantine/core';
import { useHotkeys } from '@mantine/hooks';
import { Link, useNavigate } from '@tanstack/react-router';
import { type ReactNode, useEffect } from 'react';
import type { Order, OrderSummary, Payment } from '#client';
import { useNeighbors } from '../list/rows.ts';
import { lastSearch } from '../list/search.ts';
import { ORDERS } from '../orders/search.ts';
import { PaymentBadge, StatusBadge, When } from '../parts/parts.tsx';
import { Icon } from '../shell/icons.tsx';
import { useText } from '../text/text.tsx';
import { useAct } from './actions.tsx';
import { useOpenMatters } from './matters.tsx';
import { type Other, Others } from './presence.tsx';
import { useWaiting } from './waiting.tsx';

/** The top of the page of an order: which it is, where it stands, who else looks at it, and the way to its neighbors. */
export function Head({ order, others }: { readonly order: Order; readonly others: readonly Other[] }): ReactNode {
  const text = useText();
  const navigate = useNavigate();
  const { next, previous } = useNeighbors<OrderSummary>(ORDERS, lastSearch('orders'), order.id);
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
      <Others others={others} />
      <span className="bar neighbors">
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

/** What the order waits for, and what else of it is open, with what may be done about it. */
export function Sentence({
  order,
  payment,
}: {
  readonly order: Order;
  readonly payment: Payment | undefined;
}): ReactNode {
  const { acts } = useText();
  const act = useAct();
  const { sentence, tone } = useWaiting(order);
  const matters = useOpenMatters(order, payment);
  return (
    <section className={`card sentence ${matters.length > 0 && tone === 'ended' ? 'late' : tone}`}>
      <p role="status">{sentence}</p>
      {matters.length > 0 && (
        <ul className="matters">
          {matters.map(({ text, act: name }) => {
            const opens = name && act(name);
            return (
              <li key={text}>
                {text}{' '}
                {opens && (
                  <button type="button" className="as-link" onClick={opens}>
                    {acts[name]}
                  </button>
                )}
              </li>
            );
          })}
        </ul>
      )}
    </section>
  );
}
