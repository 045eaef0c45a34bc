import { Alert, Anchor, Button, Divider, Paper, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { ask, type Session } from '../api.ts';
import { signInByPasskey, wasLeft, whyNoPasskeys } from '../settings/passkeys.ts';
import { Failed, Loading } from '../parts/parts.tsx';
import { useText } from '../text/text.tsx';

/** The page for who is not signed in, and the one behind the link with which a password is chosen. */

function Frame({
  title,
  lead,
  children,
}: {
  readonly title: string;
  readonly lead: string;
  readonly children: ReactNode;
}): ReactNode {
  return (
    <main className="alone">
      <Paper withBorder shadow="sm" p="xl" radius="md" w="100%" maw={420}>
        <Stack gap="md">
          <img src="/console/icon.svg" alt="" width={40} height={40} />
          <div>
            <Title order={1} size="h2">
              {title}
            </Title>
            <Text c="dimmed" size="sm">
              {lead}
            </Text>
          </div>
          {children}
        </Stack>
      </Paper>
    </main>
  );
}

export function SignIn({ methods }: { readonly methods: Session['methods'] | undefined }): ReactNode {
  const { signIn } = useText();
  const client = useQueryClient();
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const denied = new URLSearchParams(location.search).get('denied');
  const sign = useMutation({
    mutationFn: () => ask('POST', '/session', { name, password }),
    onSuccess: () => client.invalidateQueries({ queryKey: ['session'] }),
    onError: () => setPassword(''),
  });
  const passkey = useMutation({
    mutationFn: signInByPasskey,
    onSuccess: () => client.invalidateQueries({ queryKey: ['session'] }),
  });
  return (
    <Frame title={signIn.title} lead={signIn.lead}>
      {denied !== null && <Alert color="orange">{denied === 'roles' ? signIn.roles : signIn.again}</Alert>}
      {methods?.issuer && (
        <Button component="a" href={`/console/session/issuer?to=${encodeURIComponent(location.pathname)}`} size="md">
          {signIn.issuer}
        </Button>
      )}
      {methods?.passkey && whyNoPasskeys() === undefined && (
        <Button variant="light" size="md" loading={passkey.isPending} onClick={() => passkey.mutate()}>
          {signIn.passkey}
        </Button>
      )}
      {passkey.error && !wasLeft(passkey.error) && <Failed error={passkey.error} />}
      {methods?.password && (methods.issuer || (methods.passkey && whyNoPasskeys() === undefined)) && (
        <Divider label={signIn.or} />
      )}
      {methods && !methods.password && !methods.issuer && <Alert color="blue">{signIn.first}</Alert>}
      {(methods?.password || !methods?.issuer) && (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            sign.mutate();
          }}
        >
          <Stack gap="sm">
            <TextInput
              label={signIn.name}
              name="username"
              autoComplete="username"
              required
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
              autoFocus
            />
            <PasswordInput
              label={signIn.password}
              name="password"
              autoComplete="current-password"
              required
              value={password}
              onChange={(event) => setPassword(event.currentTarget.value)}
            />
            {sign.error && <Failed error={sign.error} />}
            <Button type="submit" loading={sign.isPending} mt="xs">
              {signIn.button}
            </Button>
          </Stack>
        </form>
      )}
    </Frame>
  );
}

export function Welcome(): ReactNode {
  const { signIn } = useText();
  const link = location.hash.slice(1);
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const found = useQuery({
    queryKey: ['link', link],
    queryFn: () => ask<{ name: string; passwordMin: number }>('POST', '/session/links', { link }),
    retry: false,
  });
  const choose = useMutation({
    mutationFn: () => ask('PUT', '/session/links', { link, password }),
    // The link leaves the address, and the history with it.
    onSuccess: () => location.replace('/console/'),
  });
  if (found.isPending)
    return (
      <Frame title={signIn.welcome} lead="">
        <Loading rows={3} />
      </Frame>
    );
  if (found.error)
    return (
      <Frame title={signIn.linkUsed} lead={signIn.linkUsedHelp}>
        <Anchor href="/console/">{signIn.title}</Anchor>
      </Frame>
    );
  const differs = again !== '' && again !== password;
  return (
    <Frame title={signIn.welcome} lead={signIn.welcomeLead(found.data.name)}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (again === password) choose.mutate();
        }}
      >
        <Stack gap="sm">
          <input type="text" name="username" autoComplete="username" value={found.data.name} readOnly hidden />
          <PasswordInput
            label={signIn.password}
            description={signIn.passwordHint(found.data.passwordMin)}
            name="password"
            autoComplete="new-password"
            minLength={found.data.passwordMin}
            required
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            autoFocus
          />
          <PasswordInput
            label={signIn.again2}
            name="again"
            autoComplete="new-password"
            required
            value={again}
            onChange={(event) => setAgain(event.currentTarget.value)}
            error={differs ? signIn.differ : undefined}
          />
          {choose.error && <Failed error={choose.error} />}
          <Button type="submit" loading={choose.isPending} disabled={again !== password} mt="xs">
            {signIn.choose}
          </Button>
        </Stack>
      </form>
    </Frame>
  );
}
