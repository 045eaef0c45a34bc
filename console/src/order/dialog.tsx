import { Select, Textarea, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useEffect, useState } from 'react';
import type { Order } from '#client';
import { Act } from '../parts/act.tsx';
import { useText } from '../text/text.tsx';
import { type ActName, bodyOf, type Given, NOTHING_GIVEN, rowOf } from './acts.ts';
import { useEffectsOf } from './effects.ts';
import { FIELDS } from './fields.tsx';
import { useForecast } from './forecast.ts';
import { startOf } from './start.ts';

/** The dialog of an action of an order: its fields, what exactly it will do, and that once. */

interface DialogProps {
  readonly name: ActName;
  readonly order: Order;
  /** What is filled in already. */
  readonly preset?: Partial<Given>;
  /** What happened to the order last, and by whom. */
  readonly lastChange: string | undefined;
  readonly onClose: () => void;
  readonly done: (name: ActName, before: Order, given: Given, after: Order) => void;
}

export function ActionDialog({ name, order, preset, lastChange, onClose, done }: DialogProps): ReactNode {
  const { acts, order: words, effects } = useText();
  const client = useQueryClient();
  // The order that what is said here is about: as it was when the dialog opened, until somebody goes on with a newer one.
  const [seen, setSeen] = useState(order);
  const [given, setGiven] = useState<Given>({ ...NOTHING_GIVEN, ...startOf(name, order), ...preset });
  const change = (next: Partial<Given>): void => setGiven((before) => ({ ...before, ...next }));
  const { forecast, refused, failed, pending } = useForecast(name, seen, given);
  const effectsOf = useEffectsOf();
  const { danger, mailed, reason, missing, send } = rowOf(name);
  const lacks = missing?.(given, seen);
  const look = (): Promise<void> => client.invalidateQueries({ queryKey: ['order', order.id] });
  // What was forecast is of a newer order than the one that is shown: nothing said here is true of it.
  const behind = forecast !== undefined && forecast.version !== seen.version;
  const changed = order.version !== seen.version || (behind && !pending);
  useEffect(() => {
    if (changed) void look();
  }, [changed]);
  const Fields = FIELDS[name];
  const says =
    lacks !== undefined
      ? [acts[lacks]]
      : forecast && !behind
        ? effectsOf(seen, forecast)
        : [failed ? effects.unknown(failed.message) : effects.asking];
  return (
    <Act
      title={`${acts[name]} · ${order.number}`}
      size={name === 'receiveReturn' || name === 'amend' ? 'lg' : 'md'}
      effects={says}
      danger={danger ?? false}
      ready={lacks === undefined && (forecast !== undefined || failed !== undefined) && !pending}
      refused={lacks === undefined ? refused : undefined}
      changed={changed ? (lastChange ?? words.changedHelp) : undefined}
      goOn={async () => {
        await look();
        setSeen(client.getQueryData<Order>(['order', order.id, 'now']) ?? order);
      }}
      look={look}
      perform={(once) =>
        send(seen, given, bodyOf(name, given, seen) as never, {
          ...once,
          headers: { 'If-Match': `"${seen.version}"` },
        })
      }
      done={async (after) => {
        await look();
        void client.invalidateQueries({ queryKey: ['orders'] });
        done(name, seen, given, after);
      }}
      onClose={onClose}
    >
      {Fields && <Fields order={seen} given={given} change={change} />}
      {reason !== undefined && (
        <TextInput
          label={acts.reason}
          value={given.reason}
          required={reason === 'required'}
          maxLength={500}
          onChange={(event) => change({ reason: event.currentTarget.value })}
          data-autofocus
        />
      )}
      {(name === 'requestRefund' || name === 'requestReturn') && (
        <Select
          label={acts.reasonCode}
          value={given.reasonCode === '' ? null : given.reasonCode}
          clearable
          data={Object.entries(acts.reasonCodes).map(([value, label]) => ({ value, label }))}
          onChange={(value) => change({ reasonCode: value ?? '' })}
        />
      )}
      {mailed && (
        <Textarea
          label={acts.message}
          value={given.message}
          maxLength={1_000}
          autosize
          minRows={2}
          onChange={(event) => change({ message: event.currentTarget.value })}
        />
      )}
    </Act>
  );
}
