import { Badge, Button } from '@mantine/core';
import { Link, useNavigate } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import type { OrderSummary } from '#client';
import type { Filter } from '../list/filters.tsx';
import { List } from '../list/list.tsx';
import type { Search } from '../list/search.ts';
import type { Column } from '../list/table.tsx';
import { PaymentBadge, StatusBadge, useMoney, When } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { Icon } from '../shell/icons.tsx';
import { useText } from '../text/text.tsx';
import { BulkDialog, RunsDialog, type Target } from './bulk.tsx';
import {
  bulkQuery,
  EXPORT_IDS_MAX,
  exportUrl,
  FULFILLMENT_STATUSES,
  HOLDS,
  ORDERS,
  PAYMENT_STATUSES,
  STATUSES,
} from './search.ts';
import { Views } from './views.tsx';

/** All orders: found, filtered, chosen. The address says what is shown; "back" finds the list as it was left. */

const DEFAULT_COLUMNS = ['number', 'reference', 'state', 'payment', 'total', 'placed'];

export function Orders(): ReactNode {
  const text = useText();
  const navigate = useNavigate();
  const may = useMay();
  const filters = useFilters();
  const columns = useColumns();
  return (
    <List
      source={ORDERS}
      filters={filters}
      columns={columns}
      defaultColumns={DEFAULT_COLUMNS}
      idOf={({ id }) => id}
      open={({ id }) => void navigate({ to: '/orders/$id', params: { id } })}
      words={text.orders}
      tools={(search, selected, shown) => (
        <>
          <Views search={search} />
          {may('bulk:run') && <Runs />}
          {may('exports:read') && <Export search={search} ids={[...selected]} columns={shown} />}
        </>
      )}
      selection={{
        labelOf: ({ number }) => text.orders.select(number),
        whole: true,
        bar: ({ ids, everything, search, reload }) =>
          may('bulk:run') && <Bulk target={everything ? { query: bulkQuery(search) } : { ids }} reload={reload} />,
      }}
    />
  );
}

function Export({
  search,
  ids,
  columns,
}: {
  readonly search: Search;
  readonly ids: readonly string[];
  readonly columns: readonly string[];
}): ReactNode {
  const { orders } = useText();
  const tooMany = ids.length > EXPORT_IDS_MAX;
  const look = { size: 'xs', variant: 'default', leftSection: <Icon name="download" size={15} /> } as const;
  if (tooMany)
    return (
      <Button {...look} disabled title={orders.exportMax(EXPORT_IDS_MAX)}>
        {orders.export}
      </Button>
    );
  return (
    <Button {...look} component="a" href={exportUrl(search, ids, columns)} download title={orders.exportHint}>
      {orders.export}
    </Button>
  );
}

function Runs(): ReactNode {
  const { orders } = useText();
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button size="xs" variant="default" onClick={() => setOpen(true)}>
        {orders.runs}
      </Button>
      {open && <RunsDialog onClose={() => setOpen(false)} />}
    </>
  );
}

function Bulk({ target, reload }: { readonly target: Target; readonly reload: () => void }): ReactNode {
  const { orders } = useText();
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button size="xs" onClick={() => setOpen(true)}>
        {orders.bulk}
      </Button>
      {open && (
        <BulkDialog
          target={target}
          onClose={(changed) => {
            setOpen(false);
            if (changed) reload();
          }}
        />
      )}
    </>
  );
}

