import { Badge, Button, Checkbox, MultiSelect, Select, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { ApiKey } from '#client';
import { api } from '../api.ts';
import { Act, type Once } from '../parts/act.tsx';
import { Empty, Failed, Loading, When } from '../parts/parts.tsx';
import { useText } from '../text/text.tsx';
import { type Rights, rolesOfPeople, useRights } from './rights.ts';
import { type Secret, ShownOnce } from './shown.tsx';

/** Keys of programs: made with what they may, shown once, changed for another, taken away. */

const KEYS = ['api-keys'] as const;
const SCOPED = 'scoped';
/** How much longer the secret of before may be good, in seconds. */
const OVERLAPS_S = [0, 3_600, 86_400, 604_800] as const;
type Open = { readonly act: 'create' } | { readonly act: 'rotate' | 'revoke'; readonly key: ApiKey };

export function Keys(): ReactNode {
  const { settings } = useText();
  const words = settings.keys;
  const client = useQueryClient();
  const [gone, setGone] = useState(false);
  const [open, setOpen] = useState<Open>();
  const [secret, setSecret] = useState<Secret>();
  const keys = useQuery({ queryKey: KEYS, queryFn: async () => (await api.listApiKeys()).items });
  const close = (): void => setOpen(undefined);
  const done = (): Promise<void> => client.invalidateQueries({ queryKey: KEYS });
  const show = (key: string, name: string): void =>
    setSecret({ title: words.keyOf(name), help: words.keyHelp, value: key });
  const shown = keys.data?.filter((key) => gone || inForce(key)) ?? [];
  return (
    <section className="card">
      <div className="spread">
        <h2>{words.title}</h2>
        <span className="bar">
          <Checkbox
            size="xs"
            label={words.showGone}
            checked={gone}
            onChange={(event) => setGone(event.currentTarget.checked)}
          />
          <Button size="xs" onClick={() => setOpen({ act: 'create' })}>
            {words.create}
          </Button>
        </span>
      </div>
      <p className="dim lead">{words.lead}</p>
      {keys.isPending ? (
        <Loading />
      ) : keys.error ? (
        <Failed error={keys.error} retry={() => void keys.refetch()} />
      ) : shown.length === 0 ? (
        <Empty title={words.none} help={words.noneHelp} />
      ) : (
        <Rows keys={shown} act={setOpen} />
      )}
      {open?.act === 'create' && <Create done={done} onClose={close} show={show} />}
      {open?.act === 'rotate' && <Rotate of={open.key} done={done} onClose={close} show={show} />}
      {open?.act === 'revoke' && (
        <Act
          title={words.revoke}
          effects={words.revokeEffects(open.key.name)}
          perform={(once: Once) => api.revokeApiKey({ name: open.key.name }, once)}
          done={done}
          onClose={close}
          danger
        />
      )}
      {secret && <ShownOnce secret={secret} onClose={() => setSecret(undefined)} />}
    </section>
  );
}

function inForce({ revokedAt, expiresAt }: ApiKey): boolean {
  return revokedAt === null && (expiresAt === undefined || Date.parse(expiresAt) > Date.now());
}

function Rows({ keys, act }: { readonly keys: readonly ApiKey[]; readonly act: (open: Open) => void }): ReactNode {
  const { settings, roleNames } = useText();
  const words = settings.keys;
  return (
    <div className="scroll-x">
      <table className="plain">
        <thead>
          <tr>
            <th>{words.name}</th>
            <th>{words.begins}</th>
            <th>{words.may}</th>
            <th>{words.used}</th>
            <th>{words.ends}</th>
            <th aria-label={settings.people.actions} />
          </tr>
        </thead>
        <tbody>
          {keys.map((key) => (
            <tr key={key.name} className={inForce(key) ? undefined : 'gone'}>
              <td>
                <b>{key.name}</b>
                {key.client !== key.name && <div className="dim">{words.of(key.client)}</div>}
                {key.customer !== undefined && <div className="dim">{words.customerOf(key.customer)}</div>}
              </td>
              <td>
                <code>{key.prefix === undefined ? '' : `${key.prefix}…`}</code>
              </td>
              <td>
                <span className="badges">
                  {(key.scopes ?? [key.role]).map((scope) => (
                    <Badge key={scope} variant="light" tt="none" color={scope === 'admin' ? 'grape' : undefined}>
                      {roleNames[scope] ?? scope}
                    </Badge>
                  ))}
                </span>
              </td>
              <td className="dim">{key.lastUsedAt === undefined ? words.never : <When at={key.lastUsedAt} />}</td>
              <td>
                <Ends of={key} />
              </td>
              <td className="num">
                {key.revokedAt === null && (
                  <span className="bar tight">
                    <Button
                      size="compact-xs"
                      variant="default"
                      data-action="rotate"
                      aria-label={words.rotateOne(key.name)}
                      onClick={() => act({ act: 'rotate', key })}
                    >
                      {words.rotate}
                    </Button>
                    <Button
                      size="compact-xs"
                      variant="light"
                      color="red"
                      data-action="revoke"
                      aria-label={words.revokeOne(key.name)}
                      onClick={() => act({ act: 'revoke', key })}
                    >
                      {words.revoke}
                    </Button>
                  </span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Ends({ of: { revokedAt, expiresAt, previousUntil } }: { readonly of: ApiKey }): ReactNode {
  const { settings } = useText();
  const words = settings.keys;
  if (revokedAt !== null)
    return (
      <span className="dim">
        {words.revoked} <When at={revokedAt} />
      </span>
    );
  return (
    <>
      {expiresAt === undefined ? <span className="dim">{words.noEnd}</span> : <When at={expiresAt} />}
      {previousUntil !== undefined && Date.parse(previousUntil) > Date.now() && (
        <div className="dim">
          {words.previous} <When at={previousUntil} />
        </div>
      )}
    </>
  );
}

interface Making {
  readonly done: () => Promise<void>;
  readonly onClose: () => void;
  readonly show: (key: string, name: string) => void;
}

/** End of the day that was chosen, where whoever chose it is. */
function endOf(day: string): string | undefined {
  return day === '' ? undefined : new Date(`${day}T23:59:59`).toISOString();
}

function Create({ done, onClose, show }: Making): ReactNode {
  const { settings, roleNames } = useText();
  const words = settings.keys;
  const rights = useRights();
  const [name, setName] = useState('');
  const [role, setRole] = useState('reader');
  const [scopes, setScopes] = useState<string[]>([]);
  const [customer, setCustomer] = useState('');
  const [day, setDay] = useState('');
  const ready =
    /^[\w.-]+$/.test(name) && (role !== SCOPED || scopes.length > 0) && (role !== 'customer' || customer.trim() !== '');
  const expiresAt = endOf(day);
  return (
    <Act
      title={words.create}
      effects={ready ? words.createEffects(name) : [words.createFirst]}
      perform={async (once) => {
        const { key } = await api.createApiKey(
          {
            name,
            ...(role === SCOPED ? { scopes: scopes as never } : { role: role as never }),
            ...(role === 'customer' && { customer: customer.trim() }),
            ...(expiresAt !== undefined && { expiresAt }),
          },
          once,
        );
        show(key, name);
      }}
      done={done}
      onClose={onClose}
      ready={ready}
      confirm={words.create}
    >
      <TextInput
        label={words.name}
        description={words.nameHelp}
        required
        maxLength={50}
        value={name}
        error={name !== '' && !/^[\w.-]+$/.test(name) ? words.nameHelp : undefined}
        onChange={(event) => setName(event.currentTarget.value)}
        data-autofocus
        autoComplete="off"
      />
      <Select
        label={words.may}
        allowDeselect={false}
        value={role}
        data={[
          ...(rights.data?.roles ?? []).map((each) => ({ value: each.name, label: roleNames[each.name] ?? each.name })),
          { value: SCOPED, label: words.scoped },
        ]}
        onChange={(next) => setRole(next ?? 'reader')}
      />
      {role === SCOPED && rights.data && <Scopes rights={rights.data} value={scopes} choose={setScopes} />}
      {role === 'customer' && (
        <TextInput
          label={words.customer}
          required
          maxLength={100}
          value={customer}
          onChange={(event) => setCustomer(event.currentTarget.value)}
        />
      )}
      <TextInput
        type="date"
        label={words.ends}
        description={words.endsHelp}
        min={new Date().toISOString().slice(0, 10)}
        value={day}
        onChange={(event) => setDay(event.currentTarget.value)}
      />
    </Act>
  );
}

function Scopes({
  rights,
  value,
  choose,
}: {
  readonly rights: Rights;
  readonly value: string[];
  readonly choose: (scopes: string[]) => void;
}): ReactNode {
  const { settings, roleNames, permissionMeanings } = useText();
  const words = settings.keys;
  return (
    <MultiSelect
      label={words.scopes}
      required
      searchable
      clearable
      maxDropdownHeight={220}
      value={value}
      onChange={choose}
      data={[
        {
          group: settings.people.role,
          items: rolesOfPeople(rights).map(({ name }) => ({ value: name, label: roleNames[name] ?? name })),
        },
        {
          group: settings.roles.permission,
          items: rights.permissions.map(({ name, meaning }) => ({
            value: name,
            label: permissionMeanings[name] ?? meaning,
          })),
        },
      ]}
    />
  );
}

function Rotate({ of, done, onClose, show }: Making & { readonly of: ApiKey }): ReactNode {
  const { settings } = useText();
  const words = settings.keys;
  const [overlap, setOverlap] = useState<(typeof OVERLAPS_S)[number]>(86_400);
  const [day, setDay] = useState('');
  const ended = of.expiresAt !== undefined && Date.parse(of.expiresAt) <= Date.now();
  const expiresAt = endOf(day);
  return (
    <Act
      title={words.rotate}
      effects={words.rotateEffects(of.name, words.overlaps[overlap])}
      perform={async (once) => {
        const { key } = await api.rotateApiKey(
          { name: of.name },
          { overlapSeconds: overlap, ...(expiresAt !== undefined && { expiresAt }) },
          once,
        );
        show(key, of.name);
      }}
      done={done}
      onClose={onClose}
      ready={!ended || expiresAt !== undefined}
      danger={overlap === 0}
    >
      <Select
        label={words.overlap}
        allowDeselect={false}
        value={String(overlap)}
        data={OVERLAPS_S.map((seconds) => ({ value: String(seconds), label: words.overlaps[seconds] }))}
        onChange={(next) => setOverlap(Number(next) as typeof overlap)}
      />
      {ended && (
        <TextInput
          type="date"
          label={words.ends}
          required
          min={new Date().toISOString().slice(0, 10)}
          value={day}
          onChange={(event) => setDay(event.currentTarget.value)}
        />
      )}
    </Act>
  );
}
