import { Anchor, Checkbox, NumberInput, Select, Text } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { ListedReturn, Order } from '#client';
import { api } from '../api.ts';
import { useLocations } from '../inventory/inventory.tsx';
import { Act } from '../parts/act.tsx';
import { Loading } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';

/** What arrived of a return: per line how many, in what condition, and what becomes of them. */

const CONDITIONS = ['sellable', 'damaged', 'unchecked', 'missing'] as const;
type Condition = (typeof CONDITIONS)[number];
const DISPOSITIONS = ['restock', 'hold', 'scrap'] as const;
type Disposition = (typeof DISPOSITIONS)[number];

/** A line of the return that is still awaited, with how many. */
interface Awaited {
  readonly line: number;
  readonly sku: string;
  readonly name: string;
  readonly quantity: number;
}
interface Arrived {
  readonly quantity: number;
  readonly condition: Condition;
  readonly disposition: Disposition;
}

const usual = (condition: Condition): Disposition => (condition === 'sellable' ? 'restock' : 'hold');

/** The lines of a return; one that names SKUs alone fills the lines that hold them, in ascending order, as the API does. */
function linesOf(
  { lines, items }: Pick<ListedReturn, 'lines' | 'items'>,
  order: Pick<Order, 'items'>,
): readonly { readonly line: number; readonly quantity: number }[] {
  if (lines) return lines;
  return items.flatMap(({ sku, quantity }) => {
    let left = quantity;
    return order.items.flatMap((item) => {
      const pieces = item.sku === sku ? Math.min(left, item.shipped ?? 0) : 0;
      left -= pieces;
      return pieces > 0 ? [{ line: item.line, quantity: pieces }] : [];
    });
  });
}

/** What is still to come of a return, by line. */
export function awaitedOf(
  arrival: Pick<ListedReturn, 'lines' | 'items' | 'receipts'>,
  order: Pick<Order, 'items'>,
): Awaited[] {
  const { receipts = [] } = arrival;
  return linesOf(arrival, order).flatMap(({ line, quantity }) => {
    const come = receipts.reduce((total, receipt) => total + (receipt.line === line ? receipt.quantity : 0), 0);
    const item = order.items.find((one) => one.line === line);
    const left = quantity - come;
    return left > 0 && item ? [{ line, sku: item.sku, name: item.name ?? item.sku, quantity: left }] : [];
  });
}

