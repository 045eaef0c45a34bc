import { Badge, Button, SegmentedControl, Select, TextInput, useMantineColorScheme } from '@mantine/core';
import { PasswordInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { ask } from '../api.ts';
import { Act } from '../parts/act.tsx';
import { Failed, Loading, When } from '../parts/parts.tsx';
import { usePerson } from '../session.tsx';
import { LANGUAGES, type Language, useLanguage, useText } from '../text/text.tsx';
import { deviceOf } from './device.ts';
import { useRights } from './rights.ts';
import { addPasskey, namedAddress, wasLeft, whyNoPasskeys } from './passkeys.ts';

/** One's own account: password, passkeys, sessions, language and colors. */

interface AccountView {
  readonly passwordMin: number;
  readonly sessions: readonly {
    readonly id: string;
    readonly agent: string | null;
    readonly createdAt: string;
    readonly seenAt: string;
    readonly endsAt: string;
    readonly current: boolean;
  }[];
  readonly passkeys: readonly PasskeyView[];
}
interface PasskeyView {
  readonly id: string;
  readonly name: string;
  readonly host: string;
  readonly createdAt: string;
  readonly usedAt: string | null;
}

const ACCOUNT = ['account'] as const;

export function Account(): ReactNode {
  const { settings } = useText();
  const { local } = usePerson();
  const account = useQuery({ queryKey: ACCOUNT, queryFn: () => ask<AccountView>('GET', '/session/account') });
  if (account.isPending) return <Loading />;
  if (account.error) return <Failed error={account.error} retry={() => void account.refetch()} />;
  return (
    <div className="columns halves">
      <div className="stack">
        <Who />
        {local ? (
          <Password least={account.data.passwordMin} />
        ) : (
          <p className="card dim">{settings.account.elsewhere}</p>
        )}
        <Looks />
      </div>
      <div className="stack">
        {local && <Passkeys passkeys={account.data.passkeys} />}
        <Sessions sessions={account.data.sessions} />
      </div>
    </div>
  );
}

function Who(): ReactNode {
  const { settings, roleNames, roleMeanings } = useText();
  const { name, roles, permissions } = usePerson();
  const rights = useRights();
  const meaningOf = (role: string): string =>
    roleMeanings[role] ?? rights.data?.roles.find((one) => one.name === role)?.meaning ?? '';
  return (
    <section className="card">
      <h2>{settings.account.who}</h2>
      <p className="who">
        <b>{name}</b>{' '}
        {roles.map((role) => (
          <Badge key={role} variant="light" tt="none">
            {roleNames[role] ?? role}
          </Badge>
        ))}
      </p>
      <p className="dim lead">{roles.map(meaningOf).join('; ') || settings.account.permissions(permissions.length)}</p>
    </section>
  );
}

function Password({ least }: { readonly least: number }): ReactNode {
  const { settings, signIn } = useText();
  const { name } = usePerson();
  const client = useQueryClient();
  const words = settings.account;
  const [current, setCurrent] = useState('');
  const [password, setPassword] = useState('');
  const change = useMutation({
    mutationFn: () => ask('PUT', '/session/password', { current, password }),
    onSuccess() {
      setCurrent('');
      setPassword('');
      return client.invalidateQueries({ queryKey: ACCOUNT });
    },
  });
  return (
    <section className="card">
      <h2>{words.password}</h2>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          if (!change.isPending) change.mutate();
        }}
      >
        <input type="text" name="username" autoComplete="username" value={name} readOnly hidden />
        <PasswordInput
          size="sm"
          label={words.current}
          autoComplete="current-password"
          required
          value={current}
          onChange={(event) => setCurrent(event.currentTarget.value)}
        />
        <PasswordInput
          size="sm"
          label={words.next}
          description={signIn.passwordHint(least)}
          autoComplete="new-password"
          required
          minLength={least}
          value={password}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
        {change.error && <Failed error={change.error} />}
        {change.isSuccess && (
          <p role="status" className="good">
            {words.changed}
          </p>
        )}
        <Button type="submit" size="xs" loading={change.isPending}>
          {words.change}
        </Button>
      </form>
    </section>
  );
}

