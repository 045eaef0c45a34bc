import { type InfiniteData, keepPreviousData, type QueryClient, useInfiniteQuery } from '@tanstack/react-query';
import { useCallback, useEffect, useMemo } from 'react';
import { api } from '../api.ts';
import { keyOf, type Parameters, parametersOf, type Search } from './search.ts';

/** Rows of one page of a list: what the API gives at most. */
const PAGE = 200;
/** So many rows are loaded beyond those that are seen once somebody scrolls, so that who is fast does not meet the end. */
const AHEAD = 5 * PAGE;
/** Who has not come so far does not scroll. */
const AT_REST = 50;
/** So many are kept in memory, some 100 MB of orders; nobody reads further without a filter. */
export const ROWS_MAX = 150_000;

/** Where a list comes from: its name in addresses and in what is remembered, and the path and parameters of the API. */
export interface Source {
  readonly list: string;
  readonly path: string;
  readonly parameters: Parameters;
  /** Instead of what the parameters say by themselves: what the API is asked; nothing where nothing can be found. */
  readonly ask?: (search: Search, signal: AbortSignal) => Promise<Asked | undefined>;
}
export type Asked = Record<string, string | readonly string[]>;

/** So many orders are meant by a text at most. */
const ORDERS_MAX = 200;

/** Asks a list of what belongs to orders, which are found by the parameter `by` as the list of orders finds them. */
export function ofOrders(
  parameters: Parameters,
  defaults: (search: Search) => Asked = () => ({}),
  by = 'text',
): NonNullable<Source['ask']> {
  return async (search, signal) => {
    const asked = { ...defaults(search), ...parametersOf(search, parameters) };
    if (!search[by]) return asked;
    const { items } = await api.listOrders({ text: search[by], limit: ORDERS_MAX }, { signal });
    return items.length === 0 ? undefined : { ...asked, orderId: items.map(({ id }) => id) };
  };
}

interface Page<Row> {
  readonly items: Row[];
  readonly nextCursor: string | null;
  /** Services that could not be asked: what they have is missing. */
  readonly unreachable?: readonly string[];
}

/** Shows a row of a list as it is now, where it stands: the list is not read again, so no other row moves. */
export function replaceRow<Row>(
  client: QueryClient,
  list: string,
  search: Search,
  idOf: (row: Row) => string,
  row: Row,
): void {
  client.setQueryData<InfiniteData<Page<Row>>>(
    [list, keyOf(search)],
    (before) =>
      before && {
        ...before,
        pages: before.pages.map((page) => ({
          ...page,
          items: page.items.map((one) => (idOf(one) === idOf(row) ? row : one)),
        })),
      },
  );
}

/** The rows of a list for an address, page by page; those of the address before until they are there. */
export function useRows<Row>({ list, path, parameters, ask }: Source, search: Search) {
  const found = useInfiniteQuery({
    queryKey: [list, keyOf(search)],
    queryFn: async ({ pageParam, signal }): Promise<Page<Row>> => {
      const asked = ask ? await ask(search, signal) : parametersOf(search, parameters);
      if (!asked) return { items: [], nextCursor: null };
      const { body } = await api.send(
        {
          method: 'GET',
          path,
          parameters: { ...asked, limit: PAGE, ...(pageParam !== undefined && { cursor: pageParam }) },
        },
        { signal },
      );
      return body as Page<Row>;
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ nextCursor }) => nextCursor ?? undefined,
    // Rows do not jump while somebody reads: they are read again when asked for.
    staleTime: Number.POSITIVE_INFINITY,
    // Comparing every row with what it was, for each page that is added, would take longer and longer.
    structuralSharing: false,
    placeholderData: keepPreviousData,
  });
  const { data, hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage } = found;
  const rows = useMemo(() => data?.pages.flatMap(({ items }) => items) ?? [], [data]);
  const { length } = rows;
  const more = hasNextPage && !isFetchingNextPage && !isFetchNextPageError && length < ROWS_MAX;
  /** Loads on where the row of an index may be seen soon. */
  const near = useCallback(
    (index: number): void => {
      if (more && index > AT_REST && index > length - AHEAD) void fetchNextPage();
    },
    [more, length, fetchNextPage],
  );
  return { ...found, rows, near };
}

/** The rows before and after one of a list as it was last shown, also where the next is not loaded yet. */
export function useNeighbors<Row extends { readonly id: string }>(
  source: Source,
  search: Search,
  id: string,
): { readonly previous: string | undefined; readonly next: string | undefined } {
  const { rows, near } = useRows<Row>(source, search);
  const at = useMemo(() => rows.findIndex((row) => row.id === id), [rows, id]);
  useEffect(() => {
    if (at >= 0) near(at);
  }, [at, near]);
  return { previous: at < 0 ? undefined : rows[at - 1]?.id, next: at < 0 ? undefined : rows[at + 1]?.id };
}