export function ReceiveDialog({
  arrival,
  done,
  onClose,
}: {
  readonly arrival: ListedReturn;
  readonly done: () => void;
  readonly onClose: () => void;
}): ReactNode {
  const { warehouse } = useText();
  const may = useMay();
  const client = useQueryClient();
  const locations = useLocations();
  const { orderId: id, returnId } = arrival;
  const order = useQuery({
    queryKey: ['order', id, 'now', 'return'],
    queryFn: () => api.readOrder({ id }),
    staleTime: 0,
  });
  const [location, setLocation] = useState<string>();
  const [more, setMore] = useState(false);
  const [arrived, setArrived] = useState<Readonly<Record<number, Arrived>>>({});
  const now = order.data?.returns.find((one) => one.returnId === returnId);
  const awaited = order.data && now ? awaitedOf(now, order.data) : [];
  const at = location ?? order.data?.allocations[0]?.location ?? locations[0];
  const given = (one: Awaited): Arrived =>
    arrived[one.line] ?? { quantity: one.quantity, condition: 'sellable', disposition: 'restock' };
  const set = (one: Awaited, change: Partial<Arrived>): void =>
    setArrived({ ...arrived, [one.line]: { ...given(one), ...change } });
  const pieces = awaited.flatMap((one) => {
    const found = given(one);
    return found.quantity > 0 ? [{ line: one.line, ...found }] : [];
  });
  const count = (of: (one: (typeof pieces)[number]) => boolean): number =>
    pieces.filter(of).reduce((total, { quantity }) => total + quantity, 0);
  const missing = count(({ condition }) => condition === 'missing');
  const here = count(({ condition }) => condition !== 'missing');
  const back = count(({ condition, disposition }) => condition !== 'missing' && disposition === 'restock');
  const held = count(({ condition, disposition }) => condition !== 'missing' && disposition === 'hold');
  const scrapped = count(({ condition, disposition }) => condition !== 'missing' && disposition === 'scrap');
  const left = awaited.reduce((total, { quantity }) => total + quantity, 0) - here - missing;
  const effects = [
    back > 0 && warehouse.willRestock(back, at ?? ''),
    held > 0 && warehouse.willHold(held),
    scrapped > 0 && warehouse.willScrap(scrapped),
    missing > 0 && warehouse.willMiss(missing),
    here > 0 && warehouse.willPay,
    left > 0 && (more ? warehouse.willWait(left) : warehouse.willClose(left)),
  ].flatMap((text) => (text === false ? [] : [text]));
  return (
    <Act
      title={`${warehouse.receive} · ${arrival.number}`}
      effects={effects.length > 0 ? effects : [warehouse.sayArrived]}
      ready={pieces.length > 0 && at !== undefined}
      perform={(once) =>
        api.receiveReturn(
          { id, returnId },
          {
            lines: pieces.map(({ line, quantity, condition, disposition }) =>
              condition === 'missing' ? { line, quantity, condition } : { line, quantity, condition, disposition },
            ),
            location: at!,
            ...(left > 0 && { more }),
          },
          once,
        )
      }
      done={async () => {
        done();
        await client.invalidateQueries({ queryKey: ['returns'] });
      }}
      onClose={onClose}
    >
      {order.isPending && <Loading rows={3} />}
      {order.data && awaited.length === 0 && <Text size="sm">{warehouse.nothingAwaited}</Text>}
      {awaited.map((one, index) => {
        const found = given(one);
        return (
          <fieldset className="arrived" key={one.line}>
            <legend>
              {one.name} <code>{one.sku}</code>
            </legend>
            <NumberInput
              label={warehouse.arrivedOf(one.quantity)}
              aria-label={`${warehouse.arrivedOf(one.quantity)}: ${one.sku}`}
              // The line is known later than the dialog is open.
              autoFocus={index === 0}
              min={0}
              max={one.quantity}
              clampBehavior="strict"
              allowDecimal={false}
              value={found.quantity}
              onChange={(value) => set(one, { quantity: Number(value) })}
            />
            <Select
              label={warehouse.condition}
              aria-label={`${warehouse.condition}: ${one.sku}`}
              allowDeselect={false}
              value={found.condition}
              data={CONDITIONS.map((value) => ({ value, label: warehouse.conditions[value]! }))}
              onChange={(value) => set(one, { condition: value as Condition, disposition: usual(value as Condition) })}
            />
            <Select
              label={warehouse.disposition}
              aria-label={`${warehouse.disposition}: ${one.sku}`}
              allowDeselect={false}
              disabled={found.condition === 'missing'}
              value={found.disposition}
              data={DISPOSITIONS.map((value) => ({ value, label: warehouse.dispositions[value]! }))}
              onChange={(value) => set(one, { disposition: value as Disposition })}
            />
          </fieldset>
        );
      })}
      <Select
        label={warehouse.toLocation}
        allowDeselect={false}
        value={at ?? null}
        data={[...new Set([...(at === undefined ? [] : [at]), ...locations])]}
        onChange={(value) => value && setLocation(value)}
      />
      {arrival.slipUrl !== undefined && may('slips:read') && (
        <Anchor href={arrival.slipUrl} target="_blank" rel="noreferrer" size="sm">
          {warehouse.returnSlip}
        </Anchor>
      )}
      {left > 0 && (
        <Checkbox label={warehouse.more} checked={more} onChange={(event) => setMore(event.currentTarget.checked)} />
      )}
    </Act>
  );
}
