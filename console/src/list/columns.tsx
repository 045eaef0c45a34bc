import { Button, Menu } from '@mantine/core';
import { useLocalStorage } from '@mantine/hooks';
import { type ReactNode, useMemo } from 'react';
import { useText } from '../text/text.tsx';
import { COLUMNS, type Search, valuesOf } from './search.ts';
import type { Column } from './table.tsx';

/** Which columns of a list are shown: as the address says, else as they were chosen here last, else as the list has them. */

const stored = (list: string) => ({
  key: `olms-columns-${list}`,
  defaultValue: '',
  getInitialValueInEffect: false,
});

export function useShownColumns<Row>(
  list: string,
  columns: readonly Column<Row>[],
  initial: readonly string[] | undefined,
  search: Search,
): readonly Column<Row>[] {
  const [remembered] = useLocalStorage(stored(list));
  const names = search[COLUMNS] ?? remembered;
  return useMemo(() => {
    if (!initial) return columns;
    const asked = valuesOf({ names }, 'names').filter((name) => columns.some((column) => column.name === name));
    const shown = asked.length > 0 ? asked : initial;
    // The first is what a row is called.
    return columns.filter(({ name }, place) => place === 0 || shown.includes(name));
  }, [columns, names, initial]);
}

export function ColumnMenu<Row>({
  list,
  columns,
  shown,
  initial,
  change,
}: {
  readonly list: string;
  readonly columns: readonly Column<Row>[];
  readonly shown: readonly Column<Row>[];
  readonly initial: readonly string[];
  readonly change: (more: Record<string, string>) => void;
}): ReactNode {
  const { common } = useText();
  const [, remember] = useLocalStorage(stored(list));
  const choose = (names: readonly string[]): void => {
    const text = names.join(',');
    remember(text);
    change({ [COLUMNS]: text });
  };
  return (
    <Menu closeOnItemClick={false} position="bottom-end" width={220}>
      <Menu.Target>
        <Button size="xs" variant="default" className="wide-tool">
          {common.columns}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {columns.slice(1).map(({ name, label }) => {
          const on = shown.some((column) => column.name === name);
          return (
            <Menu.Item
              key={name}
              aria-label={on ? common.columnHide(label) : common.columnShow(label)}
              leftSection={<span className="tick">{on ? '✓' : ''}</span>}
              onClick={() =>
                choose(
                  columns
                    .filter((column) => (column.name === name ? !on : shown.includes(column)))
                    .map((column) => column.name),
                )
              }
            >
              {label}
            </Menu.Item>
          );
        })}
        <Menu.Divider />
        <Menu.Item onClick={() => choose(initial)}>{common.columnsReset}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
