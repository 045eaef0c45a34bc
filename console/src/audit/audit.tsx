import { Button } from '@mantine/core';
import type { ReactNode } from 'react';
import type { AuditEntry } from '#client';
import { api } from '../api.ts';
import type { Filter } from '../list/filters.tsx';
import { List } from '../list/list.tsx';
import type { Asked, Source } from '../list/rows.ts';
import { parametersOf, type Search } from '../list/search.ts';
import type { Column } from '../list/table.tsx';
import { When } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { Icon } from '../shell/icons.tsx';
import { useText } from '../text/text.tsx';
import { EntryDetail } from './entry.tsx';
import { Thing, useActionName } from './names.tsx';

/** Who changed what, when and why, from what to what. */

const PARAMETERS = { several: [], single: ['actor', 'action', 'from', 'to'] } as const;
const AUDIT: Source = { list: 'audit', path: '/audit', parameters: PARAMETERS, ask };

/** The thing is an order where exactly one is found by what was typed; else it is the name of something. */
async function ask(search: Search, signal?: AbortSignal): Promise<Asked> {
  const asked = parametersOf(search, PARAMETERS);
  const thing = search['thing'];
  if (!thing) return asked;
  const { items } = await api.listOrders({ text: thing, limit: 2 }, signal && { signal });
  return items.length === 1 ? { ...asked, orderId: items[0]!.id } : { ...asked, subject: thing };
}

/** Those that people do; others are found by person, thing and time. */
const ACTIONS: readonly AuditEntry['action'][] = [
  'OrderCancelled',
  'OrderCancellationRequested',
  'OrderChanged',
  'OrderHeld',
  'OrderReleased',
  'OrderAmended',
  'OrderRefundRequested',
  'OrderReturnRequested',
  'OrderReturnReceived',
  'OrderClaimOpened',
  'OrderCompleted',
  'OrderPaymentRecorded',
  'OrderImported',
  'ReviewApproved',
  'ReviewRejected',
  'ShipmentDispatched',
  'ShipmentDelivered',
  'stock.adjusted',
  'product.put',
  'location.put',
  'notification.resent',
  'parked.retried',
  'parked.skipped',
  'bulk.started',
  'api_key.created',
  'api_key.rotated',
  'api_key.revoked',
  'person.invited',
  'person.roles_changed',
  'person.link_made',
  'person.password_set',
  'person.passkey_added',
  'person.passkey_removed',
  'person.sessions_ended',
  'person.disabled',
  'consumer.rewound',
  'projection.rebuilt',
];

/** By time and id: so an entry that is not loaded is found again by the address. */
export const idOf = ({ at, id }: AuditEntry): string => `${at}~${id}`;

export function Audit(): ReactNode {
  const { audit } = useText();
  const may = useMay();
  return (
    <List<AuditEntry>
      source={AUDIT}
      filters={useFilters()}
      columns={useColumns()}
      idOf={idOf}
      words={audit}
      tools={(search) =>
        may('exports:read') && (
          <Button
            size="xs"
            variant="default"
            leftSection={<Icon name="download" size={15} />}
            title={audit.exportHint}
            onClick={() => void download(search)}
          >
            {audit.export}
          </Button>
        )
      }
      beside={(context) => <EntryDetail key={context.id} {...context} />}
    />
  );
}

/** Takes out exactly what is shown; which order is meant is looked up first. */
async function download(search: Search): Promise<void> {
  const query = new URLSearchParams({ format: 'csv' });
  for (const [name, value] of Object.entries(await ask(search)))
    for (const one of [value].flat()) query.append(name, one);
  const link = document.createElement('a');
  link.href = `/exports/audit?${query}`;
  link.download = 'audit.csv';
  link.click();
}

function useFilters(): readonly Filter[] {
  const { common, audit } = useText();
  const actionName = useActionName();
  return [
    { kind: 'search', name: 'thing', label: audit.thing, placeholder: audit.thingHint },
    { kind: 'text', name: 'actor', label: audit.actor, placeholder: audit.actorHint },
    {
      kind: 'one',
      name: 'action',
      label: audit.action,
      choices: [
        { value: '', label: common.all },
        ...ACTIONS.map((value) => ({ value, label: actionName(value) })).toSorted((a, b) =>
          a.label.localeCompare(b.label),
        ),
      ],
    },
    { kind: 'date', name: 'from', label: audit.from },
    { kind: 'date', name: 'to', label: audit.to },
  ];
}

function useColumns(): readonly Column<AuditEntry>[] {
  const { audit } = useText();
  const actionName = useActionName();
  return [
    {
      name: 'when',
      label: audit.when,
      width: '140px',
      narrow: 'end',
      cell: ({ at }) => (
        <span className="dim">
          <When at={at} />
        </span>
      ),
    },
    {
      name: 'actor',
      label: audit.actor,
      width: '180px',
      narrow: 'title',
      cell: ({ actor, actorKind }) => (
        <>
          <strong>{actor}</strong> <span className="dim wide-only">{audit.kinds[actorKind]}</span>
        </>
      ),
    },
    {
      name: 'action',
      label: audit.action,
      width: 'minmax(170px, 1fr)',
      narrow: 'below',
      cell: ({ action }) => actionName(action),
    },
    {
      name: 'thing',
      label: audit.thing,
      width: 'minmax(150px, 1fr)',
      narrow: 'side',
      cell: (entry) => <Thing entry={entry} />,
    },
    {
      name: 'reason',
      label: audit.why,
      width: 'minmax(140px, 1.4fr)',
      cell: ({ reason }) => (
        <span className="dim" title={reason ?? ''}>
          {reason}
        </span>
      ),
    },
  ];
}