function useFilters(): readonly Filter[] {
  const { common, orders, status, paymentStatus, partStatus } = useText();
  const named = (values: readonly string[], names: Readonly<Record<string, string>>) =>
    values.map((value) => ({ value, label: names[value] ?? value }));
  return [
    { kind: 'search', name: 'text', label: common.search, placeholder: orders.search },
    { kind: 'several', name: 'status', label: orders.status, choices: named(STATUSES, status) },
    { kind: 'several', name: 'paymentStatus', label: orders.payment, choices: named(PAYMENT_STATUSES, paymentStatus) },
    { kind: 'tags', name: 'hold', further: true, label: orders.hold, choices: HOLDS },
    {
      kind: 'several',
      name: 'fulfillmentStatus',
      further: true,
      label: orders.fulfillment,
      choices: named(FULFILLMENT_STATUSES, partStatus),
    },
    { kind: 'tags', name: 'channel', further: true, label: orders.channel },
    { kind: 'tags', name: 'country', further: true, label: orders.country },
    { kind: 'tags', name: 'sku', further: true, label: orders.sku },
    { kind: 'tags', name: 'customerId', further: true, label: orders.customerId },
    { kind: 'date', name: 'createdFrom', further: true, label: orders.from },
    { kind: 'date', name: 'createdTo', further: true, label: orders.to },
    {
      kind: 'one',
      name: 'sort',
      label: orders.sort,
      choices: [
        { value: '-createdAt', label: orders.newest },
        { value: 'createdAt', label: orders.oldest },
      ],
    },
    { kind: 'flag', name: 'overdue', label: orders.overdue },
  ];
}

function useColumns(): readonly Column<OrderSummary>[] {
  const { orders, partStatus } = useText();
  const money = useMoney();
  return [
    {
      name: 'number',
      label: orders.number,
      width: '150px',
      narrow: 'title',
      cell: ({ id, number }, mark) => (
        <Link to="/orders/$id" params={{ id }} onClick={mark}>
          {number}
        </Link>
      ),
    },
    {
      name: 'reference',
      label: orders.reference,
      width: 'minmax(160px, 1fr)',
      narrow: 'below',
      cell: (order) => (
        <>
          <span className="dim">{order.reference ?? order.channel}</span>
          <span className="flags">
            {order.parked && (
              <Badge size="xs" color="red" tt="none">
                {orders.parked}
              </Badge>
            )}
            {order.holds.length > 0 && (
              <Badge size="xs" color="orange" variant="light" tt="none" title={order.holds[0]!.reason}>
                {orders.held}: {order.holds[0]!.type}
              </Badge>
            )}
          </span>
        </>
      ),
    },
    {
      name: 'customer',
      label: orders.customer,
      width: 'minmax(120px, 0.8fr)',
      cell: ({ customerId }) => <span className="dim">{customerId ?? orders.guest}</span>,
    },
    {
      name: 'state',
      label: orders.status,
      width: '190px',
      narrow: 'side',
      cell: ({ status }) => <StatusBadge status={status} />,
    },
    {
      name: 'payment',
      label: orders.payment,
      width: '170px',
      cell: ({ paymentStatus }) => <PaymentBadge status={paymentStatus} />,
    },
    {
      name: 'fulfillment',
      label: orders.fulfillment,
      width: '130px',
      cell: ({ fulfillmentStatus }) => partStatus[fulfillmentStatus] ?? fulfillmentStatus,
    },
    {
      name: 'returns',
      label: orders.returns,
      width: '110px',
      cell: ({ returnStatus }) => partStatus[returnStatus] ?? returnStatus,
    },
    { name: 'channel', label: orders.channel, width: '110px', cell: ({ channel }) => channel },
    { name: 'lines', label: orders.items, width: '70px', number: true, cell: ({ itemCount }) => itemCount },
    {
      name: 'total',
      label: orders.total,
      width: '120px',
      narrow: 'end',
      number: true,
      cell: ({ totalAmount, currency }) => money(totalAmount, currency),
    },
    {
      name: 'placed',
      label: orders.placed,
      width: '140px',
      cell: ({ createdAt }) => (
        <span className="dim">
          <When at={createdAt} />
        </span>
      ),
    },
    {
      name: 'changed',
      label: orders.updated,
      width: '140px',
      cell: ({ updatedAt }) => (
        <span className="dim">
          <When at={updatedAt} />
        </span>
      ),
    },
  ];
}
