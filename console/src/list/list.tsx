import { Alert, Badge, Button, Group, Text } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { type ReactNode, useCallback, useEffect, useRef, useState } from 'react';
import { Empty, Failed, Loading } from '../parts/parts.tsx';
import { Icon } from '../shell/icons.tsx';
import { useText } from '../text/text.tsx';
import { Beside, type BesideContext } from './beside.tsx';
import { type Filter, Filters } from './filters.tsx';
import { ColumnMenu, useShownColumns } from './columns.tsx';
import { replaceRow, ROWS_MAX, type Source, useRows } from './rows.ts';
import { COLUMNS, isFiltered, keyOf, OPEN, remember, type Search } from './search.ts';
import { type Column, Table } from './table.tsx';

/** Where two things do not fit beside each other. */
const NARROW = '(max-width: 48em)';

/** A list of everything of a kind: filters that stand in the address, rows that stay where they are, and a selection. */

interface ListProps<Row> {
  readonly source: Source;
  readonly filters: readonly Filter[];
  readonly columns: readonly Column<Row>[];
  /** Those that are shown where nobody has chosen any; without it all are, and there is no choice. */
  readonly defaultColumns?: readonly string[];
  readonly idOf: (row: Row) => string;
  readonly open?: (row: Row) => void;
  /** Instead of `open`: what is shown of a row beside the list, by `?open=` and its id; on a narrow screen it covers the list. */
  readonly beside?: (context: BesideContext<Row>) => ReactNode;
  /** Whether, where there is room, the first row is shown when nothing is. */
  readonly openFirst?: boolean;
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
  readonly tools?: (search: Search, selected: ReadonlySet<string>, columns: readonly string[]) => ReactNode;
  readonly selection?: {
    readonly labelOf: (row: Row) => string;
    /** Whether everything that the filters find can be selected, loaded or not: `everything` says that it is. */
    readonly whole?: true;
    readonly bar: (context: {
      ids: readonly string[];
      rows: readonly Row[];
      everything: boolean;
      search: Search;
      reload: () => void;
    }) => ReactNode;
  };
  /** Above the title. */
  readonly above?: ReactNode;
  /** Below the filters, above the rows. */
  readonly children?: ReactNode;
}

