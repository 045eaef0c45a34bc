import { Badge, Button } from '@mantine/core';
import { Link, useNavigate } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import type { OrderSummary } from '#client';
import type { Filter } from '../list/filters.tsx';
import { List } from '../list/list.tsx';
import type { Column } from '../list/table.tsx';
import { PaymentBadge, StatusBadge, useMoney, When } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { Icon } from '../shell/icons.tsx';
import { useText } from '../text/text.tsx';
import { BulkDialog } from './bulk.tsx';
import { exportUrl, HOLDS, ORDERS, PAYMENT_STATUSES, STATUSES } from './search.ts';
import { Views } from './views.tsx';

/** All orders: found, filtered, chosen. The address says what is shown; "back" finds the list as it was left. */

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
      idOf={({ id }) => id}
      open={({ id }) => void navigate({ to: '/orders/$id', params: { id } })}
      words={text.orders}
      tools={(search, selected) => (
        <>
          <Views search={search} />
          {may('exports:read') && (
            <Button
              component="a"
              href={exportUrl(search, [...selected])}
              download
              size="xs"
              variant="default"
              leftSection={<Icon name="download" size={15} />}
              title={text.orders.exportHint}
            >
              {text.orders.export}
            </Button>
          )}
        </>
      )}
      selection={{
        labelOf: ({ number }) => text.orders.select(number),
        bar: ({ ids, reload }) => may('bulk:run') && <Bulk ids={ids} reload={reload} />,
      }}
    />
  );
}

function Bulk({ ids, reload }: { readonly ids: readonly string[]; readonly reload: () => void }): ReactNode {
  const { orders } = useText();
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button size="xs" onClick={() => setOpen(true)}>
        {orders.bulk}
      </Button>
      {open && (
        <BulkDialog
          ids={ids}
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
  const { common, orders, status, paymentStatus } = useText();
  const named = (values: readonly string[], names: Readonly<Record<string, string>>) =>
    values.map((value) => ({ value, label: names[value] ?? value }));
  return [
    { kind: 'search', name: 'text', label: common.search, placeholder: orders.search },
    { kind: 'several', name: 'status', label: orders.status, choices: named(STATUSES, status) },
    { kind: 'several', name: 'paymentStatus', label: orders.payment, choices: named(PAYMENT_STATUSES, paymentStatus) },
    { kind: 'tags', name: 'hold', label: orders.hold, choices: HOLDS },
    { kind: 'tags', name: 'channel', label: orders.channel },
    { kind: 'date', name: 'createdFrom', label: orders.from },
    { kind: 'date', name: 'createdTo', label: orders.to },
    {
      kind: 'one',
      name: 'sort',
      label: orders.placed,
      choices: [
        { value: '-createdAt', label: orders.newest },
        { value: 'createdAt', label: orders.oldest },
      ],
    },
    { kind: 'flag', name: 'overdue', label: orders.overdue },
  ];
}

function useColumns(): readonly Column<OrderSummary>[] {
  const { orders } = useText();
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
      name: 'customer',
      label: orders.customer,
      width: 'minmax(160px, 1fr)',
      narrow: 'below',
      cell: (order) => (
        <>
          <span className="dim">{order.reference ?? order.customerId ?? orders.guest}</span>
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
  ];
}
