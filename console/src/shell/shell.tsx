import { ActionIcon, AppShell, Badge, Burger, Button, Group, Menu, NavLink, ScrollArea, Text } from '@mantine/core';
import { useMantineColorScheme } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQueryClient } from '@tanstack/react-query';
import { Link, Outlet, useRouterState } from '@tanstack/react-router';
import { type ReactNode, useEffect } from 'react';
import { ask } from '../api.ts';
import { Empty } from '../parts/parts.tsx';
import { useMay, usePerson } from '../session.tsx';
import { LANGUAGES, useLanguage, useText } from '../text/text.tsx';
import { Icon } from './icons.tsx';
import { Keys, openKeys, openPalette } from './keys.tsx';
import { PAGES } from './pages.ts';

/** The frame of every page: where one can go, who one is, and the keys that work everywhere. */

export function Shell(): ReactNode {
  const [opened, { toggle, close }] = useDisclosure();
  const text = useText();
  const may = useMay();
  const path = useRouterState({ select: ({ location }) => location.pathname });
  useEffect(close, [path]);
  return (
    <AppShell
      header={{ height: 52 }}
      navbar={{ width: 208, breakpoint: 'sm', collapsed: { mobile: !opened } }}
      padding={0}
    >
      <a className="skip" href="#content">
        {text.nav.skip}
      </a>
      <AppShell.Header>
        <Group h="100%" px="md" gap="sm" wrap="nowrap">
          <Burger opened={opened} onClick={toggle} hiddenFrom="sm" size="sm" aria-label={text.nav.menu} />
          <Link to="/" className="brand">
            <img src="/console/icon.svg" alt="" width={26} height={26} />
            <Text fw={700}>{text.product}</Text>
          </Link>
          <Button
            variant="default"
            size="xs"
            ml="auto"
            onClick={openPalette}
            leftSection={<Icon name="search" />}
            className="palette-button"
            title={text.keys.palette}
          >
            <span className="wide">{text.common.search}</span> <kbd className="wide">Ctrl K</kbd>
          </Button>
          <ActionIcon variant="subtle" color="gray" aria-label={text.keys.title} onClick={openKeys} visibleFrom="sm">
            <Icon name="keyboard" />
          </ActionIcon>
          <PersonMenu />
        </Group>
      </AppShell.Header>
      <AppShell.Navbar p="xs" aria-label={text.nav.main}>
        <AppShell.Section grow component={ScrollArea}>
          {PAGES.filter(({ permission }) => may(permission)).map(({ to, name }) => (
            <NavLink
              key={to}
              renderRoot={(props) => <Link to={to} {...props} />}
              label={text.nav[name]}
              leftSection={<Icon name={name} />}
              active={to === '/' ? path === '/' : path.startsWith(to)}
              variant="light"
            />
          ))}
        </AppShell.Section>
        <AppShell.Section>
          <NavLink
            component="a"
            href="/docs"
            target="_blank"
            label={text.nav.docs}
            leftSection={<Icon name="docs" />}
          />
        </AppShell.Section>
      </AppShell.Navbar>
      <AppShell.Main id="content" tabIndex={-1}>
        <Outlet />
      </AppShell.Main>
      <Keys />
    </AppShell>
  );
}

function PersonMenu(): ReactNode {
  const text = useText();
  const { name, roles } = usePerson();
  const client = useQueryClient();
  const { language, choose } = useLanguage();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const signOut = async (): Promise<void> => {
    await ask('DELETE', '/session');
    // Nothing of one person is left for the next.
    client.clear();
    location.assign('/console/');
  };
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <Button
          variant="subtle"
          color="gray"
          size="xs"
          leftSection={<Icon name="person" />}
          aria-label={text.signIn.signedInAs(name)}
        >
          <span className="wide">{name}</span>
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          {text.signIn.signedInAs(name)}{' '}
          {roles.map((role) => (
            <Badge key={role} size="xs" variant="light">
              {role}
            </Badge>
          ))}
        </Menu.Label>
        <Menu.Divider />
        <Menu.Label>{text.theme.label}</Menu.Label>
        {(['light', 'dark', 'auto'] as const).map((scheme) => (
          <Menu.Item
            key={scheme}
            onClick={() => setColorScheme(scheme)}
            rightSection={colorScheme === scheme ? '✓' : ''}
          >
            {text.theme[scheme]}
          </Menu.Item>
        ))}
        <Menu.Divider />
        {LANGUAGES.map((each) => (
          <Menu.Item key={each} lang={each} onClick={() => choose(each)} rightSection={language === each ? '✓' : ''}>
            {each === 'de' ? 'Deutsch' : 'English'}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item color="red" onClick={() => void signOut()}>
          {text.signIn.signOut}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

export function Missing(): ReactNode {
  const { common } = useText();
  return (
    <Empty title={common.notFound} help="">
      <Link to="/">{common.toOverview}</Link>
    </Empty>
  );
}