export function List<Row>({
  source,
  filters,
  columns,
  defaultColumns,
  idOf,
  open,
  beside,
  openFirst = false,
  words,
  tools,
  selection,
  above,
  children,
}: ListProps<Row>): ReactNode {
  const { common } = useText();
  const search: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  const { list } = source;
  const key = keyOf(search);
  const [{ selected, everything }, setChosen] = useState(() => remember(list, search));
  useEffect(() => setChosen(remember(list, search)), [key]);
  const found = useRows<Row>(source, search);
  const { rows } = found;
  const missing = new Set(found.data?.pages.flatMap(({ unreachable = [] }) => unreachable));
  // Until the rows of another address are there, those of the one before are shown, where they were.
  const settled = useRef(search);
  if (!found.isPlaceholderData) settled.current = search;
  const choose = (next: ReadonlySet<string>, all = false): void => {
    const place = remember(list, search);
    place.selected = next;
    place.everything = all;
    setChosen({ ...place });
  };
  const latest = useRef(search);
  latest.current = search;
  const show = useCallback((next: Search): void => void navigate({ to: '.', search: next, replace: true }), [navigate]);
  const change = useCallback(
    (more: Record<string, string>): void =>
      show(Object.fromEntries(Object.entries({ ...latest.current, ...more }).filter(([, value]) => value !== ''))),
    [show],
  );
  const clear = useCallback((): void => {
    const { [COLUMNS]: chosen } = latest.current;
    show(chosen === undefined ? {} : { [COLUMNS]: chosen });
  }, [show]);
  const shownColumns = useShownColumns(list, columns, defaultColumns, search);
  const filtered = isFiltered(search);
  const reload = (): void => void found.refetch();
  const narrow = useMediaQuery(NARROW, undefined, { getInitialValueInEffect: false }) ?? false;
  const opened = beside && search[OPEN];
  const client = useQueryClient();
  const { [OPEN]: _, ...closed } = search;
  // Back leads from the row to the list; from one row to the next is no step of its own.
  const go = (id: string | undefined): void =>
    void navigate({
      to: '.',
      search: id === undefined ? closed : { ...search, [OPEN]: id },
      replace: id === undefined || opened !== undefined || openFirst,
    });
  const first = found.isPlaceholderData ? undefined : rows[0] && idOf(rows[0]);
  useEffect(() => {
    if (openFirst && !narrow && opened === undefined && first !== undefined) go(first);
  }, [openFirst, narrow, opened === undefined, first]);
  const covered = narrow && opened !== undefined;
  return (
    <div className="list" data-split={opened !== undefined || undefined}>
      <div className="list-head" inert={covered}>
        {above}
        <div className="bar">
          <h1 style={{ margin: 0, fontSize: '1.4rem' }}>{words.title}</h1>
          <Text size="sm" className="dim" role="status">
            {found.data && words.loaded(rows.length, found.hasNextPage)}
          </Text>
          <Group gap="xs" ml="auto">
            {tools?.(
              search,
              selected,
              shownColumns.map(({ name }) => name),
            )}
            {defaultColumns && (
              <ColumnMenu list={list} columns={columns} shown={shownColumns} initial={defaultColumns} change={change} />
            )}
            <Button
              size="xs"
              variant="default"
              leftSection={<Icon name="refresh" size={15} />}
              loading={found.isRefetching && !found.isFetchingNextPage && !found.isPlaceholderData}
              onClick={reload}
            >
              {common.refresh}
            </Button>
          </Group>
        </div>
        <Filters filters={filters} search={search} change={change} clear={clear} />
        {children}
        {missing.size > 0 && (
          <Alert color="orange" variant="light" role="alert" py={6}>
            {common.incomplete([...missing].join(', '))}
          </Alert>
        )}
        {selection && (everything || selected.size > 0) && (
          <div className="bar" role="group" aria-label={common.selection}>
            <Badge size="lg" variant="light" tt="none">
              {everything ? common.everything : common.selected(selected.size)}
            </Badge>
            {selection.whole && !everything && found.hasNextPage && rows.every((row) => selected.has(idOf(row))) && (
              <Button size="xs" variant="light" onClick={() => choose(new Set(), true)}>
                {common.selectEverything}
              </Button>
            )}
            {selection.bar({
              ids: [...selected],
              rows: everything ? rows : rows.filter((row) => selected.has(idOf(row))),
              everything,
              search,
              reload,
            })}
            <Button size="xs" variant="subtle" onClick={() => choose(new Set())}>
              {common.clearSelection}
            </Button>
          </div>
        )}
      </div>
      <div className="panes">
        <div className="pane" inert={covered}>
          {found.isPending ? (
            <div className="page">
              <Loading rows={10} />
            </div>
          ) : found.error && !found.data ? (
            <div className="page">
              <Failed error={found.error} retry={reload} />
            </div>
          ) : rows.length === 0 ? (
            <Empty
              title={filtered ? words.emptyTitle : words.emptyAll}
              help={filtered ? words.emptyHelp : words.emptyAllHelp}
            >
              {filtered && (
                <Button mt="sm" variant="light" onClick={clear}>
                  {common.clearFilters}
                </Button>
              )}
            </Empty>
          ) : (
            <Table
              key={keyOf(settled.current)}
              list={list}
              label={words.title}
              search={settled.current}
              rows={rows}
              columns={shownColumns}
              idOf={idOf}
              open={beside ? (row) => go(idOf(row)) : open}
              opened={opened}
              compact={narrow || opened !== undefined}
              tail={
                found.isFetchNextPageError ? (
                  <Button size="xs" variant="light" color="red" onClick={() => void found.fetchNextPage()}>
                    {common.moreFailed}
                  </Button>
                ) : found.hasNextPage ? (
                  rows.length >= ROWS_MAX ? (
                    common.rowsMax(rows.length)
                  ) : (
                    'waiting'
                  )
                ) : undefined
              }
              near={found.near}
              stale={found.isPlaceholderData}
              selection={selection && { selected, everything, choose, labelOf: selection.labelOf }}
            />
          )}
        </div>
        {beside && opened !== undefined && (
          <Beside
            id={opened}
            rows={rows}
            idOf={idOf}
            label={words.title}
            narrow={narrow}
            closable={narrow || !openFirst}
            go={go}
            replace={(row) => replaceRow(client, list, search, idOf, row)}
            reload={reload}
          >
            {beside}
          </Beside>
        )}
      </div>
    </div>
  );
}
