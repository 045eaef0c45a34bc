import { useHotkeys } from '@mantine/hooks';
import { type CSSProperties, memo, type ReactNode, useCallback, useEffect, useRef, useState } from 'react';
import { useText } from '../text/text.tsx';
import { remember, type Search } from './search.ts';
import { useWindow } from './window.ts';

/** Rows of a list, of which only those that are seen exist; with the keyboard, a selection, and a memory of the place. */

const WIDE_ROW = 44;
const NARROW_ROW = 64;
const HEAD = 36;
/** Stand at the end for what is not loaded yet: whoever goes there still sees rows. */
const WAITING = 3;

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

export interface Selection<Row> {
  readonly selected: ReadonlySet<string>;
  /** Whether everything that the list finds is selected, loaded or not. */
  readonly everything: boolean;
  readonly choose: (next: ReadonlySet<string>) => void;
  readonly labelOf: (row: Row) => string;
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
  /** What stands below the rows: `waiting` for rows that are still to come, or why they do not. */
  readonly tail?: ReactNode;
  /** Called with the last row that may be seen soon. */
  readonly near: (index: number) => void;
  /** Whether these are the rows of what was asked before. */
  readonly stale: boolean;
  readonly selection?: Selection<Row> | undefined;
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
  tail,
  near,
  stale,
  selection,
}: TableProps<Row>): ReactNode {
  const { common } = useText();
  const scroller = useRef<HTMLDivElement>(null);
  const moved = useRef<HTMLDivElement>(null);
  const place = remember(list, search);
  const [marked, setAt] = useState(place.at);
  const openedAt = opened === undefined ? -1 : rows.findIndex((row) => idOf(row) === opened);
  const at = openedAt >= 0 ? openedAt : marked;
  const rowHeight = compact ? NARROW_ROW : WIDE_ROW;
  const count = rows.length + (tail === undefined ? 0 : tail === 'waiting' ? WAITING : 1);
  const { from, to, topOf, onScroll, scrollTo } = useWindow(scroller, moved, {
    count,
    rowHeight,
    head: compact ? 0 : HEAD,
    start: place.scroll,
  });
  useEffect(() => near(to), [near, to]);
  useEffect(() => {
    if (openedAt >= 0) scrollTo(openedAt);
  }, [openedAt]);
  const mark = (index: number): void => {
    remember(list, search).at = index;
    setAt(index);
  };
  const go = (step: number): void => {
    const next = Math.min(Math.max(at + step, 0), rows.length - 1);
    if (next < 0) return;
    mark(next);
    scrollTo(next);
    if (opened !== undefined) open?.(rows[next]!);
  };
  const lastToggled = useRef(-1);
  /** With `range`, every row from the one that was chosen before. */
  const toggle = (index: number, range = false): void => {
    if (!selection || !rows[index]) return;
    const next = new Set(selection.everything ? rows.map(idOf) : selection.selected);
    const on = !next.has(idOf(rows[index]));
    const other = range && lastToggled.current >= 0 ? lastToggled.current : index;
    for (const row of rows.slice(Math.min(other, index), Math.max(other, index) + 1))
      if (on) next.add(idOf(row));
      else next.delete(idOf(row));
    lastToggled.current = index;
    selection.choose(next);
  };
  useHotkeys([
    ['j', () => go(1)],
    ['k', () => go(-1)],
    ['x', () => toggle(at)],
    ['shift+x', () => toggle(at, true)],
    ['Enter', () => rows[at] && open?.(rows[at])],
  ]);
  // Rows are made once, and again only when they have changed: what they call is always the same.
  const acts = useRef({ mark, toggle, open });
  acts.current = { mark, toggle, open };
  const act = useCallback((what: 'mark' | 'toggle' | 'open', index: number, row: Row, range = false): void => {
    if (what === 'toggle') return acts.current.toggle(index, range);
    acts.current.mark(index);
    if (what === 'open') acts.current.open?.(row);
  }, []);
  const everything = selection?.everything === true;
  const all = everything || (selection && rows.every((row) => selection.selected.has(idOf(row))));
  const tracks = [...(selection ? ['36px'] : []), ...columns.map(({ width }) => width)].join(' ');
  const shown = Array.from({ length: Math.max(0, to - from) }, (_, place) => from + place);
  return (
    <div
      className={selection ? 'rows selectable' : 'rows'}
      ref={scroller}
      role="table"
      aria-label={label}
      aria-rowcount={tail === undefined ? rows.length + 1 : -1}
      aria-busy={stale}
      tabIndex={0}
      data-compact={compact || undefined}
      style={{ '--tracks': tracks, '--row': `${rowHeight}px`, '--head': `${compact ? 0 : HEAD}px` } as CSSProperties}
      onScroll={(event) => {
        remember(list, search).scroll = event.currentTarget.scrollTop;
        onScroll(event);
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
      <div className="viewport" role="rowgroup" style={{ height: count * rowHeight }}>
        <div className="stage" role="presentation">
          <div ref={moved} role="presentation">
            {shown.map((index) =>
              index < rows.length ? (
                <BodyRow
                  key={index}
                  row={rows[index]!}
                  index={index}
                  top={topOf(index)}
                  columns={columns as readonly Column<unknown>[]}
                  marked={index === at}
                  opens={open !== undefined}
                  label={selection?.labelOf(rows[index]!)}
                  selected={selection && (everything || selection.selected.has(idOf(rows[index]!)))}
                  act={act as never}
                />
              ) : (
                <div
                  key={index}
                  className={tail === 'waiting' ? 'row body waiting' : 'row-end'}
                  aria-hidden={tail === 'waiting'}
                  style={{ transform: `translateY(${topOf(index)}px)` }}
                >
                  {tail === 'waiting' ? undefined : tail}
                </div>
              ),
            )}
          </div>
        </div>
      </div>
    </div>
  );
}

interface BodyRowProps {
  readonly row: unknown;
  readonly index: number;
  readonly top: number;
  readonly columns: readonly Column<unknown>[];
  readonly marked: boolean;
  readonly opens: boolean;
  /** Of its checkbox; undefined where rows are not selected. */
  readonly label: string | undefined;
  readonly selected: boolean | undefined;
  readonly act: (what: 'mark' | 'toggle' | 'open', index: number, row: unknown, range?: boolean) => void;
}

const BodyRow = memo(function BodyRow({
  row,
  index,
  top,
  columns,
  marked,
  opens,
  label,
  selected,
  act,
}: BodyRowProps): ReactNode {
  const range = useRef(false);
  return (
    // The keyboard has j, k and Enter for the same.
    // oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/interactive-supports-focus
    <div
      className="row body"
      role="row"
      aria-rowindex={index + 2}
      aria-selected={selected}
      data-at={marked || undefined}
      data-open={opens ? true : undefined}
      style={{ transform: `translateY(${top}px)` }}
      onClick={(event) => {
        if (opens && !(event.target as Element).closest('a, button, input, label')) act('open', index, row);
      }}
    >
      {label !== undefined && (
        <span role="cell" className="check">
          <input
            type="checkbox"
            aria-label={label}
            checked={selected}
            // A change does not say whether Shift was held.
            onClick={(event) => (range.current = event.shiftKey)}
            onChange={() => {
              act('toggle', index, row, range.current);
              range.current = false;
            }}
          />
        </span>
      )}
      {columns.map((column) => (
        <span
          key={column.name}
          role="cell"
          className={`${column.name}${column.number ? ' num' : ''} ${column.narrow ? `at-${column.narrow}` : 'wide-only'}`}
        >
          {column.cell(row, () => act('mark', index, row))}
        </span>
      ))}
    </div>
  );
});
