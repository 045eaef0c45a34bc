import { NumberInput, Radio, Stack } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQueries, useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { CountForecast, Order, OrderSummary, Shipment } from '#client';
import { api } from '../api.ts';
import { Act, type Once } from '../parts/act.tsx';
import { OrderLink } from '../parts/order-name.tsx';
import { Failed } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';
import type { Leaving } from './parcel.tsx';

/**
 * A short pick: there are only n of m. What is there can leave alone; the shelf can be counted, which puts the orders on
 * hold that got theirs last; or, for who may, the missing pieces are taken off the order.
 */

const WAYS = ['send', 'count', 'cancel'] as const;
type Way = (typeof WAYS)[number];
const PIECES_MAX = 1_000_000;
const LOSERS_SHOWN = 5;
const DECIDED_MS = 15_000;
const POLL_MS = 300;

interface Missing {
  readonly sku: string;
  readonly quantity: number;
}

interface ShortProps {
  readonly order: OrderSummary;
  readonly shipment: Shipment;
  readonly sendRest: (leaving: Leaving) => void;
  readonly changed: () => void;
  readonly onClose: () => void;
}

export function ShortDialog({ order, shipment, sendRest, changed, onClose }: ShortProps): ReactNode {
  const { warehouse } = useText();
  const may = useMay();
  const [found, setFound] = useState<Readonly<Record<string, number>>>({});
  const [counted, setCounted] = useState<Readonly<Record<string, number | undefined>>>({});
  const [way, setWay] = useState<Way>('send');
  const missing = shipment.items.flatMap(({ sku, quantity }) => {
    const less = quantity - (found[sku] ?? quantity);
    return less > 0 ? [{ sku, quantity: less }] : [];
  });
  const there = shipment.items.flatMap(({ sku, quantity }) => {
    const pieces = found[sku] ?? quantity;
    return pieces > 0 ? [{ sku, quantity: pieces }] : [];
  });
  const forecasts = useForecasts(missing, counted, shipment.location, way === 'count');
  const full = useQuery({
    queryKey: ['order', order.id, 'now', 'short'],
    queryFn: () => api.readOrder({ id: order.id }),
  });
  const ways = WAYS.filter(
    (name) =>
      (name !== 'count' || may('stock:adjust')) &&
      (name !== 'cancel' || (may('orders:cancel') && may('stock:adjust'))) &&
      (name !== 'send' || there.length > 0),
  );
  const ready =
    missing.length > 0 &&
    ways.includes(way) &&
    (way !== 'count' || forecasts.known !== undefined) &&
    (way !== 'cancel' || full.data !== undefined);
  const effects =
    missing.length === 0
      ? [warehouse.sayFound]
      : way === 'send'
        ? [warehouse.willSend(sum(there), sum(missing))]
        : way === 'count'
          ? (forecasts.known?.map(({ sku, before, onHand, short, shortOrders }) =>
              warehouse.willCount(sku, before, onHand, short, shortOrders.length),
            ) ?? [missing.some(({ sku }) => counted[sku] === undefined) ? warehouse.sayShelf : warehouse.counting])
          : [warehouse.willCancelPieces(sum(missing)), warehouse.willRefund, warehouse.willTake];
  return (
    <Act
      title={`${warehouse.short} · ${order.number}`}
      effects={effects}
      danger={way !== 'send'}
      ready={ready}
      perform={async (once) => {
        if (way === 'send') return sendRest(there);
        if (way === 'count') return count(forecasts.known ?? [], once);
        return cancel(full.data!, once);
      }}
      done={() => {
        if (way !== 'send') changed();
      }}
      onClose={onClose}
    >
      {shipment.items.map(({ sku, quantity }, index) => (
        <NumberInput
          key={sku}
          label={warehouse.foundOf(sku, quantity)}
          data-autofocus={index === 0 || undefined}
          min={0}
          max={quantity}
          clampBehavior="strict"
          allowDecimal={false}
          value={found[sku] ?? quantity}
          onChange={(value) => setFound({ ...found, [sku]: value === '' ? quantity : Number(value) })}
        />
      ))}
      <Radio.Group label={warehouse.whatNow} value={way} onChange={(value) => setWay(value as Way)}>
        <Stack gap={6} mt={4}>
          {ways.map((name) => (
            <Radio key={name} value={name} label={warehouse.way[name]} />
          ))}
        </Stack>
      </Radio.Group>
      {way === 'count' &&
        missing.map(({ sku }) => (
          <NumberInput
            key={sku}
            label={warehouse.onShelf(sku)}
            required
            min={0}
            max={PIECES_MAX}
            allowDecimal={false}
            value={counted[sku] ?? ''}
            onChange={(value) => setCounted({ ...counted, [sku]: value === '' ? undefined : Number(value) })}
          />
        ))}
      {forecasts.error && <Failed error={forecasts.error} />}
      {way === 'count' && forecasts.known && <Losers forecasts={forecasts.known} />}
    </Act>
  );

  /** Writes down what is on the shelves. */
  async function count(known: readonly CountForecast[], { idempotencyKey }: Once): Promise<void> {
    for (const [index, { sku, location, onHand }] of known.entries())
      await api.adjustStock(
        { sku, location, onHand, reason: warehouse.shortReason(order.number) },
        { idempotencyKey: `${idempotencyKey}-${index}` },
      );
  }

  /** Takes the missing pieces off the order; when they are free, off the shelf as well. */
  async function cancel({ items }: Order, { idempotencyKey }: Once): Promise<void> {
    const reason = warehouse.shortReason(order.number);
    const before = (await api.readOrder({ id: order.id })).version;
    await api.cancelItems({ id: order.id }, { items: linesOf(missing, items), reason }, { idempotencyKey });
    const untilMs = Date.now() + DECIDED_MS;
    for (;;) {
      const now = await api.readOrder({ id: order.id });
      if (now.change === undefined && now.version > before) break;
      if (Date.now() > untilMs) throw new Error(warehouse.undecided);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    for (const [index, { sku, quantity }] of missing.entries())
      await api.adjustStock(
        { sku, location: shipment.location, delta: -quantity, reason },
        { idempotencyKey: `${idempotencyKey}-${index}` },
      );
  }
}

const sum = (pieces: readonly Missing[]): number => pieces.reduce((total, { quantity }) => total + quantity, 0);

/** The lines of an order that hold these pieces, as far as each can be taken off. */
export function linesOf(
  missing: readonly Missing[],
  items: readonly Pick<Order['items'][number], 'line' | 'sku' | 'allowed'>[],
): { line: number; quantity: number }[] {
  return missing.flatMap(({ sku, quantity }) => {
    let left = quantity;
    return items.flatMap((item) => {
      const pieces = item.sku === sku ? Math.min(left, item.allowed.cancel) : 0;
      left -= pieces;
      return pieces > 0 ? [{ line: item.line, quantity: pieces }] : [];
    });
  });
}

/** What the counts would do; nothing until all of them are given and known. */
function useForecasts(
  missing: readonly Missing[],
  counted: Readonly<Record<string, number | undefined>>,
  location: string,
  enabled: boolean,
) {
  const [given] = useDebouncedValue(counted, 250);
  const asked = useQueries({
    queries: missing.map(({ sku }) => ({
      queryKey: ['stock', sku, 'forecast', location, given[sku]],
      queryFn: () => api.readCountForecast({ sku, location, onHand: String(given[sku]) }),
      enabled: enabled && given[sku] !== undefined,
      staleTime: 0,
    })),
  });
  const known = asked.flatMap(({ data }) => data ?? []);
  return {
    known: enabled && given === counted && known.length === missing.length ? known : undefined,
    error: asked.find(({ error }) => error !== null)?.error,
  };
}

function Losers({ forecasts }: { readonly forecasts: readonly CountForecast[] }): ReactNode {
  const { inventory } = useText();
  const orders = forecasts.flatMap(({ sku, shortOrders }) => shortOrders.map((one) => ({ ...one, sku })));
  if (orders.length === 0) return null;
  return (
    <ul className="losers">
      {orders.slice(0, LOSERS_SHOWN).map(({ orderId, quantity, sku }) => (
        <li key={`${orderId} ${sku}`}>
          <OrderLink id={orderId} /> {inventory.loses(quantity)} ({sku})
        </li>
      ))}
      {orders.length > LOSERS_SHOWN && <li className="dim">{inventory.andMore(orders.length - LOSERS_SHOWN)}</li>}
    </ul>
  );
}
