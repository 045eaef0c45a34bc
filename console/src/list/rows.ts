import { useInfiniteQuery } from '@tanstack/react-query';
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
        .then(({ body }) => body as { items: Row[]; nextCursor: string | null }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ nextCursor }) => nextCursor ?? undefined,
    // Rows do not jump while somebody reads: they are read again when asked for.
    staleTime: Number.POSITIVE_INFINITY,
  });
}
