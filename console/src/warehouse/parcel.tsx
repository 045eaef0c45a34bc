import { Anchor, Badge, Button, NumberInput, Text } from '@mantine/core';
import { useHotkeys } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { OrderSummary, Shipment } from '#client';
import { api } from '../api.ts';
import { OrderLink } from '../parts/order-name.tsx';
import { When } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';
import { ShortDialog } from './short.tsx';
import { slipUrl } from './slips.tsx';

/** The parcel that is being packed: what is in it, whether it may leave, and what can be done where something is missing. */

/** What leaves of a parcel; everything, where nothing is said. */
export type Leaving = readonly { readonly sku: string; readonly quantity: number }[];

interface ParcelProps {
  readonly order: OrderSummary;
  readonly shipment: Shipment;
  readonly leaving: Leaving | undefined;
  readonly change: (leaving: Leaving | undefined) => void;
  readonly close: () => void;
  /** It is otherwise now than it was. */
  readonly changed: () => void;
}

export function ParcelCard({ order, shipment, leaving, change, close, changed }: ParcelProps): ReactNode {
  const { warehouse } = useText();
  const may = useMay();
  const [short, setShort] = useState(false);
  const names = useQuery({
    queryKey: ['stock', 'names', shipment.items.map(({ sku }) => sku)],
    queryFn: async () => {
      const { items } = await api.listStock({ sku: shipment.items.map(({ sku }) => sku), limit: 200 });
      return new Map(items.map(({ sku, name }) => [sku, name]));
    },
    enabled: may('stock:read'),
  });
  const part = leaving !== undefined;
  const toggle = (): void => change(part ? undefined : shipment.items.map((item) => ({ ...item })));
  useHotkeys(
    [
      ['F2', toggle],
      ['F4', () => setShort(true)],
    ],
    [],
  );
  const quantityOf = (sku: string): number => leaving?.find((one) => one.sku === sku)?.quantity ?? 0;
  const set = (sku: string, quantity: number): void =>
    change(
      shipment.items.flatMap((item) => {
        const pieces = item.sku === sku ? quantity : quantityOf(item.sku);
        return pieces > 0 ? [{ sku: item.sku, quantity: pieces }] : [];
      }),
    );
  return (
    <section className={shipment.paused ? 'card parcel held' : 'card parcel'}>
      <div className="spread card-head">
        <h2>
          <OrderLink id={order.id} /> · {shipment.location}
        </h2>
        {shipment.paused && (
          <Badge color="red" variant="light" tt="none">
            {warehouse.held}
          </Badge>
        )}
        <Text size="xs" className="dim">
          <When at={shipment.scheduledAt} />
        </Text>
      </div>
      <ul className="contents">
        {shipment.items.map(({ sku, quantity }) => (
          <li key={sku}>
            {part ? (
              <NumberInput
                size="md"
                w={110}
                aria-label={warehouse.leaves(sku)}
                min={0}
                max={quantity}
                clampBehavior="strict"
                allowDecimal={false}
                value={quantityOf(sku)}
                onChange={(value) => set(sku, Number(value))}
                suffix={` / ${quantity}`}
              />
            ) : (
              <b>{quantity} ×</b>
            )}
            <span>
              {names.data?.get(sku) ?? sku}
              <span className="dim">
                {' '}
                <code>{sku}</code>
              </span>
            </span>
          </li>
        ))}
      </ul>
      {part && (
        <Text size="sm" role="status">
          {leaving.length === 0 ? warehouse.nothingLeaves : warehouse.partHelp}
        </Text>
      )}
      <div className="bar">
        <Button size="sm" variant={part ? 'filled' : 'default'} aria-pressed={part} onClick={toggle}>
          {warehouse.part} <kbd>F2</kbd>
        </Button>
        <Button size="sm" variant="default" onClick={() => setShort(true)}>
          {warehouse.short} <kbd>F4</kbd>
        </Button>
        {may('slips:read') && (
          <Anchor href={slipUrl(shipment.id)} target="_blank" rel="noreferrer" size="sm">
            {warehouse.slip}
          </Anchor>
        )}
        <Button size="sm" variant="subtle" onClick={close}>
          {warehouse.putAside} <kbd>Esc</kbd>
        </Button>
      </div>
      {short && (
        <ShortDialog
          order={order}
          shipment={shipment}
          sendRest={change}
          changed={changed}
          onClose={() => setShort(false)}
        />
      )}
    </section>
  );
}
