import { Badge, Button, Checkbox, Group, MultiSelect, Select, TagsInput, Text, TextInput } from '@mantine/core';
import { useDebouncedCallback, useHotkeys } from '@mantine/hooks';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import type { OrderSummary } from '#client';
import { api } from '../api.ts';
import { Empty, Failed, Loading, PaymentBadge, StatusBadge, useMoney, When } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { Icon } from '../shell/icons.tsx';
import { useText } from '../text/text.tsx';
import { BulkDialog } from './bulk.tsx';
import {
  exportUrl,
  HOLDS,
  keyOf,
  parametersOf,
  PAYMENT_STATUSES,
  remember,
  type Search,
  STATUSES,
  valuesOf,
} from './search.ts';
import { Views } from './views.tsx';

/** All orders: found, filtered, chosen. The address says what is shown; "back" finds the list as it was left. */

const PAGE = 100;
const WIDE_ROW = 44;
const NARROW_ROW = 64;

/** The orders of an address, page by page; shared with the page of an order, which goes to the next one. */
export function useOrders(search: Search) {
  return useInfiniteQuery({
    queryKey: ['orders', keyOf(search)],
    queryFn: ({ pageParam, signal }) =>
      api
        .send(
          {
            method: 'GET',
            path: '/orders',
            parameters: { ...parametersOf(search), limit: PAGE, ...(pageParam !== undefined && { cursor: pageParam }) },
          },
          { signal },
        )
        .then(({ body }) => body as { items: OrderSummary[]; nextCursor: string | null }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ nextCursor }) => nextCursor ?? undefined,
    // Rows do not jump while somebody reads: they are read again when asked for.
    staleTime: Number.POSITIVE_INFINITY,
  });
}

export function Orders(): ReactNode {
  const text = useText();
  const search: Search = useSearch({ from: '/inside/orders' });
  const navigate = useNavigate();
  const place = remember(search);
  const [selected, setSelected] = useState(place.selected);
  const [bulk, setBulk] = useState(false);
  const may = useMay();
  const found = useOrders(search);
  const orders = found.data?.pages.flatMap(({ items }) => items) ?? [];
  const key = keyOf(search);
  useEffect(() => setSelected(remember(search).selected), [key]);
  const choose = (next: ReadonlySet<string>): void => {
    remember(search).selected = next;
    setSelected(next);
  };
  const change = (more: Record<string, string>): void => {
    void navigate({ to: '/orders', search: { ...search, ...more }, replace: true });
  };
  const filtered = Object.keys(search).some((name) => name !== 'sort');
  return (
    <div className="orders">
      <div className="orders-head">
        <div className="bar">
          <h1 style={{ margin: 0, fontSize: '1.4rem' }}>{text.orders.title}</h1>
          <Text size="sm" className="dim" role="status">
            {found.data && text.orders.loaded(orders.length, found.hasNextPage)}
          </Text>
          <Group gap="xs" ml="auto">
            <Views search={search} />
            {may('exports:read') && (
              <Button
                component="a"
                href={exportUrl(search, [...selected])}
                download
                size="xs"
                variant="default"
                leftSection={<Icon name="download" size={15} />}
                title={text.orders.exportHint}
              >
                {text.orders.export}
              </Button>
            )}
            <Button
              size="xs"
              variant="default"
              leftSection={<Icon name="refresh" size={15} />}
              loading={found.isRefetching}
              onClick={() => void found.refetch()}
            >
              {text.common.refresh}
            </Button>
          </Group>
        </div>
        <Filters key={key === '[]' ? 'none' : 'some'} search={search} change={change} />
        {selected.size > 0 && (
          <div className="bar">
            <Badge size="lg" variant="light" tt="none">
              {text.orders.selected(selected.size)}
            </Badge>
            {may('bulk:run') && (
              <Button size="xs" onClick={() => setBulk(true)}>
                {text.orders.bulk}
              </Button>
            )}
            <Button size="xs" variant="subtle" onClick={() => choose(new Set())}>
              {text.orders.clearSelection}
            </Button>
          </div>
        )}
      </div>
      {found.isPending ? (
        <div className="page">
          <Loading rows={10} />
        </div>
      ) : found.error ? (
        <div className="page">
          <Failed error={found.error} retry={() => void found.refetch()} />
        </div>
      ) : orders.length === 0 ? (
        <Empty
          title={filtered ? text.orders.emptyTitle : text.orders.emptyAll}
          help={filtered ? text.orders.emptyHelp : text.orders.emptyAllHelp}
        >
          {filtered && (
            <Button mt="sm" variant="light" onClick={() => void navigate({ to: '/orders', search: {} })}>
              {text.orders.clear}
            </Button>
          )}
        </Empty>
      ) : (
        <Rows
          key={key}
          orders={orders}
          search={search}
          selected={selected}
          choose={choose}
          more={found.hasNextPage && !found.isFetchingNextPage ? () => void found.fetchNextPage() : undefined}
        />
      )}
      {bulk && (
        <BulkDialog
          ids={[...selected]}
          onClose={(changed) => {
            setBulk(false);
            if (changed) void found.refetch();
          }}
        />
      )}
    </div>
  );
}

