import { Badge, Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { ParkedOrder } from '#client';
import type { Filter } from '../list/filters.tsx';
import { List } from '../list/list.tsx';
import { ofOrders, type Source } from '../list/rows.ts';
import type { Column } from '../list/table.tsx';
import { OrderNumber } from '../parts/order-name.tsx';
import { When } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';
import { ParkedDetail } from './detail.tsx';
import { RetryMany } from './retry.tsx';

/** Events that a service could not take in: by whom, why, and since when; taken in once more, or left out. */

const PARAMETERS = { several: ['consumer', 'orderId'], single: ['text'] } as const;
const PARKED: Source = {
  list: 'parked',
  path: '/parked',
  parameters: PARAMETERS,
  ask: ofOrders(PARAMETERS, undefined, 'order'),
};
const CONSUMERS = ['orders', 'inventory', 'payments', 'shipping', 'reviews', 'notifications', 'billing'] as const;

/** By consumer and order: each has one queue. */
export const idOf = ({ consumer, orderId }: ParkedOrder): string => `${consumer}.${orderId}`;

export function Parked(): ReactNode {
  const { parked } = useText();
  const may = useMay();
  return (
    <List<ParkedOrder>
      source={PARKED}
      filters={useFilters()}
      columns={useColumns()}
      idOf={idOf}
      words={parked}
      beside={(context) => <ParkedDetail key={context.id} {...context} />}
      {...(may('parked:decide') && {
        selection: {
          labelOf: ({ consumer, orderId }: ParkedOrder) => parked.select(consumer, orderId.slice(-12)),
          bar: ({ rows, reload }: { readonly rows: readonly ParkedOrder[]; readonly reload: () => void }) => (
            <RetrySelected rows={rows} reload={reload} />
          ),
        },
      })}
    />
  );
}

function RetrySelected({
  rows,
  reload,
}: {
  readonly rows: readonly ParkedOrder[];
  readonly reload: () => void;
}): ReactNode {
  const { parked } = useText();
  const client = useQueryClient();
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button size="xs" onClick={() => setOpen(true)}>
        {parked.retry}
      </Button>
      {open && (
        <RetryMany
          rows={rows}
          onClose={(done) => {
            setOpen(false);
            if (done.length === 0) return;
            void client.invalidateQueries({ queryKey: ['order'] });
            reload();
          }}
        />
      )}
    </>
  );
}

function useFilters(): readonly Filter[] {
  const { parked } = useText();
  return [
    { kind: 'search', name: 'order', label: parked.order, placeholder: parked.search },
    { kind: 'tags', name: 'consumer', label: parked.consumer, choices: CONSUMERS },
    { kind: 'text', name: 'text', label: parked.reason, placeholder: parked.reasonHint },
  ];
}

function useColumns(): readonly Column<ParkedOrder>[] {
  const { parked } = useText();
  return [
    {
      name: 'number',
      label: parked.order,
      width: '150px',
      narrow: 'title',
      cell: ({ orderId }) => (
        <strong>
          <OrderNumber id={orderId} />
        </strong>
      ),
    },
    {
      name: 'consumer',
      label: parked.consumer,
      width: '130px',
      narrow: 'side',
      cell: ({ consumer }) => (
        <Badge variant="light" color="red" tt="none" radius="sm">
          {consumer}
        </Badge>
      ),
    },
    { name: 'event', label: parked.event, width: '200px', cell: ({ eventType }) => eventType },
    {
      name: 'reason',
      label: parked.reason,
      width: 'minmax(200px, 1fr)',
      narrow: 'below',
      cell: ({ reason }) => (
        <span className="dim" title={reason ?? ''}>
          {reason ?? parked.noReason}
        </span>
      ),
    },
    {
      name: 'events',
      label: parked.waiting,
      width: '90px',
      number: true,
      cell: ({ events }) => events,
    },
    {
      name: 'age',
      label: parked.since,
      width: '140px',
      narrow: 'end',
      cell: ({ parkedAt }) => (
        <span className="dim">
          <When at={parkedAt} />
        </span>
      ),
    },
  ];
}
