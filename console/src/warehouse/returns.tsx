import { Badge } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { ListedReturn } from '#client';
import { api } from '../api.ts';
import type { Filter } from '../list/filters.tsx';
import { List } from '../list/list.tsx';
import type { Column } from '../list/table.tsx';
import { OrderLink } from '../parts/order-name.tsx';
import { When } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';
import { orderOf } from './find.ts';
import { ReceiveDialog } from './receive.tsx';
import { Said, ScanField, useFeedback } from './scan.tsx';
import { RETURNED } from './search.ts';
import { Tabs } from './tabs.tsx';
import { piecesText } from '../parts/pieces.ts';

/** What customers are to send back, the oldest first; received by scanning the order or the slip. */

export function Returns(): ReactNode {
  const { warehouse } = useText();
  const may = useMay();
  const [open, setOpen] = useState<ListedReturn>();
  const { feedback, say, silence } = useFeedback();
  const find = useMutation({
    async mutationFn(text: string) {
      const found = await orderOf(text);
      if (found.kind !== 'order') return say('bad', warehouse.notFound[found.kind], text);
      const all = (await api.listReturns({ orderId: [found.order.id], limit: 50 })).items;
      const waiting = all.filter(
        ({ status, returnNumber }) =>
          status === 'REQUESTED' && (found.returnNumber === undefined || returnNumber === found.returnNumber),
      );
      if (waiting.length === 0)
        return say(
          all.length > 0 ? 'warn' : 'bad',
          all.length > 0 ? warehouse.receivedAlready(found.order.number) : warehouse.notRegistered(found.order.number),
        );
      silence();
      return setOpen(waiting[0]);
    },
    onError: (error) => say('bad', warehouse.failed, error.message),
  });
  return (
    <>
      <List<ListedReturn>
        source={RETURNED}
        filters={useFilters()}
        columns={useColumns()}
        idOf={({ returnId }) => returnId}
        open={(one) => may('returns:receive') && one.status === 'REQUESTED' && setOpen(one)}
        words={warehouse.returnList}
        above={<Tabs />}
      >
        {may('returns:receive') && (
          <ScanField
            label={warehouse.scanReturn}
            busy={find.isPending || open !== undefined}
            scan={(text) => find.mutate(text)}
          />
        )}
        {feedback && <Said feedback={feedback} />}
      </List>
      {open && (
        <ReceiveDialog
          arrival={open}
          done={() => say('good', warehouse.received(open.number))}
          onClose={() => setOpen(undefined)}
        />
      )}
    </>
  );
}

function useFilters(): readonly Filter[] {
  const { warehouse, common, orders } = useText();
  return [
    { kind: 'search', name: 'text', label: common.search, placeholder: orders.search },
    {
      kind: 'one',
      name: 'status',
      label: warehouse.show,
      choices: [
        { value: '', label: warehouse.awaited },
        { value: 'RECEIVED', label: warehouse.cameBack },
        { value: 'CLOSED', label: warehouse.closed },
      ],
    },
    { kind: 'date', name: 'requestedTo', label: warehouse.registeredTo },
    {
      kind: 'one',
      name: 'sort',
      label: warehouse.order,
      choices: [
        { value: 'createdAt', label: warehouse.oldestFirst },
        { value: '-createdAt', label: warehouse.newestFirst },
      ],
    },
  ];
}

function useColumns(): readonly Column<ListedReturn>[] {
  const { warehouse } = useText();
  return [
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
      cell: ({ items }) => piecesText(items),
    },
    {
      name: 'why',
      label: warehouse.why,
      width: 'minmax(140px, 1fr)',
      cell: ({ reason }) => <span className="dim">{reason}</span>,
    },
    {
      name: 'parts',
      label: '',
      width: '140px',
      narrow: 'end',
      cell: ({ receipts = [], status }) =>
        status === 'REQUESTED' && receipts.length > 0 ? (
          <Badge size="sm" variant="light" tt="none">
            {warehouse.partlyHere}
          </Badge>
        ) : null,
    },
    {
      name: 'age',
      label: warehouse.registered,
      width: '140px',
      narrow: 'side',
      cell: ({ requestedAt }) => (
        <span className="dim">
          <When at={requestedAt} />
        </span>
      ),
    },
  ];
}
