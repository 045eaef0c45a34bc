import { Button } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import type { Notification } from '#client';
import { api } from '../api.ts';
import type { Filter } from '../list/filters.tsx';
import { List } from '../list/list.tsx';
import { ofOrders, type Source } from '../list/rows.ts';
import type { Column } from '../list/table.tsx';
import { ActOnMany } from '../parts/many.tsx';
import { OrderNumber } from '../parts/order-name.tsx';
import { When } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';
import { MessageBadge, MessageDetail, spaced } from './message.tsx';

/** What customers were sent, and what did not reach them; sent once more, one by one or several at once. */

const PARAMETERS = {
  several: ['channel', 'status', 'eventType', 'orderId'],
  single: ['createdFrom', 'createdTo', 'sort'],
} as const;
const MESSAGES: Source = {
  list: 'messages',
  path: '/notifications',
  parameters: PARAMETERS,
  ask: ofOrders(PARAMETERS, () => ({ sort: '-createdAt' })),
};
const CHANNELS = ['email', 'sms', 'push', 'none'] as const;
const STATUSES = ['queued', 'sent', 'failed', 'suppressed', 'mailbox'] as const;
/** What customers most often hear of; others can be typed. */
const EVENTS = [
  'OrderCreated',
  'OrderPaid',
  'OrderPaymentFailed',
  'OrderCancelled',
  'OrderPartiallyShipped',
  'OrderShipped',
  'OrderRefunded',
  'OrderCompleted',
] as const;

export function Messages(): ReactNode {
  const { messages } = useText();
  const may = useMay();
  return (
    <List<Notification>
      source={MESSAGES}
      filters={useFilters()}
      columns={useColumns()}
      idOf={({ id }) => id}
      words={messages}
      beside={(context) => <MessageDetail key={context.id} {...context} />}
      {...(may('notifications:send') && {
        selection: {
          labelOf: ({ subject }: Notification) => messages.select(subject),
          bar: ({ rows, reload }: { readonly rows: readonly Notification[]; readonly reload: () => void }) => (
            <ResendSelected rows={rows} reload={reload} />
          ),
        },
      })}
    />
  );
}

function ResendSelected({
  rows,
  reload,
}: {
  readonly rows: readonly Notification[];
  readonly reload: () => void;
}): ReactNode {
  const { messages } = useText();
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button size="xs" onClick={() => setOpen(true)}>
        {messages.resend}
      </Button>
      {open && (
        <ActOnMany
          title={messages.resendMany(rows.length)}
          effects={[messages.willResendMany]}
          confirm={messages.resendMany}
          items={rows.map(({ id, subject, recipient, channel }) => ({
            id,
            label: subject,
            detail: recipient ?? messages.channels[channel],
          }))}
          check={async () => hindered(rows, messages.queuedAlready, messages.toNobody)}
          perform={async (id, once) => api.resendNotification({ id }, once)}
          onClose={(done) => {
            setOpen(false);
            if (done.length > 0) reload();
          }}
        />
      )}
    </>
  );
}

const ASKED_MAX = 100;

/** By id, why a message cannot be sent now, as it stands now. */
async function hindered(
  rows: readonly Notification[],
  queued: string,
  nobody: string,
): Promise<ReadonlyMap<string, string>> {
  const why = new Map<string, string>();
  const orders = [...new Set(rows.map(({ orderId }) => orderId))];
  const wanted = new Set(rows.map(({ id }) => id));
  for (let at = 0; at < orders.length; at += ASKED_MAX) {
    const found = api.listNotifications({ orderId: orders.slice(at, at + ASKED_MAX), limit: ASKED_MAX });
    for await (const { id, status, channel } of found)
      if (wanted.has(id) && status === 'queued') why.set(id, queued);
      else if (wanted.has(id) && channel === 'none') why.set(id, nobody);
  }
  return why;
}

function useFilters(): readonly Filter[] {
  const { common, messages } = useText();
  return [
    { kind: 'search', name: 'text', label: common.search, placeholder: messages.search },
    {
      kind: 'several',
      name: 'status',
      label: messages.status,
      choices: STATUSES.map((value) => ({ value, label: messages.statuses[value]! })),
    },
    {
      kind: 'several',
      name: 'channel',
      label: messages.channel,
      choices: CHANNELS.map((value) => ({ value, label: messages.channels[value]! })),
    },
    {
      kind: 'several',
      name: 'eventType',
      label: messages.about,
      choices: EVENTS.map((value) => ({ value, label: spaced(value) })),
    },
    { kind: 'date', name: 'createdFrom', label: messages.from },
    { kind: 'date', name: 'createdTo', label: messages.to },
  ];
}

function useColumns(): readonly Column<Notification>[] {
  const { messages, common } = useText();
  const may = useMay();
  const shown = may('personal-data:read');
  return [
    {
      name: 'subject',
      label: messages.subject,
      width: 'minmax(250px, 2.4fr)',
      narrow: 'title',
      cell: ({ subject }) => <strong>{subject}</strong>,
    },
    {
      name: 'number',
      label: messages.order,
      width: '116px',
      cell: ({ orderId }) => <OrderNumber id={orderId} />,
    },
    {
      name: 'recipient',
      label: messages.recipient,
      width: 'minmax(130px, 1fr)',
      narrow: 'below',
      cell: ({ recipient, channel }) => (
        <span className="dim">{!shown ? common.withheld : (recipient ?? messages.channels[channel])}</span>
      ),
    },
    { name: 'channel', label: messages.channel, width: '80px', cell: ({ channel }) => messages.channels[channel] },
    {
      name: 'state',
      label: messages.status,
      width: '110px',
      narrow: 'side',
      cell: (message) => <MessageBadge message={message} />,
    },
    {
      name: 'detail',
      label: messages.why,
      width: 'minmax(70px, 0.7fr)',
      cell: ({ detail }) => (
        <span className="dim" title={detail ?? ''}>
          {detail}
        </span>
      ),
    },
    {
      name: 'age',
      label: messages.created,
      width: '120px',
      narrow: 'end',
      cell: ({ createdAt }) => (
        <span className="dim">
          <When at={createdAt} />
        </span>
      ),
    },
  ];
}