function Filters({
  search,
  change,
}: {
  readonly search: Search;
  readonly change: (more: Record<string, string>) => void;
}): ReactNode {
  const text = useText();
  const navigate = useNavigate();
  const box = useRef<HTMLInputElement>(null);
  const [open, setOpen] = useState(false);
  const [typed, setTyped] = useState(search['text'] ?? '');
  const find = useDebouncedCallback((value: string) => change({ text: value }), 250);
  useEffect(() => setTyped(search['text'] ?? ''), [search['text']]);
  useHotkeys([['/', () => box.current?.focus()]]);
  const several = (name: string) => ({
    value: valuesOf(search, name),
    onChange: (values: string[]) => change({ [name]: values.join(',') }),
    size: 'xs' as const,
    clearable: true,
  });
  const none = Object.keys(search).every((name) => name === 'sort');
  return (
    <div className="filters" role="search" data-open={open || undefined}>
      <TextInput
        className="search"
        ref={box}
        size="xs"
        type="search"
        label={text.common.search}
        placeholder={text.orders.search}
        leftSection={<Icon name="search" size={15} />}
        value={typed}
        onChange={(event) => {
          setTyped(event.currentTarget.value);
          find(event.currentTarget.value.trim());
        }}
      />
      <Button
        className="toggle"
        size="xs"
        variant="default"
        leftSection={<Icon name="filter" size={15} />}
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        {text.orders.filters}
      </Button>
      <MultiSelect
        {...several('status')}
        label={text.orders.status}
        placeholder={search['status'] ? '' : text.common.all}
        data={STATUSES.map((value) => ({ value, label: text.status[value] ?? value }))}
      />
      <MultiSelect
        {...several('paymentStatus')}
        label={text.orders.payment}
        placeholder={search['paymentStatus'] ? '' : text.common.all}
        data={PAYMENT_STATUSES.map((value) => ({ value, label: text.paymentStatus[value] ?? value }))}
      />
      <TagsInput
        {...several('hold')}
        label={text.orders.hold}
        placeholder={search['hold'] ? '' : text.common.all}
        data={[...HOLDS]}
      />
      <TagsInput
        {...several('channel')}
        label={text.orders.channel}
        placeholder={search['channel'] ? '' : text.common.all}
      />
      <TextInput
        size="xs"
        type="date"
        label={text.orders.from}
        value={search['createdFrom'] ?? ''}
        onChange={(event) => change({ createdFrom: event.currentTarget.value })}
      />
      <TextInput
        size="xs"
        type="date"
        label={text.orders.to}
        value={search['createdTo'] ?? ''}
        onChange={(event) => change({ createdTo: event.currentTarget.value })}
      />
      <Select
        size="xs"
        label={text.orders.placed}
        allowDeselect={false}
        value={search['sort'] ?? '-createdAt'}
        data={[
          { value: '-createdAt', label: text.orders.newest },
          { value: 'createdAt', label: text.orders.oldest },
        ]}
        onChange={(value) => change({ sort: value === 'createdAt' ? 'createdAt' : '' })}
      />
      <Checkbox
        size="xs"
        label={text.orders.overdue}
        checked={search['overdue'] === 'true'}
        onChange={(event) => change({ overdue: event.currentTarget.checked ? 'true' : '' })}
        pb={6}
      />
      {!none && (
        <Button
          size="xs"
          variant="subtle"
          onClick={() => {
            setTyped('');
            void navigate({ to: '/orders', search: {} });
          }}
        >
          {text.orders.clear}
        </Button>
      )}
    </div>
  );
}

interface RowsProps {
  readonly orders: readonly OrderSummary[];
  readonly search: Search;
  readonly selected: ReadonlySet<string>;
  readonly choose: (next: ReadonlySet<string>) => void;
  readonly more: (() => void) | undefined;
}

