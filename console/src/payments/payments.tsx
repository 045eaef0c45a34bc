import { Badge, Button } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import type { Payment } from '#client';
import type { Filter } from '../list/filters.tsx';
import { List } from '../list/list.tsx';
import { ofOrders, type Source } from '../list/rows.ts';
import { parametersOf, type Search } from '../list/search.ts';
import type { Column } from '../list/table.tsx';
import { OrderNumber, placedAt } from '../parts/order-name.tsx';
import { PaymentBadge, useMoney, When } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { Icon } from '../shell/icons.tsx';
import { useText } from '../text/text.tsx';
import { Notices } from './notices.tsx';
import { isOpen, PaymentDetail } from './payment.tsx';

/** Payments of all orders: what is in doubt, disputed, or waits for somebody to record it, and what was asked of whom. */

const PARAMETERS = {
  several: ['status', 'provider', 'orderId'],
  single: ['attention', 'createdFrom', 'createdTo'],
} as const;
const PAYMENTS: Source = { list: 'payments', path: '/payments', parameters: PARAMETERS, ask: ofOrders(PARAMETERS) };
const STATUSES = ['PENDING', 'AUTHORIZED', 'CAPTURED', 'FAILED', 'VOIDED', 'PARTIALLY_REFUNDED', 'REFUNDED'] as const;
const ATTENTIONS = ['in_doubt', 'waiting', 'record', 'dispute', 'at_provider'] as const;

export function Payments(): ReactNode {
  const { payments } = useText();
  const may = useMay();
  return (
    <List<Payment>
      source={PAYMENTS}
      filters={useFilters()}
      columns={useColumns()}
      idOf={({ orderId }) => orderId}
      words={payments}
      tools={(search) => (
        <>
          <UnknownNotices />
          {may('exports:read') && (
            <Button
              component="a"
              href={exportUrl(search)}
              download
              size="xs"
              variant="default"
              leftSection={<Icon name="download" size={15} />}
            >
              {payments.export}
            </Button>
          )}
        </>
      )}
      beside={(context) => <PaymentDetail key={context.id} {...context} />}
    />
  );
}

function exportUrl(search: Search): string {
  const query = new URLSearchParams({ format: 'csv' });
  for (const [name, value] of Object.entries(parametersOf(search, PARAMETERS)))
    for (const one of [value].flat()) query.append(name, one);
  return `/exports/payments?${query}`;
}

function UnknownNotices(): ReactNode {
  const { payments } = useText();
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button size="xs" variant="default" onClick={() => setOpen(true)}>
        {payments.notices}
      </Button>
      {open && <Notices onClose={() => setOpen(false)} />}
    </>
  );
}

function useFilters(): readonly Filter[] {
  const { common, payments, paymentStatus } = useText();
  return [
    { kind: 'search', name: 'text', label: common.search, placeholder: payments.search },
    {
      kind: 'one',
      name: 'attention',
      label: payments.attention,
      choices: [
        { value: '', label: common.all },
        ...ATTENTIONS.map((value) => ({ value, label: payments.attentions[value] })),
      ],
    },
    {
      kind: 'several',
      name: 'status',
      label: payments.status,
      choices: STATUSES.map((value) => ({ value, label: paymentStatus[value] ?? value })),
    },
    { kind: 'tags', name: 'provider', label: payments.provider },
    { kind: 'date', name: 'createdFrom', label: payments.from },
    { kind: 'date', name: 'createdTo', label: payments.to },
  ];
}

function useColumns(): readonly Column<Payment>[] {
  const { payments } = useText();
  const money = useMoney();
  return [
    {
      name: 'number',
      label: payments.order,
      width: '150px',
      narrow: 'title',
      cell: ({ orderId }) => (
        <strong>
          <OrderNumber id={orderId} />
        </strong>
      ),
    },
    {
      name: 'what',
      label: payments.last,
      width: 'minmax(200px, 1fr)',
      narrow: 'below',
      cell: (payment) => <Last payment={payment} />,
    },
    {
      name: 'state',
      label: payments.status,
      width: '180px',
      narrow: 'end',
      cell: ({ status }) => <PaymentBadge status={status} />,
    },
    {
      name: 'amount',
      label: payments.amount,
      width: '120px',
      narrow: 'side',
      number: true,
      cell: ({ amount, currency }) => money(amount, currency),
    },
    { name: 'provider', label: payments.provider, width: '110px', cell: ({ provider }) => provider },
    {
      name: 'placed',
      label: payments.placed,
      width: '150px',
      cell: ({ orderId }) => (
        <span className="dim">
          <When at={placedAt(orderId)} />
        </span>
      ),
    },
  ];
}

/** What was asked last, and what became of it; that of which the outcome is not known comes first. */
function Last({ payment }: { readonly payment: Payment }): ReactNode {
  const { payments } = useText();
  const operation = payment.operations.find(isOpen) ?? payment.operations.at(-1);
  const disputed = payment.disputes?.some(({ status }) => status === 'open');
  return (
    <>
      {operation && (
        <span className="dim">
          {payments.kinds[operation.kind]}: {payments.states[operation.state]}
          {operation.reason !== undefined && ` · ${operation.reason}`}
        </span>
      )}
      {disputed && (
        <span className="flags">
          <Badge size="xs" color="red" tt="none">
            {payments.disputed}
          </Badge>
        </span>
      )}
    </>
  );
}
