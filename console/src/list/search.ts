/** What is asked of a list, as it stands in the address: `?status=PAID,SHIPPED&text=smith`. */

export type Search = Readonly<Record<string, string>>;

export function valuesOf(search: Search, name: string): string[] {
  return (search[name] ?? '').split(',').filter((value) => value !== '');
}

/** Which parameters of the API a list has: `several` take more than one value. */
export interface Parameters {
  readonly several: readonly string[];
  readonly single: readonly string[];
}

/** The parameters of the API for an address; what the list does not know is left out. */
export function parametersOf(search: Search, { several, single }: Parameters): Record<string, string | string[]> {
  return Object.fromEntries([
    ...several.flatMap((name): [string, string[]][] => {
      const values = valuesOf(search, name);
      return values.length > 0 ? [[name, values]] : [];
    }),
    ...single.flatMap((name): [string, string][] => (search[name] ? [[name, search[name]]] : [])),
  ]);
}

/** The parameter of the address that says which row is shown beside the list. */
export const OPEN = 'open';

/** Those that say which columns are shown, and what somebody calls all of it. */
export const COLUMNS = 'columns';
export const VIEW = 'view';
/** Say nothing about which rows there are, nor about their order. */
const LOOKS: readonly string[] = [OPEN, COLUMNS, VIEW];

/** By what lists differ: everything in the address that says which rows there are. */
export function keyOf(search: Search): string {
  return JSON.stringify(
    Object.entries(search)
      .filter(([name]) => !LOOKS.includes(name))
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
}

/** Whether a list shows less than everything. */
export function isFiltered(search: Search): boolean {
  return Object.keys(search).some((name) => name !== 'sort' && !LOOKS.includes(name));
}

/** What is remembered of a list while somebody looks at one of its rows, by its address. */
export interface Remembered {
  scroll: number;
  at: number;
  selected: ReadonlySet<string>;
  /** Whether everything that the list finds is selected, loaded or not. */
  everything: boolean;
}
const remembered = new Map<string, Remembered>();
const REMEMBERED_MAX = 50;
const last = new Map<string, Search>();

export function remember(list: string, search: Search): Remembered {
  last.set(list, search);
  const key = `${list} ${keyOf(search)}`;
  const found = remembered.get(key) ?? { scroll: 0, at: -1, selected: new Set<string>(), everything: false };
  remembered.delete(key);
  remembered.set(key, found);
  if (remembered.size > REMEMBERED_MAX) remembered.delete(remembered.keys().next().value!);
  return found;
}

/** What was asked of a list when it was last shown, for the way back to it. */
export function lastSearch(list: string): Search {
  return last.get(list) ?? {};
}