function Rows({ orders, search, selected, choose, more }: RowsProps): ReactNode {
  const text = useText();
  const navigate = useNavigate();
  const scroller = useRef<HTMLDivElement>(null);
  const place = remember(search);
  const [at, setAt] = useState(place.at);
  const rowHeight = window.matchMedia('(max-width: 48em)').matches ? NARROW_ROW : WIDE_ROW;
  const rows = useVirtualizer({
    count: orders.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 20,
    initialOffset: place.scroll,
    getItemKey: (index) => orders[index]!.id,
  });
  const shown = rows.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    // Well before the end, so that nobody sees it.
    if (more && last > orders.length - PAGE / 2) more();
  }, [last, orders.length, more]);
  const go = (step: number): void => {
    const next = Math.min(Math.max(at + step, 0), orders.length - 1);
    remember(search).at = next;
    setAt(next);
    rows.scrollToIndex(next);
  };
  const toggle = (id: string): void => {
    const next = new Set(selected);
    if (!next.delete(id)) next.add(id);
    choose(next);
  };
  useHotkeys([
    ['j', () => go(1)],
    ['k', () => go(-1)],
    ['x', () => orders[at] && toggle(orders[at].id)],
    ['Enter', () => orders[at] && void navigate({ to: '/orders/$id', params: { id: orders[at].id } })],
  ]);
  const all = orders.every(({ id }) => selected.has(id));
  return (
    <div
      className="rows"
      ref={scroller}
      role="table"
      aria-label={text.orders.title}
      aria-rowcount={more ? -1 : orders.length + 1}
      tabIndex={0}
      onScroll={(event) => {
        remember(search).scroll = event.currentTarget.scrollTop;
      }}
    >
      <div className="row head" role="row" aria-rowindex={1}>
        <span role="columnheader" className="check">
          <input
            type="checkbox"
            aria-label={text.orders.selectAll}
            checked={all}
            onChange={() => choose(all ? new Set() : new Set(orders.map(({ id }) => id)))}
          />
        </span>
        <span role="columnheader">{text.orders.number}</span>
        <span role="columnheader">{text.orders.customer}</span>
        <span role="columnheader">{text.orders.status}</span>
        <span role="columnheader">{text.orders.payment}</span>
        <span role="columnheader" className="num">
          {text.orders.total}
        </span>
        <span role="columnheader">{text.orders.placed}</span>
      </div>
      <div className="viewport" role="rowgroup" style={{ height: rows.getTotalSize() }}>
        {shown.map(({ index, key, start }) => (
          <Row
            key={key}
            order={orders[index]!}
            index={index}
            start={start}
            height={rowHeight}
            marked={index === at}
            selected={selected.has(orders[index]!.id)}
            toggle={toggle}
            mark={() => {
              remember(search).at = index;
            }}
          />
        ))}
      </div>
    </div>
  );
}

interface RowProps {
  readonly order: OrderSummary;
  readonly index: number;
  readonly start: number;
  readonly height: number;
  readonly marked: boolean;
  readonly selected: boolean;
  readonly toggle: (id: string) => void;
  readonly mark: () => void;
}

function Row({ order, index, start, height, marked, selected, toggle, mark }: RowProps): ReactNode {
  const text = useText();
  const money = useMoney();
  return (
    <div
      className="row body"
      role="row"
      aria-rowindex={index + 2}
      aria-selected={selected}
      data-at={marked || undefined}
      style={{ transform: `translateY(${start}px)`, height }}
    >
      <span role="cell" className="check">
        <input
          type="checkbox"
          aria-label={text.orders.select(order.number)}
          checked={selected}
          onChange={() => toggle(order.id)}
        />
      </span>
      <span role="cell">
        <Link to="/orders/$id" params={{ id: order.id }} onClick={mark}>
          {order.number}
        </Link>
      </span>
      <span role="cell" className="customer">
        <span className="dim">{order.reference ?? order.customerId ?? text.orders.guest}</span>
        <span className="flags">
          {order.parked && (
            <Badge size="xs" color="red" tt="none">
              {text.orders.parked}
            </Badge>
          )}
          {order.holds.length > 0 && (
            <Badge size="xs" color="orange" variant="light" tt="none" title={order.holds[0]!.reason}>
              {text.orders.held}: {order.holds[0]!.type}
            </Badge>
          )}
        </span>
      </span>
      <span role="cell" className="state">
        <StatusBadge status={order.status} />
      </span>
      <span role="cell" className="payment">
        <PaymentBadge status={order.paymentStatus} />
      </span>
      <span role="cell" className="num total">
        {money(order.totalAmount, order.currency)}
      </span>
      <span role="cell" className="dim placed">
        <When at={order.createdAt} />
      </span>
    </div>
  );
}
