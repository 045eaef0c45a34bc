import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { type Order, type OrderForecast, Problem } from '#client';
import { api } from '../api.ts';
import { type ActName, bodyOf, type Given, rowOf } from './acts.ts';

/** What a command would do to an order as it is now, asked again as somebody fills in its dialog. */

const TYPING_MS = 250;

export interface Foreseen {
  readonly forecast: OrderForecast | undefined;
  /** Why the order refuses it. */
  readonly refused: string | undefined;
  readonly failed: Error | undefined;
  /** What is shown is not yet of what is given. */
  readonly pending: boolean;
}

export function useForecast(name: ActName, order: Order, given: Given): Foreseen {
  const missing = rowOf(name).missing?.(given, order);
  const asked = JSON.stringify({
    action: name,
    arguments: bodyOf(name, given, order, true),
    ...(given.returnId !== '' && { returnId: given.returnId }),
  });
  const [settled] = useDebouncedValue(asked, TYPING_MS, { leading: true });
  const { data, error, isFetching } = useQuery({
    queryKey: ['forecast', order.id, order.version, settled],
    queryFn: ({ signal }) =>
      api.forecastOrder({ id: order.id }, JSON.parse(settled) as never, { signal, patienceMs: 0 }),
    enabled: missing === undefined,
    placeholderData: keepPreviousData,
    retry: false,
    staleTime: 0,
    gcTime: 0,
  });
  // An answer of 4xx is the order's own refusal, or says what in the fields is not right yet.
  const refused = error instanceof Problem && error.status < 500 ? error.message : undefined;
  return {
    forecast: missing === undefined && !error ? data : undefined,
    refused,
    failed: error && refused === undefined ? error : undefined,
    pending: isFetching || settled !== asked,
  };
}
