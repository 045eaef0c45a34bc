import { useHotkeys } from '@mantine/hooks';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type CSSProperties, type ReactNode, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { useText } from '../text/text.tsx';
import { PAGE } from './rows.ts';
import { remember, type Search } from './search.ts';

/** Rows of a list, of which only those that are seen exist; with the keyboard, a selection, and a memory of the place. */

const WIDE_ROW = 44;
const NARROW_ROW = 64;

export interface Column<Row> {
  readonly name: string;
  readonly label: string;
  /** A track of a CSS grid. */
  readonly width: string;
  /** Where it stands on a narrow screen, which shows two lines per row; a column without one is not shown there. */
  readonly narrow?: 'title' | 'below' | 'side' | 'end';
  readonly number?: true;
  readonly cell: (row: Row, mark: () => void) => ReactNode;
}

interface TableProps<Row> {
  readonly list: string;
  readonly label: string;
  readonly search: Search;
  readonly rows: readonly Row[];
  readonly columns: readonly Column<Row>[];
  readonly idOf: (row: Row) => string;
  /** What Enter does with a row, and a click beside its links. */
  readonly open?: ((row: Row) => void) | undefined;
  /** The row that is shown beside the list, if any: j and k then show the next. */
  readonly opened?: string | undefined;
  /** Two lines per row: the screen is narrow, or something stands beside the list. */
  readonly compact: boolean;
  readonly more: (() => void) | undefined;
  readonly selection?:
    | {
        readonly selected: ReadonlySet<string>;
        readonly choose: (next: ReadonlySet<string>) => void;
        readonly labelOf: (row: Row) => string;
      }
    | undefined;
}

export function Table<Row>({
  list,
  label,
  search,
  rows,
  columns,
  idOf,
  open,
  opened,
  compact,
  more,
  selection,
}: TableProps<Row>): ReactNode {
  const { common } = useText();
  const scroller = useRef<HTMLDivElement>(null);
  const place = remember(list, search);
  const [marked, setAt] = useState(place.at);
  const openedAt = opened === undefined ? -1 : rows.findIndex((row) => idOf(row) === opened);
  const at = openedAt >= 0 ? openedAt : marked;
  const rowHeight = compact ? NARROW_ROW : WIDE_ROW;
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 20,
    initialOffset: place.scroll,
    getItemKey: (index) => idOf(rows[index]!),
  });
  const shown = virtual.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    // Well before the end, so that nobody sees it.
    if (more && last > rows.length - PAGE / 2) more();
  }, [last, rows.length, more]);
  const height = useRef(rowHeight);
  useLayoutEffect(() => {
    if (height.current === rowHeight) return;
    // The rows are higher or lower than before: the first that was seen stays the first.
    const first = (scroller.current?.scrollTop ?? 0) / height.current;
    height.current = rowHeight;
    virtual.measure();
    virtual.scrollToOffset(first * rowHeight);
  }, [rowHeight, virtual]);
  useEffect(() => {
    if (openedAt >= 0) virtual.scrollToIndex(openedAt);
  }, [openedAt, virtual]);
  const mark = (index: number): void => {
    remember(list, search).at = index;
    setAt(index);
  };
  const go = (step: number): void => {
    const next = Math.min(Math.max(at + step, 0), rows.length - 1);
    if (next < 0) return;
    mark(next);
    virtual.scrollToIndex(next);
    if (opened !== undefined) open?.(rows[next]!);
  };
  const toggle = (id: string): void => {
    if (!selection) return;
    const next = new Set(selection.selected);
    if (!next.delete(id)) next.add(id);
    selection.choose(next);
  };
  useHotkeys([
    ['j', () => go(1)],
    ['k', () => go(-1)],
    ['x', () => rows[at] && toggle(idOf(rows[at]))],
    ['Enter', () => rows[at] && open?.(rows[at])],
  ]);
  const all = selection && rows.every((row) => selection.selected.has(idOf(row)));
  const tracks = [...(selection ? ['36px'] : []), ...columns.map(({ width }) => width)].join(' ');
  return (
    <div
      className={selection ? 'rows selectable' : 'rows'}
      ref={scroller}
      role="table"
      aria-label={label}
      aria-rowcount={more ? -1 : rows.length + 1}
      tabIndex={0}
      data-compact={compact || undefined}
      style={{ '--tracks': tracks } as CSSProperties}
      onScroll={(event) => {
        remember(list, search).scroll = event.currentTarget.scrollTop;
      }}
    >
      <div className="row head" role="row" aria-rowindex={1}>
        {selection && (
          <span role="columnheader" className="check">
            <input
              type="checkbox"
              aria-label={common.selectAll}
              checked={all}
              onChange={() => selection.choose(all ? new Set() : new Set(rows.map(idOf)))}
            />
          </span>
        )}
        {columns.map((column) => (
          <span key={column.name} role="columnheader" className={column.number && 'num'}>
            {column.label}
          </span>
        ))}
      </div>
      <div className="viewport" role="rowgroup" style={{ height: virtual.getTotalSize() }}>
        {shown.map(({ index, key, start }) => {
          const row = rows[index]!;
          const selected = selection?.selected.has(idOf(row)) ?? false;
          return (
            // The keyboard has j, k and Enter for the same.
            // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus
            <div
              key={key}
              className="row body"
              role="row"
              aria-rowindex={index + 2}
              aria-selected={selection && selected}
              data-at={index === at || undefined}
              data-open={open ? true : undefined}
              style={{ transform: `translateY(${start}px)`, height: rowHeight }}
              onClick={(event) => {
                if (!open || (event.target as Element).closest('a, button, input, label')) return;
                mark(index);
                open(row);
              }}
            >
              {selection && (
                <span role="cell" className="check">
                  <input
                    type="checkbox"
                    aria-label={selection.labelOf(row)}
                    checked={selected}
                    onChange={() => toggle(idOf(row))}
                  />
                </span>
              )}
              {columns.map((column) => (
                <span
                  key={column.name}
                  role="cell"
                  className={`${column.name}${column.number ? ' num' : ''} ${column.narrow ? `at-${column.narrow}` : 'wide-only'}`}
                >
                  {column.cell(row, () => mark(index))}
                </span>
              ))}
            </div>
          );
        })}
      </div>
    </div>
  );
}
