import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { OrderSummary } from '#client';
import { api } from '../api.ts';
import { useMay } from '../session.tsx';
import { StatusBadge } from './parts.tsx';

/** Orders that another service names by their ids, as people call them: in lists of what belongs to orders. */

/** So many are asked for at once. */
const ASKED_MAX = 200;
/** What is shown together is asked for together. */
const GATHER_MS = 15;
const FRESH_MS = 60_000;

type Found = ReadonlyMap<string, OrderSummary>;
let gathering: { readonly ids: Set<string>; readonly found: Promise<Found> } | undefined;

async function summaryOf(id: string): Promise<OrderSummary | null> {
  if (!gathering || gathering.ids.size >= ASKED_MAX) {
    const ids = new Set<string>();
    const found = new Promise<void>((resolve) => void setTimeout(resolve, GATHER_MS)).then(async (): Promise<Found> => {
      if (gathering?.ids === ids) gathering = undefined;
      const { items } = await api.listOrders({ id: [...ids], limit: ASKED_MAX });
      return new Map(items.map((order) => [order.id, order]));
    });
    gathering = { ids, found };
  }
  gathering.ids.add(id);
  return (await gathering.found).get(id) ?? null;
}

/** What lists show of an order; nothing while it is read, and where there is none. */
export function useOrderSummary(id: string): OrderSummary | undefined {
  const may = useMay();
  const found = useQuery({
    queryKey: ['order-name', id],
    queryFn: () => summaryOf(id),
    staleTime: FRESH_MS,
    enabled: may('orders:read'),
  });
  return found.data ?? undefined;
}

export function OrderNumber({ id }: { readonly id: string }): ReactNode {
  return useOrderSummary(id)?.number ?? `…${id.slice(-12)}`;
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
        <code>
          <OrderNumber id={id} />
        </code>
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

/** When an order was placed: its id begins with it. */
export function placedAt(id: string): string {
  return new Date(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)).toISOString();
}
