import { type InfiniteData, type QueryClient, useInfiniteQuery } from '@tanstack/react-query';
import { api } from '../api.ts';
import { keyOf, type Parameters, parametersOf, type Search } from './search.ts';

/** Rows of one page of a list. */
export const PAGE = 100;

/** Where a list comes from: its name in addresses and in what is remembered, and the path and parameters of the API. */
export interface Source {
  readonly list: string;
  readonly path: string;
  readonly parameters: Parameters;
}

interface Page<Row> {
  readonly items: Row[];
  readonly nextCursor: string | null;
}

/** Shows a row of a list as it is now, where it stands: the list is not read again, so no other row moves. */
export function replaceRow<Row>(
  client: QueryClient,
  list: string,
  search: Search,
  idOf: (row: Row) => string,
  row: Row,
): void {
  client.setQueryData<InfiniteData<Page<Row>>>([list, keyOf(search)], (before) => ({
    ...before!,
    pages: (before?.pages ?? []).map((page) => ({
      ...page,
      items: page.items.map((one) => (idOf(one) === idOf(row) ? row : one)),
    })),
  }));
}

/** The rows of a list for an address, page by page. */
export function useRows<Row>({ list, path, parameters }: Source, search: Search) {
  return useInfiniteQuery({
    queryKey: [list, keyOf(search)],
    queryFn: ({ pageParam, signal }) =>
      api
        .send(
          {
            method: 'GET',
            path,
            parameters: {
              ...parametersOf(search, parameters),
              limit: PAGE,
              ...(pageParam !== undefined && { cursor: pageParam }),
            },
          },
          { signal },
        )
        .then(({ body }) => body as Page<Row>),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ nextCursor }) => nextCursor ?? undefined,
    // Rows do not jump while somebody reads: they are read again when asked for.
    staleTime: Number.POSITIVE_INFINITY,
  });
}
