import { Button, Checkbox, MultiSelect, Select, TagsInput, TextInput } from '@mantine/core';
import { useDebouncedCallback, useHotkeys } from '@mantine/hooks';
import { memo, type ReactNode, useEffect, useRef, useState } from 'react';
import { Icon } from '../shell/icons.tsx';
import { useText } from '../text/text.tsx';
import { isFiltered, type Search, valuesOf } from './search.ts';

/** The filters of a list, as data; each is a parameter of the address, and of the API. */

interface Choice {
  readonly value: string;
  readonly label: string;
}
export type Filter = {
  readonly name: string;
  readonly label: string;
  /** Shown when it is asked for, or set. */
  readonly further?: true;
} & (
  | { readonly kind: 'search'; readonly placeholder: string }
  | { readonly kind: 'several'; readonly choices: readonly Choice[] }
  | { readonly kind: 'tags'; readonly choices?: readonly string[] }
  | { readonly kind: 'text'; readonly placeholder?: string }
  | { readonly kind: 'date' }
  | { readonly kind: 'flag' }
  /** One of several; without the parameter it is the first. */
  | { readonly kind: 'one'; readonly choices: readonly Choice[] }
);

interface FiltersProps {
  readonly filters: readonly Filter[];
  readonly search: Search;
  readonly change: (more: Record<string, string>) => void;
  readonly clear: () => void;
}

/** Made again only when what it shows changes: rows come and go below it all the time. */
export const Filters = memo(function Filters({ filters, search, change, clear }: FiltersProps): ReactNode {
  const text = useText();
  const [open, setOpen] = useState(false);
  const shown = filters.filter(({ name, further }) => !further || open || search[name] !== undefined);
  return (
    <div
      className="filters"
      role="search"
      data-open={open || undefined}
      data-further={filters.some(({ further }) => further) || undefined}
    >
      {shown.map((filter) => (
        <Field key={filter.name} filter={filter} search={search} change={change} />
      ))}
      <Button
        className="toggle"
        size="xs"
        variant="default"
        leftSection={<Icon name="filter" size={15} />}
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        {text.common.filters}
      </Button>
      {isFiltered(search) && (
        <Button size="xs" variant="subtle" onClick={clear}>
          {text.common.clearFilters}
        </Button>
      )}
    </div>
  );
});

function Field({ filter, search, change }: Omit<FiltersProps, 'filters' | 'clear'> & { readonly filter: Filter }) {
  const { common } = useText();
  const { name, label } = filter;
  const several = {
    label,
    size: 'xs',
    clearable: true,
    placeholder: search[name] ? '' : common.all,
    value: valuesOf(search, name),
    onChange: (values: string[]) => change({ [name]: values.join(',') }),
  } as const;
  switch (filter.kind) {
    case 'search':
    case 'text':
      return <Typed filter={filter} search={search} change={change} />;
    case 'several':
      return <MultiSelect {...several} data={[...filter.choices]} />;
    case 'tags':
      return <TagsInput {...several} data={[...(filter.choices ?? [])]} />;
    case 'date':
      return (
        <TextInput
          size="xs"
          type="date"
          label={label}
          value={search[name] ?? ''}
          onChange={(event) => change({ [name]: event.currentTarget.value })}
        />
      );
    case 'flag':
      return (
        <Checkbox
          size="xs"
          label={label}
          checked={search[name] === 'true'}
          onChange={(event) => change({ [name]: event.currentTarget.checked ? 'true' : '' })}
          pb={6}
        />
      );
    case 'one':
      return (
        <Select
          size="xs"
          label={label}
          allowDeselect={false}
          value={search[name] ?? filter.choices[0]!.value}
          data={[...filter.choices]}
          onChange={(value) => change({ [name]: value === filter.choices[0]!.value ? '' : (value ?? '') })}
        />
      );
  }
}

/** Between two letters of somebody who types on; whoever waits longer has typed what they look for. */
const TYPING_MS = 150;

/** A text is asked for when nobody has typed for a moment. */
function Typed({ filter, search, change }: Omit<FiltersProps, 'filters' | 'clear'> & { readonly filter: Filter }) {
  const { name, label, kind } = filter;
  const box = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState(search[name] ?? '');
  const find = useDebouncedCallback((value: string) => change({ [name]: value }), TYPING_MS);
  useEffect(() => setTyped(search[name] ?? ''), [search[name]]);
  const main = kind === 'search';
  useHotkeys(main ? [['/', () => box.current?.focus()]] : []);
  return (
    <TextInput
      className={main ? 'search' : undefined}
      ref={box}
      size="xs"
      type={main ? 'search' : 'text'}
      label={label}
      placeholder={'placeholder' in filter ? filter.placeholder : undefined}
      leftSection={main && <Icon name="search" size={15} />}
      value={typed}
      onChange={(event) => {
        setTyped(event.currentTarget.value);
        find(event.currentTarget.value.trim());
      }}
    />
  );
}
