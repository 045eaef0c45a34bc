import { NumberInput, SegmentedControl, Select, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import type { CountForecast, Product, Stock } from '#client';
import { api } from '../api.ts';
import { Act } from '../parts/act.tsx';
import { OrderLink } from '../parts/order-name.tsx';
import { Failed } from '../parts/parts.tsx';
import { useText } from '../text/text.tsx';
import { useLocations } from './inventory.tsx';

/** What people do with stock and products: each dialog says first what it will do. */

const PIECES_MAX = 1_000_000;
const SHORT_SHOWN = 8;

interface OfStock {
  readonly stock: Stock;
  /** Where it was opened for one place. */
  readonly at?: string | undefined;
  readonly onClose: () => void;
}

function useAgain(): () => Promise<void> {
  const client = useQueryClient();
  return () => client.invalidateQueries({ queryKey: ['stock'] });
}

function Place({ value, change }: { readonly value: string; readonly change: (location: string) => void }): ReactNode {
  const { inventory } = useText();
  return (
    <Select
      label={inventory.location}
      allowDeselect={false}
      value={value}
      data={[...new Set([value, ...useLocations()])]}
      onChange={(next) => next && change(next)}
    />
  );
}

const levelAt = (stock: Stock, place: string) =>
  stock.locations.find(({ location }) => location === place) ?? { onHand: 0, reserved: 0, available: 0 };
const usual = (stock: Stock): string => stock.locations[0]?.location ?? 'main';

const KINDS = ['delivery', 'damage', 'correction'] as const;

/** A delivery, a loss or a correction: a difference, refused where it would take what is reserved. */
export function AdjustDialog({ stock, at, onClose }: OfStock): ReactNode {
  const { inventory } = useText();
  const again = useAgain();
  const [location, setLocation] = useState(at ?? usual(stock));
  const [kind, setKind] = useState<(typeof KINDS)[number]>('delivery');
  const [pieces, setPieces] = useState<number | string>('');
  const [note, setNote] = useState('');
  const delta = kind === 'damage' ? -Number(pieces) : Number(pieces);
  const level = levelAt(stock, location);
  const free = Math.max(0, level.available);
  const tooMuch = delta < 0 && -delta > free;
  const effects =
    delta === 0
      ? [inventory.nothingYet]
      : tooMuch
        ? [inventory.tooMuch(free)]
        : [
            inventory.willBe(location, level.onHand, level.onHand + delta),
            delta > 0 && stock.waiting > 0
              ? inventory.willServe(stock.waiting)
              : inventory.willFree(Math.max(0, level.onHand + delta - level.reserved)),
          ];
  return (
    <Act
      title={`${inventory.adjust} · ${stock.sku}`}
      effects={effects}
      danger={delta < 0}
      ready={delta !== 0 && !tooMuch}
      perform={(once) =>
        api.adjustStock(
          {
            sku: stock.sku,
            location,
            delta,
            reason: [inventory.reasonOf[kind], note.trim()].filter(Boolean).join(': '),
          },
          once,
        )
      }
      done={again}
      onClose={onClose}
    >
      <SegmentedControl
        aria-label={inventory.whatHappened}
        value={kind}
        data={KINDS.map((value) => ({ value, label: inventory[value] }))}
        onChange={(value) => setKind(value as typeof kind)}
      />
      <Place value={location} change={setLocation} />
      <NumberInput
        label={kind === 'correction' ? inventory.difference : inventory.quantity}
        data-autofocus
        required
        min={kind === 'correction' ? -PIECES_MAX : 0}
        max={PIECES_MAX}
        allowDecimal={false}
        allowNegative={kind === 'correction'}
        value={pieces}
        onChange={setPieces}
      />
      <TextInput
        label={inventory.note}
        value={note}
        maxLength={400}
        onChange={(event) => setNote(event.currentTarget.value)}
      />
    </Act>
  );
}

/** A count: taken whatever it says; whoever would lose goods is named before. */
export function CountDialog({ stock, at, onClose }: OfStock): ReactNode {
  const { inventory } = useText();
  const again = useAgain();
  const [location, setLocation] = useState(at ?? usual(stock));
  const [counted, setCounted] = useState<number | string>('');
  const [note, setNote] = useState('');
  const [asked] = useDebouncedValue(counted, 250);
  const given = counted !== '';
  const forecast = useQuery({
    queryKey: ['stock', stock.sku, 'forecast', location, asked],
    queryFn: () => api.readCountForecast({ sku: stock.sku, location, onHand: String(asked) }),
    enabled: given && asked !== '',
    staleTime: 0,
  });
  const known = given && asked === counted ? forecast.data : undefined;
  return (
    <Act
      title={`${inventory.count} · ${stock.sku}`}
      effects={!given ? [inventory.nothingYet] : known ? effectsOf(known) : [inventory.countAsking]}
      danger={(known?.short ?? 0) > 0}
      ready={known !== undefined}
      perform={(once) =>
        api.adjustStock(
          {
            sku: stock.sku,
            location,
            onHand: Number(counted),
            reason: [inventory.countReason, note.trim()].filter(Boolean).join(': '),
          },
          once,
        )
      }
      done={again}
      onClose={onClose}
    >
      <Place value={location} change={setLocation} />
      <NumberInput
        label={inventory.counted}
        description={inventory.countedHelp}
        data-autofocus
        required
        min={0}
        max={PIECES_MAX}
        allowDecimal={false}
        allowNegative={false}
        value={counted}
        onChange={setCounted}
      />
      <TextInput
        label={inventory.note}
        value={note}
        maxLength={400}
        onChange={(event) => setNote(event.currentTarget.value)}
      />
      {forecast.error && <Failed error={forecast.error} retry={() => void forecast.refetch()} />}
      {known && known.shortOrders.length > 0 && <Losers orders={known.shortOrders} />}
    </Act>
  );

  function effectsOf({ before, onHand, short, shortOrders }: CountForecast): string[] {
    const change = inventory.willBe(location, before, onHand);
    if (short > 0) return [change, inventory.countShort(short, shortOrders.length)];
    return before === onHand ? [inventory.countSame] : [change, inventory.countFine];
  }
}

function Losers({ orders }: { readonly orders: CountForecast['shortOrders'] }): ReactNode {
  const { inventory } = useText();
  const shown = orders.slice(0, SHORT_SHOWN);
  return (
    <ul className="losers">
      {shown.map(({ orderId, quantity }) => (
        <li key={orderId}>
          <OrderLink id={orderId} /> {inventory.loses(quantity)}
        </li>
      ))}
      {orders.length > SHORT_SHOWN && <li className="dim">{inventory.andMore(orders.length - SHORT_SHOWN)}</li>}
    </ul>
  );
}

export function LocationDialog({ onClose }: { readonly onClose: () => void }): ReactNode {
  const { inventory } = useText();
  const client = useQueryClient();
  const [name, setName] = useState('');
  const ready = /^[A-Za-z0-9._-]{1,50}$/.test(name);
  return (
    <Act
      title={inventory.newLocation}
      effects={[ready ? inventory.willLocation(name) : inventory.locationHelp]}
      ready={ready}
      perform={(once) => api.putLocation({ name }, {}, once)}
      done={() => client.invalidateQueries({ queryKey: ['locations'] })}
      onClose={onClose}
    >
      <TextInput
        label={inventory.locationName}
        data-autofocus
        required
        maxLength={50}
        value={name}
        error={name !== '' && !ready ? inventory.locationHelp : undefined}
        onChange={(event) => setName(event.currentTarget.value.trim())}
      />
    </Act>
  );
}

/** A new product, or the name and price of one as it was read: somebody else's change meanwhile is not overwritten. */
export function ProductDialog({
  product,
  etag,
  onClose,
}: {
  readonly product?: Product;
  readonly etag?: string;
  readonly onClose: () => void;
}): ReactNode {
  const { inventory } = useText();
  const again = useAgain();
  const navigate = useNavigate();
  const [sku, setSku] = useState(product?.sku ?? '');
  const [name, setName] = useState(product?.name ?? '');
  const [price, setPrice] = useState(product?.price ?? '');
  const [currency, setCurrency] = useState<string>(product?.currency ?? 'EUR');
  return (
    <Act
      title={product ? `${inventory.editProduct} · ${product.sku}` : inventory.newProduct}
      effects={[product ? inventory.willProduct : inventory.willNewProduct]}
      ready={sku.trim() !== '' && name.trim() !== ''}
      perform={(once) =>
        api.putProduct(
          { sku: sku.trim() },
          { name: name.trim(), ...(price.trim() !== '' && { price: price.trim(), currency: currency as never }) },
          {
            ...once,
            headers: (product ? { 'If-Match': etag ?? '*' } : { 'If-None-Match': '*' }) as { 'If-Match': string },
          },
        )
      }
      look={again}
      done={async () => {
        await again();
        if (!product) await navigate({ to: '/inventory/$sku', params: { sku: sku.trim() } });
      }}
      onClose={onClose}
    >
      {!product && (
        <TextInput
          label={inventory.sku}
          data-autofocus
          required
          maxLength={100}
          value={sku}
          onChange={(event) => setSku(event.currentTarget.value)}
        />
      )}
      <TextInput
        label={inventory.name}
        required
        maxLength={300}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
      />
      <div className="pair">
        <TextInput
          label={inventory.price}
          inputMode="decimal"
          pattern="\d{1,16}(\.\d{1,4})?"
          value={price}
          onChange={(event) => setPrice(event.currentTarget.value.replace(',', '.'))}
        />
        <TextInput
          label={inventory.currency}
          pattern="[A-Z]{3}"
          maxLength={3}
          value={currency}
          onChange={(event) => setCurrency(event.currentTarget.value.toUpperCase())}
        />
      </div>
      {!product && (
        <Text size="xs" className="dim">
          {inventory.willNewProduct}
        </Text>
      )}
    </Act>
  );
}
