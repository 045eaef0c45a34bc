import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { OrderSummary } from '#client';
import { api } from '../api.ts';
import { useMay } from '../session.tsx';

/** The number of an order where only its id is known, as in lists of what belongs to orders. */

/** So many are asked for at once. */
const ASKED_MAX = 100;
/** What is shown together is asked for together. */
const GATHER_MS = 10;

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
    staleTime: Number.POSITIVE_INFINITY,
    enabled: may('orders:read'),
    retry: false,
  });
  return found.data ?? undefined;
}

export function OrderNumber({ id }: { readonly id: string }): ReactNode {
  return useOrderSummary(id)?.number ?? `…${id.slice(-12)}`;
}

export function OrderLink({ id }: { readonly id: string }): ReactNode {
  return (
    <Link to="/orders/$id" params={{ id }} className="order-link">
      <OrderNumber id={id} />
    </Link>
  );
}

/** When an order was placed: its id begins with it. */
export function placedAt(id: string): string {
  return new Date(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)).toISOString();
}
