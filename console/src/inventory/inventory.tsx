import { Badge, Button } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import type { Stock } from '#client';
import { api } from '../api.ts';
import type { Filter } from '../list/filters.tsx';
import { List } from '../list/list.tsx';
import { type Search, valuesOf } from '../list/search.ts';
import type { Column } from '../list/table.tsx';
import { useNumber } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';
import { LocationDialog, ProductDialog } from './dialogs.tsx';
import { FEW, STOCK } from './search.ts';

/** All products with what is there of each: found by name, place, and what is left. */

/** Names of all locations; there are few. */
export function useLocations(): readonly string[] {
  const found = useQuery({
    queryKey: ['locations'],
    queryFn: async () => (await api.listLocations({ limit: 200 })).items.map(({ name }) => name),
    staleTime: 60_000,
  });
  return found.data ?? [];
}

export function Inventory(): ReactNode {
  const text = useText();
  const navigate = useNavigate();
  return (
    <List
      source={STOCK}
      filters={useFilters()}
      columns={useColumns()}
      idOf={({ sku }) => sku}
      open={({ sku }) => void navigate({ to: '/inventory/$sku', params: { sku } })}
      words={text.inventory}
      tools={() => <Tools />}
    />
  );
}

function Tools(): ReactNode {
  const { inventory } = useText();
  const may = useMay();
  const [open, setOpen] = useState<'product' | 'location'>();
  const close = (): void => setOpen(undefined);
  return (
    <>
      {may('products:write') && (
        <Button size="xs" variant="default" onClick={() => setOpen('product')}>
          {inventory.newProduct}
        </Button>
      )}
      {may('locations:write') && (
        <Button size="xs" variant="default" onClick={() => setOpen('location')}>
          {inventory.newLocation}
        </Button>
      )}
      {open === 'product' && <ProductDialog onClose={close} />}
      {open === 'location' && <LocationDialog onClose={close} />}
    </>
  );
}

function useFilters(): readonly Filter[] {
  const { common, inventory } = useText();
  const locations = useLocations();
  return [
    { kind: 'search', name: 'text', label: common.search, placeholder: inventory.search },
    {
      kind: 'several',
      name: 'location',
      label: inventory.location,
      choices: locations.map((value) => ({ value, label: value })),
    },
    {
      kind: 'one',
      name: 'availableMax',
      label: inventory.stock,
      choices: [
        { value: '', label: inventory.anyStock },
        { value: '0', label: inventory.noneLeft },
        ...FEW.map((count) => ({ value: String(count), label: inventory.fewLeft(count) })),
      ],
    },
    { kind: 'flag', name: 'short', label: inventory.short },
    { kind: 'flag', name: 'waiting', label: inventory.waiting },
  ];
}

interface Level {
  readonly onHand: number;
  readonly reserved: number;
  readonly available: number;
  readonly short: number;
}

/** What is there in all, or at the locations that are asked for. */
function levelOf(stock: Stock, locations: readonly string[]): Level {
  if (locations.length === 0) return stock;
  const there = stock.locations.filter(({ location }) => locations.includes(location));
  const sum = (name: keyof Level): number => there.reduce((total, level) => total + level[name], 0);
  return { onHand: sum('onHand'), reserved: sum('reserved'), available: sum('available'), short: sum('short') };
}

function useColumns(): readonly Column<Stock>[] {
  const { inventory } = useText();
  const number = useNumber();
  const search: Search = useSearch({ strict: false });
  const places = valuesOf(search, 'location');
  return [
    {
      name: 'sku',
      label: inventory.product,
      width: 'minmax(200px, 2fr)',
      narrow: 'title',
      cell: ({ sku, name }, mark) => (
        <>
          <Link to="/inventory/$sku" params={{ sku }} onClick={mark}>
            {sku}
          </Link>{' '}
          <span className="dim">{name}</span>
        </>
      ),
    },
    {
      name: 'flags',
      label: '',
      width: 'minmax(120px, 1fr)',
      narrow: 'below',
      cell: (stock) => {
        const { short, available } = levelOf(stock, places);
        return (
          <span className="flags">
            {short > 0 && (
              <Badge size="sm" color="red" variant="light" tt="none">
                {inventory.shortBy(short)}
              </Badge>
            )}
            {stock.waiting > 0 && (
              <Badge size="sm" color="orange" variant="light" tt="none">
                {inventory.backordered} {number(stock.waiting)}
              </Badge>
            )}
            {available === 0 && (
              <Badge size="sm" color="gray" variant="light" tt="none">
                {inventory.soldOut}
              </Badge>
            )}
          </span>
        );
      },
    },
    {
      name: 'locations',
      label: inventory.locations,
      width: 'minmax(120px, 1fr)',
      cell: ({ locations }) => (
        <span className="dim">
          {locations.map(({ location, onHand }) => `${location} ${number(onHand)}`).join(' · ') || inventory.nowhere}
        </span>
      ),
    },
    {
      name: 'onHand',
      label: inventory.onHand,
      width: '100px',
      number: true,
      cell: (stock) => number(levelOf(stock, places).onHand),
    },
    {
      name: 'reserved',
      label: inventory.reserved,
      width: '100px',
      number: true,
      narrow: 'end',
      cell: (stock) => <Small label={inventory.reserved}>{number(levelOf(stock, places).reserved)}</Small>,
    },
    {
      name: 'available',
      label: inventory.available,
      width: '100px',
      number: true,
      narrow: 'side',
      cell: (stock) => (
        <Small label={inventory.available}>
          <strong>{number(levelOf(stock, places).available)}</strong>
        </Small>
      ),
    },
  ];
}

/** A number that says what it is where there is no head above it. */
function Small({ label, children }: { readonly label: string; readonly children: ReactNode }): ReactNode {
  return (
    <>
      <span className="narrow-only dim">{label} </span>
      {children}
    </>
  );
}
