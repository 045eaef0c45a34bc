import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { OrderSummary } from '#client';
import { api } from '../api.ts';
import { useMay } from '../session.tsx';
import { StatusBadge } from './parts.tsx';

/** Orders that another service names by their ids, as people call them. */

const SET_MAX = 200;
/** So long more are waited for, that one call reads all of them. */
const GATHER_MS = 15;
const FRESH_MS = 60_000;

type Listener = (order: Promise<OrderSummary | null>) => void;
let asked = new Map<string, Listener[]>();

/** An order as lists show it, null where there is none: those that are asked for together are read together. */
function load(id: string): Promise<OrderSummary | null> {
  return new Promise((resolve) => {
    if (asked.size === 0) setTimeout(readAsked, GATHER_MS);
    asked.set(id, [...(asked.get(id) ?? []), resolve]);
    if (asked.size === SET_MAX) readAsked();
  });
}

function readAsked(): void {
  const listeners = asked;
  asked = new Map();
  if (listeners.size === 0) return;
  const found = (async () => (await api.listOrders({ id: [...listeners.keys()], limit: SET_MAX })).items)();
  for (const [id, all] of listeners) {
    const one = found.then((orders) => orders.find((order) => order.id === id) ?? null);
    for (const listener of all) listener(one);
  }
}

/** An order by its id, when it is read and if the person may read it. */
export function useOrderSummary(id: string): OrderSummary | undefined {
  const may = useMay();
  const found = useQuery({
    queryKey: ['order summary', id],
    queryFn: () => load(id),
    enabled: may('orders:read'),
    staleTime: FRESH_MS,
  });
  return found.data ?? undefined;
}

/** Leads to an order, under its number where that is known; with its status where wished. */
export function OrderLink({
  id,
  status = false,
  mark,
}: {
  readonly id: string;
  readonly status?: boolean;
  /** Called when somebody goes there. */
  readonly mark?: () => void;
}): ReactNode {
  const order = useOrderSummary(id);
  return (
    <>
      <Link to="/orders/$id" params={{ id }} onClick={() => mark?.()}>
        <code>{order?.number ?? `…${id.slice(-12)}`}</code>
      </Link>
      {status && order && (
        <>
          {' '}
          <StatusBadge status={order.status} />
        </>
      )}
    </>
  );
}
