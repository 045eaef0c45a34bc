import { Badge, Button, Group, Text } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { type ReactNode, useEffect, useState } from 'react';
import { Empty, Failed, Loading } from '../parts/parts.tsx';
import { Icon } from '../shell/icons.tsx';
import { useText } from '../text/text.tsx';
import { type Filter, Filters } from './filters.tsx';
import { type Source, useRows } from './rows.ts';
import { keyOf, remember, type Search } from './search.ts';
import { type Column, Table } from './table.tsx';

/** A list of everything of a kind: filters that stand in the address, rows that stay where they are, and a selection. */

interface ListProps<Row> {
  readonly source: Source;
  readonly filters: readonly Filter[];
  readonly columns: readonly Column<Row>[];
  readonly idOf: (row: Row) => string;
  readonly open?: (row: Row) => void;
  readonly words: {
    readonly title: string;
    /** How many are shown, and whether there are more. */
    readonly loaded: (count: number, more: boolean) => string;
    readonly emptyTitle: string;
    readonly emptyHelp: string;
    /** Where no filter is set. */
    readonly emptyAll: string;
    readonly emptyAllHelp: string;
  };
  /** Beside the button that reads the list again. */
  readonly tools?: (search: Search, selected: ReadonlySet<string>) => ReactNode;
  readonly selection?: {
    readonly labelOf: (row: Row) => string;
    readonly bar: (context: {
      ids: readonly string[];
      rows: readonly Row[];
      search: Search;
      reload: () => void;
    }) => ReactNode;
  };
  /** Below the filters, above the rows. */
  readonly children?: ReactNode;
}

export function List<Row>({
  source,
  filters,
  columns,
  idOf,
  open,
  words,
  tools,
  selection,
  children,
}: ListProps<Row>): ReactNode {
  const { common } = useText();
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const { list } = source;
  const key = keyOf(search);
  const [selected, setSelected] = useState(remember(list, search).selected);
  useEffect(() => setSelected(remember(list, search).selected), [key]);
  const found = useRows<Row>(source, search);
  const rows = found.data?.pages.flatMap(({ items }) => items) ?? [];
  const choose = (next: ReadonlySet<string>): void => {
    remember(list, search).selected = next;
    setSelected(next);
  };
  const show = (next: Search): void => void navigate({ to: '.', search: next, replace: true });
  const change = (more: Record<string, string>): void =>
    show(Object.fromEntries(Object.entries({ ...search, ...more }).filter(([, value]) => value !== '')));
  const filtered = Object.keys(search).some((name) => name !== 'sort');
  const reload = (): void => void found.refetch();
  return (
    <div className="list">
      <div className="list-head">
        <div className="bar">
          <h1 style={{ margin: 0, fontSize: '1.4rem' }}>{words.title}</h1>
          <Text size="sm" className="dim" role="status">
            {found.data && words.loaded(rows.length, found.hasNextPage)}
          </Text>
          <Group gap="xs" ml="auto">
            {tools?.(search, selected)}
            <Button
              size="xs"
              variant="default"
              leftSection={<Icon name="refresh" size={15} />}
              loading={found.isRefetching}
              onClick={reload}
            >
              {common.refresh}
            </Button>
          </Group>
        </div>
        <Filters filters={filters} search={search} change={change} clear={() => show({})} />
        {children}
        {selection && selected.size > 0 && (
          <div className="bar">
            <Badge size="lg" variant="light" tt="none">
              {common.selected(selected.size)}
            </Badge>
            {selection.bar({
              ids: [...selected],
              rows: rows.filter((row) => selected.has(idOf(row))),
              search,
              reload,
            })}
            <Button size="xs" variant="subtle" onClick={() => choose(new Set())}>
              {common.clearSelection}
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
          <Failed error={found.error} retry={reload} />
        </div>
      ) : rows.length === 0 ? (
        <Empty
          title={filtered ? words.emptyTitle : words.emptyAll}
          help={filtered ? words.emptyHelp : words.emptyAllHelp}
        >
          {filtered && (
            <Button mt="sm" variant="light" onClick={() => show({})}>
              {common.clearFilters}
            </Button>
          )}
        </Empty>
      ) : (
        <Table
          key={key}
          list={list}
          label={words.title}
          search={search}
          rows={rows}
          columns={columns}
          idOf={idOf}
          open={open}
          more={found.hasNextPage && !found.isFetchingNextPage ? () => void found.fetchNextPage() : undefined}
          selection={selection && { selected, choose, labelOf: selection.labelOf }}
        />
      )}
    </div>
  );
}
