import { Button, CloseButton, Menu, TextInput } from '@mantine/core';
import { useLocalStorage } from '@mantine/hooks';
import { useNavigate } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import type { Search } from '../list/search.ts';
import { useText } from '../text/text.tsx';

/** Filters that somebody keeps under a name, in this browser. */

interface View {
  readonly name: string;
  readonly search: Search;
}
const VIEWS_MAX = 50;

export function Views({ search }: { readonly search: Search }): ReactNode {
  const text = useText();
  const navigate = useNavigate();
  const [views, setViews] = useLocalStorage<readonly View[]>({
    key: 'olms-views',
    defaultValue: [],
    getInitialValueInEffect: false,
  });
  const [name, setName] = useState('');
  const save = (): void => {
    if (name.trim() === '') return;
    setViews([...views.filter((view) => view.name !== name.trim()), { name: name.trim(), search }].slice(-VIEWS_MAX));
    setName('');
  };
  return (
    <Menu width={260} position="bottom-end" trapFocus={false}>
      <Menu.Target>
        <Button size="xs" variant="default">
          {text.orders.views}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {views.length === 0 && <Menu.Label>{text.orders.noViews}</Menu.Label>}
        {views.map((view) => (
          <div className="view" key={view.name}>
            <Menu.Item onClick={() => void navigate({ to: '/orders', search: { ...view.search } })}>
              {view.name}
            </Menu.Item>
            <CloseButton
              size="sm"
              aria-label={`${text.common.remove}: ${view.name}`}
              onClick={() => setViews(views.filter((one) => one !== view))}
            />
          </div>
        ))}
        <Menu.Divider />
        <form
          className="bar"
          onSubmit={(event) => {
            event.preventDefault();
            save();
          }}
          style={{ padding: 6 }}
        >
          <TextInput
            size="xs"
            aria-label={text.orders.viewName}
            placeholder={text.orders.viewName}
            value={name}
            maxLength={60}
            onChange={(event) => setName(event.currentTarget.value)}
            onKeyDown={(event) => event.stopPropagation()}
          />
          <Button size="xs" type="submit" variant="light">
            {text.orders.saveView}
          </Button>
        </form>
      </Menu.Dropdown>
    </Menu>
  );
}
