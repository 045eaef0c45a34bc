import { ActionIcon, Alert, Badge, Button, Select, Text } from '@mantine/core';
import { keepPreviousData, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { type ReactNode, useEffect, useState } from 'react';
import {
  type Backorder,
  Problem,
  type Product as ProductOfApi,
  type Stock,
  type StockMovement,
  type StockReservation,
} from '#client';
import { api } from '../api.ts';
import { lastSearch, type Search } from '../list/search.ts';
import { OrderLink } from '../parts/order-name.tsx';
import { Empty, Failed, Loading, useMoney, useNumber, When } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { Icon } from '../shell/icons.tsx';
import { useText } from '../text/text.tsx';
import { StockChart } from './chart.tsx';
import { AdjustDialog, CountDialog, ProductDialog } from './dialogs.tsx';

/** One product: what is where, who holds it, who waits for it, how it moved, and what can be done about it. */

const PAGE = 50;
const MOVES = 200;
const KINDS = ['adjust', 'reserve', 'release', 'ship', 'return'] as const;

interface Open {
  readonly act: 'adjust' | 'count' | 'product';
  readonly at?: string;
}

export function Product(): ReactNode {
  const { sku } = useParams({ from: '/inside/inventory/$sku' });
  const { inventory } = useText();
  const stock = useQuery({ queryKey: ['stock', sku], queryFn: () => api.readStock({ sku }) });
  const product = useQuery({ queryKey: ['stock', sku, 'product'], queryFn: () => readProduct(sku) });
  const [open, setOpen] = useState<Open>();
  useEffect(() => {
    document.title = `${sku} · OLMS`;
    return () => void (document.title = 'OLMS');
  }, [sku]);
  if (stock.isPending)
    return (
      <div className="page">
        <Loading rows={10} />
      </div>
    );
  if (stock.error)
    return (
      <div className="page">
        {stock.error instanceof Problem && stock.error.status === 404 ? (
          <Empty title={inventory.unknown} help={sku}>
            <Link to="/inventory" search={{ ...lastSearch('stock') }}>
              {inventory.back}
            </Link>
          </Empty>
        ) : (
          <Failed error={stock.error} retry={() => void stock.refetch()} />
        )}
      </div>
    );
  const close = (): void => setOpen(undefined);
  return (
    <div className="page">
      <Head stock={stock.data} product={product.data?.product} open={setOpen} />
      <div className="stack">
        <Shortage stock={stock.data} />
        <div className="order-grid">
          <div className="stack">
            <Places stock={stock.data} open={setOpen} />
            <Movements stock={stock.data} />
          </div>
          <div className="stack">
            <Line stock={stock.data} />
            <Holders stock={stock.data} />
          </div>
        </div>
      </div>
      {open?.act === 'adjust' && <AdjustDialog stock={stock.data} at={open.at} onClose={close} />}
      {open?.act === 'count' && <CountDialog stock={stock.data} at={open.at} onClose={close} />}
      {open?.act === 'product' && product.data && <ProductDialog {...product.data} onClose={close} />}
    </div>
  );
}

async function readProduct(sku: string): Promise<{ product: ProductOfApi; etag: string }> {
  let etag = '';
  const product = await api.readProduct(
    { sku },
    { onAnswer: ({ headers }) => void (etag = headers.get('etag') ?? '') },
  );
  // A proxy that compresses makes a strong tag weak; what it names is the same.
  return { product, etag: etag.replace(/^W\//, '') };
}

function Head({
  stock,
  product,
  open,
}: {
  readonly stock: Stock;
  readonly product: ProductOfApi | undefined;
  readonly open: (what: Open) => void;
}): ReactNode {
  const { inventory, common } = useText();
  const client = useQueryClient();
  const may = useMay();
  const money = useMoney();
  return (
    <div className="page-head">
      <Link to="/inventory" search={{ ...lastSearch('stock') }} className="back">
        <Icon name="back" size={15} /> {inventory.back}
      </Link>
      <h1>{stock.name ?? stock.sku}</h1>
      <code>{stock.sku}</code>
      {product?.price !== undefined && product.currency !== undefined && (
        <Text size="sm" className="dim">
          {money(product.price, product.currency)}
        </Text>
      )}
      <span className="bar acts">
        <ActionIcon
          variant="default"
          aria-label={common.refresh}
          onClick={() => void client.invalidateQueries({ queryKey: ['stock', stock.sku] })}
        >
          <Icon name="refresh" size={15} />
        </ActionIcon>
        {may('stock:adjust') && (
          <>
            <Button size="xs" onClick={() => open({ act: 'adjust' })}>
              {inventory.adjust}
            </Button>
            <Button size="xs" variant="default" onClick={() => open({ act: 'count' })}>
              {inventory.count}
            </Button>
          </>
        )}
        {may('products:write') && product && (
          <Button size="xs" variant="default" onClick={() => open({ act: 'product' })}>
            {inventory.editProduct}
          </Button>
        )}
      </span>
    </div>
  );
}

function Shortage({ stock }: { readonly stock: Stock }): ReactNode {
  const { inventory } = useText();
  const orders = stock.shortOrders ?? [];
  if (stock.short === 0) return null;
  return (
    <Alert color="red" variant="light" title={inventory.shortTitle(stock.short)}>
      <Text size="sm">{inventory.shortHelp}</Text>
      <ul className="losers">
        {orders.map(({ orderId, quantity }) => (
          <li key={orderId}>
            <OrderLink id={orderId} status /> {inventory.shortOrder(quantity)}
          </li>
        ))}
      </ul>
    </Alert>
  );
}

function Places({ stock, open }: { readonly stock: Stock; readonly open: (what: Open) => void }): ReactNode {
  const { inventory } = useText();
  const may = useMay();
  const number = useNumber();
  const acts = may('stock:adjust');
  return (
    <section className="card">
      <h2>{inventory.byLocation}</h2>
      {stock.locations.length === 0 ? (
        <Text size="sm" className="dim">
          {inventory.nowhere}
        </Text>
      ) : (
        <Scroll label={inventory.byLocation}>
          <thead>
            <tr>
              <th>{inventory.location}</th>
              <th className="num">{inventory.onHand}</th>
              <th className="num">{inventory.reserved}</th>
              <th className="num">{inventory.available}</th>
              <th className="num">{inventory.missing}</th>
              {acts && <th className="num">{inventory.count}</th>}
            </tr>
          </thead>
          <tbody>
            {stock.locations.map(({ location, onHand, reserved, available, short }) => (
              <tr key={location}>
                <td>
                  <strong>{location}</strong>
                </td>
                <td className="num">{number(onHand)}</td>
                <td className="num">{number(reserved)}</td>
                <td className="num">
                  <strong>{number(available)}</strong>
                </td>
                <td className="num">
                  {short > 0 ? (
                    <Badge color="red" variant="light" tt="none">
                      {short}
                    </Badge>
                  ) : (
                    '–'
                  )}
                </td>
                {acts && (
                  <td className="num">
                    <Button
                      size="compact-xs"
                      variant="subtle"
                      aria-label={`${inventory.count}: ${location}`}
                      onClick={() => open({ act: 'count', at: location })}
                    >
                      {inventory.count}
                    </Button>
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </Scroll>
      )}
    </section>
  );
}

function Scroll({ label, children }: { readonly label: string; readonly children: ReactNode }): ReactNode {
  return (
    <div className="scroll-x" tabIndex={0} role="group" aria-label={label}>
      <table className="plain">{children}</table>
    </div>
  );
}

interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor: string | null;
}

/** Pages of something about a SKU, more of them when asked for. */
function usePages<Item>(key: readonly unknown[], path: string, parameters: Record<string, string | number>) {
  const found = useInfiniteQuery({
    queryKey: key,
    queryFn: async ({ pageParam, signal }) => {
      const more = pageParam !== undefined && { cursor: pageParam };
      const { body } = await api.send({ method: 'GET', path, parameters: { ...parameters, ...more } }, { signal });
      return body as Page<Item>;
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ nextCursor }) => nextCursor ?? undefined,
    placeholderData: keepPreviousData,
  });
  return { found, items: found.data?.pages.flatMap(({ items }) => items) ?? [] };
}

/** A part that is read page by page: it waits, fails and is empty by itself. */
function Pages({
  title,
  empty,
  count,
  found,
  help,
  children,
}: {
  readonly title: ReactNode;
  readonly empty: string;
  readonly count: number;
  readonly found: {
    isPending: boolean;
    error: Error | null;
    hasNextPage: boolean;
    isFetchingNextPage: boolean;
    refetch: () => unknown;
    fetchNextPage: () => unknown;
  };
  readonly help?: string;
  readonly children: ReactNode;
}): ReactNode {
  const { inventory } = useText();
  return (
    <section className="card">
      {title}
      {found.isPending ? (
        <Loading rows={2} />
      ) : found.error ? (
        <Failed error={found.error} retry={() => void found.refetch()} />
      ) : count === 0 ? (
        <Text size="sm" className="dim">
          {empty}
        </Text>
      ) : (
        <>
          {help !== undefined && (
            <Text size="xs" className="dim">
              {help}
            </Text>
          )}
          {children}
          {found.hasNextPage && (
            <Button
              mt="xs"
              size="xs"
              variant="default"
              loading={found.isFetchingNextPage}
              onClick={() => void found.fetchNextPage()}
            >
              {inventory.showMore}
            </Button>
          )}
        </>
      )}
    </section>
  );
}

function Holders({ stock: { sku, reserved } }: { readonly stock: Stock }): ReactNode {
  const { inventory } = useText();
  const { found, items } = usePages<StockReservation>(['stock', sku, 'held', reserved], '/stock/reservations', {
    sku,
    limit: PAGE,
  });
  return (
    <Pages title={<h2>{inventory.heldBy}</h2>} empty={inventory.heldNone} count={items.length} found={found}>
      <Scroll label={inventory.heldBy}>
        <thead>
          <tr>
            <th>{inventory.order}</th>
            <th>{inventory.location}</th>
            <th className="num">{inventory.pieces}</th>
            <th>{inventory.since}</th>
          </tr>
        </thead>
        <tbody>
          {items.map(({ orderId, location, quantity, short, since }) => (
            <tr key={`${orderId} ${location}`}>
              <td className="holder">
                <OrderLink id={orderId} status />
              </td>
              <td>{location}</td>
              <td className="num">
                {quantity}
                {short > 0 && <div className="bad">{inventory.shortBy(short)}</div>}
              </td>
              <td className="dim">
                <When at={since} />
              </td>
            </tr>
          ))}
        </tbody>
      </Scroll>
    </Pages>
  );
}

function Line({ stock: { sku, waiting } }: { readonly stock: Stock }): ReactNode {
  const { inventory } = useText();
  const { found, items } = usePages<Backorder>(['stock', sku, 'line', waiting], '/stock/backorders', {
    sku,
    limit: PAGE,
  });
  return (
    <Pages
      title={<h2>{inventory.line}</h2>}
      empty={inventory.lineNone}
      help={inventory.lineHelp}
      count={items.length}
      found={found}
    >
      <Scroll label={inventory.line}>
        <thead>
          <tr>
            <th>{inventory.order}</th>
            <th className="num">{inventory.pieces}</th>
            <th className="num">{inventory.ahead}</th>
            <th>{inventory.since}</th>
          </tr>
        </thead>
        <tbody>
          {items.map(({ orderId, quantity, ahead, since }) => (
            <tr key={orderId}>
              <td>
                <OrderLink id={orderId} />
              </td>
              <td className="num">{quantity}</td>
              <td className="num">{ahead}</td>
              <td className="dim">
                <When at={since} />
              </td>
            </tr>
          ))}
        </tbody>
      </Scroll>
    </Pages>
  );
}

const signed = (pieces: number): string => (pieces > 0 ? `+${pieces}` : pieces < 0 ? `−${-pieces}` : '');

function Movements({ stock }: { readonly stock: Stock }): ReactNode {
  const { sku, onHand, reserved } = stock;
  const { inventory } = useText();
  const may = useMay();
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const kind = search['kind'];
  const { found, items } = usePages<StockMovement>(
    ['stock', sku, 'moved', kind, onHand, reserved],
    '/stock/movements',
    {
      sku,
      limit: MOVES,
      ...(kind !== undefined && { kind }),
    },
  );
  const title = (
    <div className="spread card-head">
      <h2>{inventory.movements}</h2>
      <Select
        size="xs"
        aria-label={inventory.what}
        allowDeselect={false}
        value={kind ?? ''}
        data={[
          { value: '', label: inventory.allKinds },
          ...KINDS.map((value) => ({ value, label: inventory.kind[value] ?? value })),
        ]}
        onChange={(value) => void navigate({ to: '.', search: value ? { kind: value } : {}, replace: true })}
      />
    </div>
  );
  return (
    <Pages title={title} empty={inventory.movementsNone} count={items.length} found={found}>
      {kind === undefined && <StockChart movements={items} now={stock} />}
      <Scroll label={inventory.movements}>
        <thead>
          <tr>
            <th>{inventory.when}</th>
            <th>{inventory.what}</th>
            <th>{inventory.location}</th>
            <th className="num">{inventory.change}</th>
            <th className="num">{inventory.changeReserved}</th>
            <th>{inventory.why}</th>
          </tr>
        </thead>
        <tbody>
          {items.map((movement) => (
            <tr key={movement.number}>
              <td className="dim nowrap">
                <When at={movement.at} />
              </td>
              <td>{inventory.kind[movement.kind] ?? movement.kind}</td>
              <td>{movement.location}</td>
              <td className="num">{signed(movement.onHand)}</td>
              <td className="num">{signed(movement.reserved)}</td>
              <td>
                {movement.orderId === undefined ? (
                  may('notes:read') && movement.reason
                ) : (
                  <OrderLink id={movement.orderId} />
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </Scroll>
    </Pages>
  );
}
