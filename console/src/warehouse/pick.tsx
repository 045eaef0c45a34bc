import { Button, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useSearch } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { OrderSummary, Shipment } from '#client';
import { api } from '../api.ts';
import { lastSearch, type Search, valuesOf } from '../list/search.ts';
import { Empty, Failed, Loading } from '../parts/parts.tsx';
import { Icon } from '../shell/icons.tsx';
import { useLanguage, useText } from '../text/text.tsx';
import { PICK_MAX, WORK } from './search.ts';
import { piecesText } from '../parts/pieces.ts';

/** What to take from the shelves for several orders at once: by location and SKU, then by parcel; on paper as on the screen. */

interface PickList {
  readonly parcels: readonly Shipment[];
  readonly numbers: ReadonlyMap<string, OrderSummary>;
  readonly names: ReadonlyMap<string, string>;
}

const SET_MAX = 200;

async function read(orderIds: readonly string[], location: string | undefined): Promise<PickList> {
  const asked = orderIds.slice(0, PICK_MAX);
  const parcels: Shipment[] = [];
  const places = location === undefined ? {} : { location: [location] };
  for await (const parcel of api.listShipments({ orderId: asked, status: ['SCHEDULED'], ...places, limit: SET_MAX }))
    parcels.push(parcel);
  const skus = [...new Set(parcels.flatMap(({ items }) => items.map(({ sku }) => sku)))];
  const sets = Array.from({ length: Math.ceil(skus.length / SET_MAX) }, (_, set) =>
    skus.slice(set * SET_MAX, (set + 1) * SET_MAX),
  );
  const [orders, ...stock] = await Promise.all([
    asked.length === 0 ? undefined : api.listOrders({ id: asked, limit: SET_MAX }),
    ...sets.map((sku) => api.listStock({ sku, limit: SET_MAX })),
  ]);
  return {
    parcels,
    numbers: new Map((orders?.items ?? []).map((order) => [order.id, order])),
    names: new Map(stock.flatMap(({ items }) => items.map(({ sku, name }) => [sku, name ?? ''] as const))),
  };
}

interface Pick {
  readonly sku: string;
  readonly total: number;
  readonly of: readonly { readonly number: string; readonly quantity: number }[];
}

/** What to take at a place, by SKU. */
export function picksOf(parcels: readonly Parcel[], numberOf: (orderId: string) => string): Pick[] {
  const picks = new Map<string, { total: number; of: { number: string; quantity: number }[] }>();
  for (const { orderId, items } of parcels)
    for (const { sku, quantity } of items) {
      const pick = picks.get(sku) ?? { total: 0, of: [] };
      pick.total += quantity;
      pick.of.push({ number: numberOf(orderId), quantity });
      picks.set(sku, pick);
    }
  return [...picks].map(([sku, pick]) => ({ sku, ...pick })).toSorted((a, b) => (a.sku < b.sku ? -1 : 1));
}
type Parcel = { readonly orderId: string; readonly items: Shipment['items'] };

export function PickListPage(): ReactNode {
  const { warehouse } = useText();
  const { language } = useLanguage();
  const search: Search = useSearch({ strict: false });
  const orderIds = valuesOf(search, 'order');
  const location = search['location'];
  const list = useQuery({
    queryKey: ['shipments', 'pick', orderIds, location],
    queryFn: () => read(orderIds, location),
  });
  const numberOf = (orderId: string): string => list.data?.numbers.get(orderId)?.number ?? `…${orderId.slice(-12)}`;
  const places = Map.groupBy(list.data?.parcels ?? [], (parcel) => parcel.location);
  const now = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' }).format(new Date());
  return (
    <div className="page paper">
      <div className="page-head">
        <Link to="/warehouse" search={{ ...lastSearch(WORK.list) }} className="back no-print">
          <Icon name="back" size={15} /> {warehouse.back}
        </Link>
        <h1>{warehouse.pickTitle}</h1>
        <Text size="sm" className="dim">
          {list.data && warehouse.pickOf(list.data.parcels.length)} · {now}
        </Text>
        <span className="bar acts no-print">
          <Button size="xs" onClick={() => window.print()} disabled={!list.data}>
            {warehouse.print}
          </Button>
        </span>
      </div>
      {list.isPending ? (
        <Loading rows={8} />
      ) : list.error ? (
        <Failed error={list.error} retry={() => void list.refetch()} />
      ) : list.data.parcels.length === 0 ? (
        <Empty title={warehouse.pickNone} help={warehouse.pickNoneHelp} />
      ) : (
        [...places]
          .toSorted(([a], [b]) => (a < b ? -1 : 1))
          .map(([place, parcels]) => (
            <section className="card sheet" key={place}>
              <h2>{place}</h2>
              <table className="plain pick">
                <thead>
                  <tr>
                    <th>{warehouse.taken}</th>
                    <th className="num">{warehouse.pieces}</th>
                    <th>SKU</th>
                    <th>{warehouse.product}</th>
                    <th>{warehouse.forOrders}</th>
                  </tr>
                </thead>
                <tbody>
                  {picksOf(parcels, numberOf).map(({ sku, total, of }) => (
                    <tr key={sku}>
                      <td>
                        <input type="checkbox" aria-label={`${warehouse.taken}: ${sku}`} />
                      </td>
                      <td className="num">
                        <strong>{total}</strong>
                      </td>
                      <td>
                        <code>{sku}</code>
                      </td>
                      <td>{list.data.names.get(sku)}</td>
                      <td>
                        {of.map(({ number, quantity }, index) => (
                          <span className="share" key={index}>
                            {quantity} × <code>{number}</code>
                          </span>
                        ))}
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
              <h3>{warehouse.parcels}</h3>
              <ul className="parcels">
                {parcels.map(({ id, orderId, items, paused }) => (
                  <li key={id}>
                    <strong>
                      <code>{numberOf(orderId)}</code>
                    </strong>
                    {paused && <span className="bad"> {warehouse.held}</span>}: {piecesText(items)}
                  </li>
                ))}
              </ul>
            </section>
          ))
      )}
    </div>
  );
}
