import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { OrderSummary } from '#client';
import { api } from '../api.ts';
import { useMay } from '../session.tsx';

/** Orders that another service names by their ids, as people call them. */

const SET_MAX = 200;

/** These orders by id, as far as they are read yet and the person may read them. */
export function useOrdersById(ids: readonly string[]): ReadonlyMap<string, OrderSummary> {
  const may = useMay();
  const sought = [...new Set(ids)].toSorted();
  const found = useQuery({
    queryKey: ['orders by id', sought],
    async queryFn({ signal }) {
      const sets = Array.from({ length: Math.ceil(sought.length / SET_MAX) }, (_, set) =>
        sought.slice(set * SET_MAX, (set + 1) * SET_MAX),
      );
      const pages = await Promise.all(
        sets.map(async (id) => (await api.listOrders({ id, limit: SET_MAX }, { signal })).items),
      );
      return new Map(pages.flat().map((order) => [order.id, order]));
    },
    enabled: sought.length > 0 && may('orders:read'),
    placeholderData: (before) => before,
    staleTime: 60_000,
  });
  return found.data ?? NONE;
}
const NONE: ReadonlyMap<string, OrderSummary> = new Map();

/** Leads to an order, under its number where that is known. */
export function OrderLink({ id, order }: { readonly id: string; readonly order: OrderSummary | undefined }): ReactNode {
  return (
    <Link to="/orders/$id" params={{ id }}>
      <code>{order?.number ?? `…${id.slice(-12)}`}</code>
    </Link>
  );
}
