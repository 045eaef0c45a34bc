import { Kbd, Modal, Stack, Table, Text, TextInput, UnstyledButton } from '@mantine/core';
import { useDebouncedValue, useHotkeys } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { type ReactNode, useEffect, useState } from 'react';
import { api } from '../api.ts';
import { StatusBadge } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';
import { PAGES } from './pages.ts';

/** The palette that finds pages and orders, the help of the keyboard, and the keys that work on every page. */

const OPEN_PALETTE = 'olms:palette';
const OPEN_KEYS = 'olms:keys';
export const openPalette = (): void => void window.dispatchEvent(new Event(OPEN_PALETTE));
export const openKeys = (): void => void window.dispatchEvent(new Event(OPEN_KEYS));

function useOpened(event: string): [boolean, (opened: boolean) => void] {
  const [opened, setOpened] = useState(false);
  useEffect(() => {
    const open = (): void => setOpened(true);
    window.addEventListener(event, open);
    return () => window.removeEventListener(event, open);
  }, [event]);
  return [opened, setOpened];
}

export function Keys(): ReactNode {
  const navigate = useNavigate();
  const may = useMay();
  useHotkeys([
    ['mod+K', openPalette],
    ['?', openKeys],
    ['shift+?', openKeys],
    ...PAGES.filter(({ permission }) => may(permission)).map(({ key, to }): [string, () => void] => [
      key,
      () => void navigate({ to }),
    ]),
  ]);
  return (
    <>
      <Palette />
      <Help />
    </>
  );
}

function Help(): ReactNode {
  const { keys, common, nav } = useText();
  const [opened, setOpened] = useOpened(OPEN_KEYS);
  const rows: [string, string][] = [
    ['?', keys.help],
    ['Ctrl K', keys.palette],
    ...PAGES.map(({ key, name }): [string, string] => [key, nav[name]]),
    ['/', keys.search],
    ['j', keys.down],
    ['k', keys.up],
    ['x', keys.select],
    ['Enter', keys.openRow],
    ['n p', keys.nextOrder],
  ];
  return (
    <Modal
      opened={opened}
      onClose={() => setOpened(false)}
      title={keys.title}
      closeButtonProps={{ 'aria-label': common.close }}
    >
      <Table>
        <Table.Tbody>
          {rows.map(([key, meaning]) => (
            <Table.Tr key={key}>
              <Table.Td w={90}>
                {key.split(' ').map((part) => (
                  <Kbd key={part} mr={4}>
                    {part}
                  </Kbd>
                ))}
              </Table.Td>
              <Table.Td>{meaning}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Modal>
  );
}

function Palette(): ReactNode {
  const text = useText();
  const may = useMay();
  const navigate = useNavigate();
  const [opened, setOpened] = useOpened(OPEN_PALETTE);
  const [typed, setTyped] = useState('');
  const [at, setAt] = useState(0);
  const [asked] = useDebouncedValue(typed.trim(), 150);
  const found = useQuery({
    queryKey: ['palette', asked],
    queryFn: async ({ signal }) => (await api.listOrders({ text: asked, limit: 8 }, { signal })).items,
    enabled: opened && asked.length > 1 && may('orders:read'),
    retry: false,
  });
  const pages = [
    ...PAGES.filter(({ permission }) => may(permission)).map(({ to, name }) => ({
      label: text.nav[name],
      go: () => navigate({ to }),
    })),
    { label: text.overview.overdue, go: () => navigate({ to: '/orders', search: { overdue: 'true' } }) },
  ].filter(({ label }) => label.toLowerCase().includes(typed.trim().toLowerCase()));
  const choices = [
    ...pages.map(({ label, go }) => ({ key: label, shown: <Text>{label}</Text>, go })),
    ...(found.data ?? []).map((order) => ({
      key: order.id,
      shown: (
        <span className="spread">
          <code>{order.number}</code>
          <span>{order.reference ?? order.customerId ?? ''}</span>
          <StatusBadge status={order.status} />
        </span>
      ),
      go: () => navigate({ to: '/orders/$id', params: { id: order.id } }),
    })),
  ];
  const close = (): void => {
    setOpened(false);
    setTyped('');
    setAt(0);
  };
  const take = (index: number): void => {
    const choice = choices[index];
    if (!choice) return;
    close();
    void choice.go();
  };
  return (
    <Modal
      opened={opened}
      onClose={close}
      withCloseButton={false}
      size="lg"
      yOffset="12vh"
      padding="xs"
      title={text.keys.palette}
    >
      <TextInput
        data-autofocus
        aria-label={text.keys.palette}
        placeholder={text.keys.placeholder}
        value={typed}
        variant="unstyled"
        size="md"
        px="xs"
        role="combobox"
        aria-expanded
        aria-controls="palette-choices"
        aria-activedescendant={`palette-${at}`}
        onChange={(event) => {
          setTyped(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={(event) => {
          if (event.key === 'ArrowDown') setAt(Math.min(at + 1, choices.length - 1));
          else if (event.key === 'ArrowUp') setAt(Math.max(at - 1, 0));
          else if (event.key === 'Enter') take(at);
          else return;
          event.preventDefault();
        }}
      />
      <Stack gap={2} id="palette-choices" role="listbox" aria-label={text.keys.palette}>
        {choices.map(({ key, shown }, index) => (
          <UnstyledButton
            key={key}
            id={`palette-${index}`}
            role="option"
            aria-selected={index === at}
            className="choice"
            data-active={index === at || undefined}
            onClick={() => take(index)}
          >
            {shown}
          </UnstyledButton>
        ))}
      </Stack>
    </Modal>
  );
}