function Passkeys({ passkeys }: { readonly passkeys: readonly PasskeyView[] }): ReactNode {
  const { settings, common } = useText();
  const client = useQueryClient();
  const words = settings.passkeys;
  const [name, setName] = useState('');
  const [removing, setRemoving] = useState<PasskeyView>();
  const done = (): Promise<void> => client.invalidateQueries({ queryKey: ACCOUNT });
  const add = useMutation({
    mutationFn: () => addPasskey(name.trim() || (deviceOf(navigator.userAgent) ?? words.title)),
    onSuccess() {
      setName('');
      return done();
    },
  });
  const why = whyNoPasskeys();
  return (
    <section className="card">
      <h2>{words.title}</h2>
      <p className="dim lead">{words.lead}</p>
      {passkeys.length > 0 && (
        <ul className="things">
          {passkeys.map((passkey) => (
            <li key={passkey.id}>
              <div>
                <b>{passkey.name}</b>
                <div className="dim">
                  {passkey.usedAt === null ? (
                    words.notUsed
                  ) : (
                    <>
                      {words.used} <When at={passkey.usedAt} />
                    </>
                  )}
                  {passkey.host !== location.hostname && ` · ${words.elsewhere(passkey.host)}`}
                </div>
              </div>
              <Button
                size="compact-xs"
                variant="light"
                color="red"
                aria-label={words.removeOne(passkey.name)}
                onClick={() => setRemoving(passkey)}
              >
                {common.remove}
              </Button>
            </li>
          ))}
        </ul>
      )}
      {why === undefined ? (
        <form
          className="inline-form"
          onSubmit={(event) => {
            event.preventDefault();
            if (!add.isPending) add.mutate();
          }}
        >
          <TextInput
            size="xs"
            label={words.name}
            placeholder={deviceOf(navigator.userAgent)}
            maxLength={60}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
          />
          <Button type="submit" size="xs" variant="light" loading={add.isPending}>
            {words.add}
          </Button>
        </form>
      ) : (
        <p className="dim lead">
          {words.why[why]} {why === 'name' && namedAddress() && <a href={namedAddress()}>{namedAddress()}</a>}
        </p>
      )}
      {add.error &&
        (wasLeft(add.error) ? (
          <p className="dim lead" role="status">
            {words.left}
          </p>
        ) : (
          <Failed error={add.error} />
        ))}
      {removing && (
        <Act
          title={words.remove}
          effects={words.removeEffects(removing.name)}
          perform={() => ask('DELETE', `/session/passkeys/${removing.id}`)}
          done={done}
          onClose={() => setRemoving(undefined)}
          danger
        />
      )}
    </section>
  );
}

function Sessions({ sessions }: Pick<AccountView, 'sessions'>): ReactNode {
  const { settings } = useText();
  const client = useQueryClient();
  const words = settings.sessions;
  const [everywhere, setEverywhere] = useState(false);
  const end = useMutation({
    mutationFn: (id: string) => ask('DELETE', `/session/sessions/${id}`),
    onSettled: () => client.invalidateQueries({ queryKey: ACCOUNT }),
  });
  return (
    <section className="card">
      <div className="spread">
        <h2>{words.title}</h2>
        <Button size="xs" variant="light" color="red" onClick={() => setEverywhere(true)}>
          {words.everywhere}
        </Button>
      </div>
      {end.error && <Failed error={end.error} />}
      <ul className="things">
        {sessions.map(({ id, agent, seenAt, createdAt, current }) => (
          <li key={id}>
            <div>
              <b title={agent ?? undefined}>{deviceOf(agent) ?? words.unknown}</b>
              {current && <span className="good"> · {words.current}</span>}
              <div className="dim">
                {words.seen} <When at={seenAt} /> · {words.since} <When at={createdAt} />
              </div>
            </div>
            {!current && (
              <Button
                size="compact-xs"
                variant="default"
                aria-label={words.endOne(deviceOf(agent) ?? words.unknown)}
                loading={end.isPending && end.variables === id}
                onClick={() => end.mutate(id)}
              >
                {words.end}
              </Button>
            )}
          </li>
        ))}
      </ul>
      {everywhere && (
        <Act
          title={words.everywhere}
          effects={words.everywhereEffects(sessions.length)}
          perform={() => ask('DELETE', '/session/sessions')}
          done={() => {
            client.clear();
            location.assign('/console/');
          }}
          onClose={() => setEverywhere(false)}
          danger
        />
      )}
    </section>
  );
}

function Looks(): ReactNode {
  const { settings, theme } = useText();
  const { language, choose } = useLanguage();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <section className="card">
      <h2>{settings.account.looks}</h2>
      <div className="form">
        <Select
          size="sm"
          label={settings.account.language}
          allowDeselect={false}
          value={language}
          data={LANGUAGES.map((value) => ({ value, label: value === 'de' ? 'Deutsch' : 'English' }))}
          onChange={(next) => choose(next as Language)}
        />
        <div>
          <div className="label" id="colors">
            {theme.label}
          </div>
          <SegmentedControl
            size="xs"
            aria-labelledby="colors"
            value={colorScheme}
            onChange={(next) => setColorScheme(next as typeof colorScheme)}
            data={(['light', 'dark', 'auto'] as const).map((value) => ({ value, label: theme[value] }))}
          />
        </div>
      </div>
    </section>
  );
}
