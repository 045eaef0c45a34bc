import { Badge, Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import type { Shipment } from '#client';
import { api } from '../api.ts';
import type { Filter } from '../list/filters.tsx';
import { List } from '../list/list.tsx';
import { type Search, valuesOf } from '../list/search.ts';
import type { Column } from '../list/table.tsx';
import { OrderLink, useOrderSummary } from '../parts/order-name.tsx';
import { piecesText } from '../parts/pieces.ts';
import { useNumber, useTimes, When } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';
import { PICK_MAX, WORK } from './search.ts';
import { SlipsDialog } from './slips.tsx';
import { Tabs } from './tabs.tsx';

/** What is to be sent, the oldest first, by location. */

const WRONG = 'LOST,DAMAGED,RETURNED';

export function Warehouse(): ReactNode {
  const { warehouse } = useText();
  const may = useMay();
  const navigate = useNavigate();
  return (
    <List<Shipment>
      source={WORK}
      filters={useFilters()}
      columns={useColumns()}
      idOf={({ id }) => id}
      open={({ orderId, id }) =>
        may('shipments:move')
          ? void navigate({ to: '/warehouse/dispatch', search: { shipment: id } })
          : void navigate({ to: '/orders/$id', params: { id: orderId } })
      }
      words={warehouse.list}
      selection={{
        labelOf: ({ id }) => warehouse.select(id.slice(-6)),
        bar: ({ rows }) => <Selected parcels={rows} />,
      }}
      above={<Tabs />}
    >
      <Counts />
    </List>
  );
}

function useFilters(): readonly Filter[] {
  const { warehouse, common, orders } = useText();
  const { locations } = useCounts();
  return [
    { kind: 'search', name: 'text', label: common.search, placeholder: orders.search },
    {
      kind: 'one',
      name: 'status',
      label: warehouse.show,
      choices: [
        { value: '', label: warehouse.ready },
        { value: 'SCHEDULED', label: warehouse.allWaiting },
        { value: 'DISPATCHED', label: warehouse.onTheirWay },
        { value: WRONG, label: warehouse.wentWrong },
      ],
    },
    {
      kind: 'several',
      name: 'location',
      label: warehouse.location,
      choices: locations.map(({ location }) => ({ value: location, label: location })),
    },
    { kind: 'date', name: 'scheduledTo', label: warehouse.to },
    {
      kind: 'one',
      name: 'sort',
      label: warehouse.order,
      choices: [
        { value: 'scheduledAt', label: warehouse.oldestFirst },
        { value: '-scheduledAt', label: warehouse.newestFirst },
      ],
    },
  ];
}

const COUNT_MS = 30_000;

function useCounts() {
  const may = useMay();
  const found = useQuery({
    queryKey: ['shipments', 'counts'],
    queryFn: () => api.readShipmentCounts(),
    enabled: may('stock:read'),
    refetchInterval: COUNT_MS,
  });
  return { locations: found.data?.locations ?? [] };
}

/** How much waits where; each leads to what waits there. */
function Counts(): ReactNode {
  const { warehouse } = useText();
  const { age } = useTimes();
  const number = useNumber();
  const navigate = useNavigate();
  const search: Search = useSearch({ strict: false });
  const { locations } = useCounts();
  const chosen = valuesOf(search, 'location');
  const show = (location: string): void => {
    const { location: _before, ...rest } = search;
    void navigate({ to: '.', search: chosen.includes(location) ? rest : { ...rest, location }, replace: true });
  };
  return (
    <div className="counts" role="group" aria-label={warehouse.byLocation}>
      {locations.map(({ location, ready, paused, oldestAt }) => (
        <button key={location} type="button" aria-pressed={chosen.includes(location)} onClick={() => show(location)}>
          <span>{location}</span>
          <b>{number(ready)}</b>
          <small>
            {oldestAt === undefined
              ? warehouse.nothing
              : warehouse.oldest(age((Date.now() - Date.parse(oldestAt)) / 1_000))}
            {paused > 0 && ` · ${warehouse.paused(paused)}`}
          </small>
        </button>
      ))}
    </div>
  );
}

function Selected({ parcels }: { readonly parcels: readonly Shipment[] }): ReactNode {
  const { warehouse } = useText();
  const may = useMay();
  const navigate = useNavigate();
  const [printing, setPrinting] = useState(false);
  const orders = [...new Set(parcels.map(({ orderId }) => orderId))];
  const places = new Set(parcels.map(({ location }) => location));
  const tooMany = orders.length > PICK_MAX;
  return (
    <>
      <Button
        size="xs"
        disabled={tooMany || orders.length === 0}
        title={tooMany ? warehouse.tooMany(PICK_MAX) : undefined}
        onClick={() =>
          void navigate({
            to: '/warehouse/pick',
            search: { order: orders.join(','), ...(places.size === 1 && { location: [...places][0]! }) },
          })
        }
      >
        {warehouse.pick}
      </Button>
      {may('slips:read') && (
        <Button size="xs" variant="default" onClick={() => setPrinting(true)}>
          {warehouse.slips(parcels.length)}
        </Button>
      )}
      {printing && <SlipsDialog shipmentIds={parcels.map(({ id }) => id)} onClose={() => setPrinting(false)} />}
      {tooMany && <span className="dim">{warehouse.tooMany(PICK_MAX)}</span>}
    </>
  );
}

/** What holds an order back, and whether it is later than it should be. */
function Flags({ parcel }: { readonly parcel: Shipment }): ReactNode {
  const { warehouse } = useText();
  const order = useOrderSummary(parcel.orderId);
  const pausing = order?.holds.find(({ steps }) => steps.includes('shipment'));
  const late = order?.holds.some(({ type }) => type === 'overdue');
  return (
    <span className="flags">
      {late && (
        <Badge size="sm" color="red" variant="light" tt="none">
          {warehouse.late}
        </Badge>
      )}
      {parcel.paused && (
        <Badge size="sm" color="orange" variant="light" tt="none" title={pausing?.reason}>
          {warehouse.held}
          {pausing && `: ${pausing.type}`}
        </Badge>
      )}
      {parcel.status !== 'SCHEDULED' && (
        <Badge size="sm" color="gray" variant="light" tt="none">
          {warehouse.status[parcel.status] ?? parcel.status}
        </Badge>
      )}
    </span>
  );
}

function useColumns(): readonly Column<Shipment>[] {
  const { warehouse } = useText();
  const search: Search = useSearch({ strict: false });
  // What has not left has no number.
  const left = search['status'] !== undefined && search['status'] !== 'SCHEDULED';
  const columns: readonly Column<Shipment>[] = [
    {
      name: 'order',
      label: warehouse.orderNumber,
      width: '150px',
      narrow: 'title',
      cell: ({ orderId }, mark) => <OrderLink id={orderId} mark={mark} />,
    },
    {
      name: 'items',
      label: warehouse.items,
      width: 'minmax(200px, 2fr)',
      narrow: 'below',
      cell: ({ items }) => <span title={piecesText(items)}>{piecesText(items)}</span>,
    },
    { name: 'flags', label: '', width: 'minmax(140px, 1fr)', cell: (parcel) => <Flags parcel={parcel} /> },
    {
      name: 'location',
      label: warehouse.location,
      width: '130px',
      narrow: 'end',
      cell: ({ location }) => location,
    },
    {
      name: 'tracking',
      label: warehouse.tracking,
      width: 'minmax(120px, 1fr)',
      cell: ({ carrier, trackingNumber }) => (
        <span className="dim">{trackingNumber !== undefined && `${carrier} ${trackingNumber}`}</span>
      ),
    },
    {
      name: 'age',
      label: warehouse.waitsSince,
      width: '140px',
      narrow: 'side',
      cell: ({ scheduledAt }) => (
        <span className="dim">
          <When at={scheduledAt} />
        </span>
      ),
    },
  ];
  return columns.filter(({ name }) => left || name !== 'tracking');
}
