import { ActionIcon, Button, Text } from '@mantine/core';
import { useHotkeys } from '@mantine/hooks';
import { type ReactNode, useEffect, useRef } from 'react';
import { Icon } from '../shell/icons.tsx';
import { useText } from '../text/text.tsx';

/** One row in full, beside its list; where there is no room, over it. */

export interface BesideContext<Row> {
  readonly id: string;
  /** As the list has it; nothing where the list as filtered does not, or not yet. */
  readonly row: Row | undefined;
  /** All that are loaded. */
  readonly rows: readonly Row[];
  /** Shows the next row of which this is true, from the beginning again after the last; the list alone where there is none. */
  readonly next: (wanted?: (row: Row) => boolean) => void;
  /** Shows the row in the list as it is now, without moving any. */
  readonly replace: (row: Row) => void;
  /** Reads the list again. */
  readonly reload: () => void;
}

interface BesideProps<Row> {
  readonly id: string;
  readonly rows: readonly Row[];
  readonly idOf: (row: Row) => string;
  readonly label: string;
  readonly narrow: boolean;
  readonly closable: boolean;
  readonly go: (id: string | undefined) => void;
  readonly replace: (row: Row) => void;
  readonly reload: () => void;
  readonly children: (context: BesideContext<Row>) => ReactNode;
}

export function Beside<Row>({
  id,
  rows,
  idOf,
  label,
  narrow,
  closable,
  go,
  replace,
  reload,
  children,
}: BesideProps<Row>): ReactNode {
  const { common } = useText();
  const back = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLElement>(null);
  const at = rows.findIndex((row) => idOf(row) === id);
  const idAt = (index: number): string | undefined => rows[index] && idOf(rows[index]);
  const previous = at < 0 ? undefined : idAt(at - 1);
  const next = at < 0 ? undefined : idAt(at + 1);
  const following = (wanted: (row: Row) => boolean = () => true): void => {
    const others = [...rows.slice(at + 1), ...rows.slice(0, Math.max(at, 0))];
    const row = others.find(wanted);
    go(row && idOf(row));
  };
  useEffect(() => {
    if (narrow) back.current?.focus();
  }, [narrow]);
  useEffect(() => {
    panel.current?.scrollTo({ top: 0 });
  }, [id]);
  useHotkeys([
    [
      'Escape',
      () => {
        // A dialog above has the key for itself.
        if (closable && !document.querySelector('[role=dialog]')) go(undefined);
      },
    ],
  ]);
  return (
    <aside className="beside" ref={panel} aria-label={label} tabIndex={0}>
      <div className="beside-head">
        {closable && (
          <Button
            ref={back}
            size="compact-sm"
            variant="subtle"
            color="gray"
            leftSection={<Icon name="back" size={15} />}
            onClick={() => go(undefined)}
          >
            {common.backToList}
          </Button>
        )}
        <span className="bar" style={{ marginLeft: 'auto' }}>
          {at >= 0 && (
            <Text size="xs" className="dim">
              {at + 1} {common.of} {rows.length}
            </Text>
          )}
          <ActionIcon
            variant="default"
            disabled={previous === undefined}
            aria-label={common.previousRow}
            onClick={() => go(previous)}
          >
            <Icon name="back" size={15} />
          </ActionIcon>
          <ActionIcon
            variant="default"
            disabled={next === undefined}
            aria-label={common.nextRow}
            onClick={() => go(next)}
          >
            <Icon name="forward" size={15} />
          </ActionIcon>
        </span>
      </div>
      {children({ id, row: at < 0 ? undefined : rows[at], rows, next: following, replace, reload })}
    </aside>
  );
}
