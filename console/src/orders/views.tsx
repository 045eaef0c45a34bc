import { Button, CloseButton, Menu, TextInput } from '@mantine/core';
import { useLocalStorage } from '@mantine/hooks';
import { useNavigate } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import { OPEN, type Search, VIEW } from '../list/search.ts';
import { useText } from '../text/text.tsx';

/** Filters and columns that somebody keeps under a name, in this browser; the address of one is a link for others. */

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
  const [copied, setCopied] = useState<string>();
  const { [VIEW]: current, [OPEN]: _, ...asked } = search;
  const show = (next: View): void => void navigate({ to: '/orders', search: { ...next.search, [VIEW]: next.name } });
  const save = (as: string): void => {
    if (as === '') return;
    const view = { name: as, search: asked };
    setViews([...views.filter((one) => one.name !== as), view].slice(-VIEWS_MAX));
    setName('');
    show(view);
  };
  const copy = async (view: View): Promise<void> => {
    const query = new URLSearchParams({ ...view.search, [VIEW]: view.name });
    await navigator.clipboard.writeText(`${location.origin}/console/orders?${query}`);
    setCopied(view.name);
  };
  const known = views.some((view) => view.name === current);
  return (
    <Menu width={300} position="bottom-end" trapFocus={false}>
      <Menu.Target>
        <Button size="xs" variant="default">
          {current === undefined ? text.orders.views : text.orders.shared(current)}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {current !== undefined && !known && <Menu.Item onClick={() => save(current)}>{text.orders.keep}</Menu.Item>}
        {views.length === 0 && <Menu.Label>{text.orders.noViews}</Menu.Label>}
        {views.map((view) => (
          <div className="view" key={view.name}>
            <Menu.Item onClick={() => show(view)}>{view.name}</Menu.Item>
            <Button
              size="compact-xs"
              variant="subtle"
              aria-label={`${text.orders.copyView}: ${view.name}`}
              onClick={() => void copy(view)}
            >
              {copied === view.name ? text.orders.copiedView : text.common.copy}
            </Button>
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
            save(name.trim());
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
