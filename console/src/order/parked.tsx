import { Button, JsonInput, Text, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { CloudEvent, Order } from '#client';
import { api } from '../api.ts';
import { Act } from '../parts/act.tsx';
import { When } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';

/** Events that a service could not take in, with what a person can do about them. */

const DECISIONS = ['retry', 'edit', 'skip'] as const;
type Decision = (typeof DECISIONS)[number];
type Stuck = NonNullable<Order['parked']>[number];

export function Parked({
  order,
  events,
}: {
  readonly order: Order;
  readonly events: readonly CloudEvent[];
}): ReactNode {
  const { orders, stuck: words, happened } = useText();
  const may = useMay();
  const [deciding, setDeciding] = useState<{ what: Decision; entry: Stuck }>();
  // Who is shown an event without what it says of people would take that away from it.
  const whole = may('personal-data:read') && may('notes:read');
  if (!order.parked) return null;
  return (
    <section className="card sentence late">
      <h2>{orders.parked}</h2>
      {order.parked.map((entry) => {
        const { consumer, eventType, events: waiting, reason, parkedAt, eventId } = entry;
        return (
          <div key={consumer} className="entry">
            <Text size="sm">
              <strong>{consumer}</strong> · {happened[eventType] ?? eventType} · <When at={parkedAt} />
            </Text>
            <Text size="sm">{reason}</Text>
            {waiting > 1 && (
              <Text size="sm" className="dim">
                {words.behind(waiting - 1)}
              </Text>
            )}
            {may('parked:decide') && (
              <span className="bar">
                {DECISIONS.filter((what) => what !== 'edit' || (whole && events.some(({ id }) => id === eventId))).map(
                  (what) => (
                    <Button
                      key={what}
                      size="xs"
                      variant={what === 'retry' ? 'filled' : 'light'}
                      color={what === 'skip' ? 'red' : undefined}
                      onClick={() => setDeciding({ what, entry })}
                    >
                      {words[what]}
                    </Button>
                  ),
                )}
              </span>
            )}
          </div>
        );
      })}
      {deciding && (
        <Decide
          {...deciding}
          order={order}
          event={events.find(({ id }) => id === deciding.entry.eventId)}
          onClose={() => setDeciding(undefined)}
        />
      )}
    </section>
  );
}

function Decide({
  what,
  entry,
  order,
  event,
  onClose,
}: {
  readonly what: Decision;
  readonly entry: Stuck;
  readonly order: Order;
  readonly event: CloudEvent | undefined;
  readonly onClose: () => void;
}): ReactNode {
  const { stuck: words, acts, happened } = useText();
  const client = useQueryClient();
  const [reason, setReason] = useState('');
  const before = JSON.stringify(event?.data ?? {}, null, 2);
  const [text, setText] = useState(before);
  const edited = parsed(text);
  const name = happened[entry.eventType] ?? entry.eventType;
  const behind = entry.events > 1 ? [words.thenBehind(entry.events - 1)] : [];
  const says = {
    retry: [words.willRetry(entry.consumer, name), ...behind, words.mayPark],
    edit: [
      edited === undefined
        ? words.noJson
        : changes(event?.data, edited).length === 0
          ? words.sameData
          : words.willEdit(entry.consumer, changes(event?.data, edited).join(', ')),
      words.logStays,
      ...behind,
    ],
    skip: [words.willSkip(entry.consumer, name), ...behind, words.forGood],
  }[what];
  const parameters = { consumer: entry.consumer, orderId: order.id };
  const why = reason.trim() === '' ? {} : { reason: reason.trim() };
  const ready =
    what === 'retry' ||
    (reason.trim() !== '' && (what === 'skip' || (edited !== undefined && changes(event?.data, edited).length > 0)));
  return (
    <Act
      title={`${words[what]} · ${entry.consumer}`}
      size={what === 'edit' ? 'xl' : 'md'}
      effects={says}
      danger={what === 'skip'}
      ready={ready}
      perform={(once) =>
        what === 'skip'
          ? api.skipParkedOrder(parameters, why, once)
          : api.retryParkedOrder(parameters, what === 'edit' ? { ...why, data: edited } : why, once)
      }
      done={() => client.invalidateQueries({ queryKey: ['order', order.id] })}
      onClose={onClose}
    >
      {what === 'edit' && (
        <JsonInput
          label={words.data}
          description={words.dataHelp}
          value={text}
          onChange={setText}
          autosize
          minRows={8}
          maxRows={22}
          error={edited === undefined ? words.noJson : undefined}
          spellCheck={false}
          className="json"
        />
      )}
      <TextInput
        label={acts.reason}
        value={reason}
        required={what !== 'retry'}
        maxLength={500}
        data-autofocus={what !== 'edit'}
        onChange={(event_) => setReason(event_.currentTarget.value)}
      />
    </Act>
  );
}

function parsed(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Names of the fields that differ. */
function changes(before: unknown, after: object): string[] {
  const was = new Map(Object.entries((before ?? {}) as object));
  const is = new Map(Object.entries(after));
  return [...new Set([...was.keys(), ...is.keys()])].filter(
    (name) => JSON.stringify(was.get(name)) !== JSON.stringify(is.get(name)),
  );
}
