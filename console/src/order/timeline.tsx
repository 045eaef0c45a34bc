import { Anchor, Chip } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import type { CloudEvent, Order } from '#client';
import { useMoney, When } from '../parts/parts.tsx';
import { useText } from '../text/text.tsx';
import { isOwn } from './path.ts';

/** What happened to an order, newest first: what, by whom, and why; all of it, or what somebody looks for. */

const SOURCES = ['orders', 'payments', 'inventory', 'shipping', 'reviews', 'billing'] as const;
const serviceOf = ({ source }: CloudEvent): string => source.split('/').at(-1) ?? source;
const isByPerson = ({ authtype, authid }: CloudEvent): boolean => authtype !== 'system' && authid !== undefined;

/** `OrderPaymentRequested` as words, where nobody has written some. */
function spaced(type: string): string {
  const words = type.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function Timeline({
  events,
  order,
  filter,
  choose,
  show,
}: {
  readonly events: readonly CloudEvent[];
  readonly order: Order;
  /** Names of what is shown, as the address has them; none: everything. */
  readonly filter: readonly string[];
  readonly choose: (filter: readonly string[]) => void;
  /** Shows the order as it was after an event of its own. */
  readonly show: (version: number) => void;
}): ReactNode {
  const { order: words, services } = useText();
  const there = new Set(events.map(serviceOf));
  const offered = ['people', ...SOURCES.filter((source) => there.has(source))];
  const shown = events.filter(
    (event) =>
      filter.length === 0 || filter.includes(serviceOf(event)) || (filter.includes('people') && isByPerson(event)),
  );
  return (
    <>
      <Chip.Group multiple value={[...filter]} onChange={choose}>
        <div className="chips" role="group" aria-label={words.filter}>
          {offered.map((name) => (
            <Chip key={name} value={name} size="xs" variant="outline">
              {name === 'people' ? words.people : (services[name] ?? name)}
            </Chip>
          ))}
        </div>
      </Chip.Group>
      {shown.length === 0 && <p className="dim">{words.nothingOfThese}</p>}
      <ol className="timeline">
        {shown.toReversed().map((event) => (
          <Entry key={event.id} event={event} currency={order.currency} show={show} />
        ))}
      </ol>
    </>
  );
}

/** What of an event's data says most, and is short. */
function useGist(currency: string): (data: unknown) => string[] {
  const money = useMoney();
  const { order: words } = useText();
  return (data) => {
    if (typeof data !== 'object' || data === null) return [];
    const said = data as Readonly<Record<string, unknown>>;
    const text = (name: string): string | undefined => {
      const value = said[name];
      return typeof value === 'string' && value !== '' ? value : undefined;
    };
    const amount = text('amount') ?? text('capturedAmount') ?? text('totalAmount');
    const isAmount = amount !== undefined && /^-?\d+(\.\d+)?$/.test(amount);
    const items = (said['items'] ?? said['allocations'] ?? said['received'] ?? said['shortages']) as unknown;
    const pieces = Array.isArray(items)
      ? items
          .slice(0, 3)
          .flatMap((item: { sku?: string; quantity?: number; requested?: number }) =>
            item.sku === undefined ? [] : [`${item.quantity ?? item.requested ?? ''} × ${item.sku}`],
          )
      : [];
    const more = Array.isArray(items) && items.length > 3 ? [`+ ${items.length - 3}`] : [];
    return [
      ...(isAmount ? [money(amount, text('currency') ?? currency)] : []),
      ...['invoiceNumber', 'creditNoteNumber', 'carrier', 'trackingNumber', 'location'].flatMap(
        (name) => text(name) ?? [],
      ),
      ...(text('hold') === undefined ? [] : [`${words.hold} “${text('hold')}”`]),
      ...pieces,
      ...more,
    ];
  };
}

function whyOf(data: unknown): string | undefined {
  if (typeof data !== 'object' || data === null) return undefined;
  const { reason, message } = data as { reason?: unknown; message?: unknown };
  return [reason, message].find((value) => typeof value === 'string' && value !== '') as string | undefined;
}

function Entry({
  event,
  currency,
  show,
}: {
  readonly event: CloudEvent;
  readonly currency: string;
  readonly show: (version: number) => void;
}): ReactNode {
  const { order: words, happened, services } = useText();
  const [open, setOpen] = useState(false);
  const gist = useGist(currency);
  const { type, time, authid, data, traceparent, correlationid, sequence } = event;
  const why = whyOf(data);
  const service = serviceOf(event);
  const said = gist(data);
  const { customerMessage } = (data ?? {}) as { customerMessage?: string };
  return (
    <li className={isByPerson(event) ? 'by-person' : undefined}>
      <div className="event">
        <span>
          <span className="what">{happened[type] ?? spaced(type)}</span>{' '}
          <span className="dim">
            · <When at={time} />
          </span>
        </span>
        <span className="links">
          {isOwn(event) && (
            <Anchor
              component="button"
              type="button"
              size="xs"
              onClick={() => show(Number(sequence))}
              aria-label={words.asOfThen}
              title={words.asOfThen}
            >
              {words.asOfShort}
            </Anchor>
          )}
          <Anchor component="button" type="button" size="xs" onClick={() => setOpen(!open)} aria-expanded={open}>
            {words.raw}
          </Anchor>
        </span>
      </div>
      {said.length > 0 && <div>{said.join(' · ')}</div>}
      <div className="dim">
        {isByPerson(event) ? `${words.by} ${authid}` : `${words.by_system} (${services[service] ?? service})`}
        {why !== undefined && <> · {why}</>}
      </div>
      {customerMessage !== undefined && <div className="quote">{customerMessage}</div>}
      {open && (
        <>
          <pre tabIndex={0}>{JSON.stringify(data, null, 2)}</pre>
          <div className="dim">
            <code>{type}</code> · {correlationid}
            {traceparent !== undefined && ` · ${words.trace} ${traceparent.split('-')[1]}`}
          </div>
        </>
      )}
    </li>
  );
}
