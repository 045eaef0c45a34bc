import { Badge, Button, Checkbox, Menu, Stack, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import { ask } from '../api.ts';
import { Act } from '../parts/act.tsx';
import { Empty, Failed, Loading, When } from '../parts/parts.tsx';
import { usePerson } from '../session.tsx';
import { useText } from '../text/text.tsx';
import { rolesOfPeople, useRights } from './rights.ts';
import { type Secret, ShownOnce } from './shown.tsx';

/** Who has an account of this system: invited by a link, with roles, and kept out again. */

interface Person {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly createdAt: string;
  readonly signedInAt: string | null;
  readonly password: boolean;
  readonly passkeys: number;
  readonly sessions: number;
  readonly linkUntil: string | null;
  readonly disabledAt: string | null;
}
interface Link {
  readonly link: string;
  readonly until: string;
}
type Open =
  | { readonly act: 'invite' }
  | { readonly act: 'roles' | 'link' | 'sessions' | 'out'; readonly person: Person };

const PEOPLE = ['people'] as const;
const pathOf = ({ name }: Person, of = ''): string => `/people/${encodeURIComponent(name)}${of}`;

export function People(): ReactNode {
  const { settings } = useText();
  const client = useQueryClient();
  const people = useQuery({
    queryKey: PEOPLE,
    queryFn: async () => (await ask<{ items: Person[] }>('GET', '/people')).items,
  });
  const [open, setOpen] = useState<Open>();
  const [secret, setSecret] = useState<Secret>();
  const close = (): void => setOpen(undefined);
  const done = (): Promise<void> => client.invalidateQueries({ queryKey: PEOPLE });
  const showLink = ({ link, until }: Link, name: string): void =>
    setSecret({ title: settings.linkFor(name), help: settings.linkHelp(name), value: link, until });
  const words = settings.people;
  return (
    <section className="card">
      <div className="spread">
        <h2>{words.title}</h2>
        <Button size="xs" onClick={() => setOpen({ act: 'invite' })}>
          {words.invite}
        </Button>
      </div>
      <p className="dim lead">{words.lead}</p>
      {people.isPending ? (
        <Loading />
      ) : people.error ? (
        <Failed error={people.error} retry={() => void people.refetch()} />
      ) : people.data.length === 0 ? (
        <Empty title={words.none} help={words.noneHelp} />
      ) : (
        <Rows people={people.data} act={setOpen} />
      )}
      {open?.act === 'invite' && <Invite done={done} onClose={close} show={showLink} />}
      {open?.act === 'roles' && <ChangeRoles person={open.person} done={done} onClose={close} show={showLink} />}
      {open?.act === 'link' && (
        <Act
          title={words.link}
          effects={words.linkEffects(open.person.name)}
          perform={async () => showLink(await ask<Link>('POST', pathOf(open.person, '/link')), open.person.name)}
          done={done}
          onClose={close}
        />
      )}
      {open?.act === 'sessions' && (
        <Act
          title={words.sessions}
          effects={words.sessionsEffects(open.person.name, open.person.sessions)}
          perform={() => ask('DELETE', pathOf(open.person, '/sessions'))}
          done={done}
          onClose={close}
          danger
        />
      )}
      {open?.act === 'out' && (
        <Act
          title={words.out}
          effects={words.outEffects(open.person.name)}
          perform={() => ask('DELETE', pathOf(open.person))}
          done={done}
          onClose={close}
          danger
        />
      )}
      {secret && <ShownOnce secret={secret} onClose={() => setSecret(undefined)} />}
    </section>
  );
}

function Rows({ people, act }: { readonly people: readonly Person[]; readonly act: (open: Open) => void }): ReactNode {
  const { settings, roleNames } = useText();
  const { name: me, local } = usePerson();
  const words = settings.people;
  return (
    <div className="scroll-x">
      <table className="plain">
        <thead>
          <tr>
            <th>{words.name}</th>
            <th>{words.role}</th>
            <th>{words.state}</th>
            <th>{words.signedIn}</th>
            <th className="num">{words.open}</th>
            <th aria-label={words.actions} />
          </tr>
        </thead>
        <tbody>
          {people.map((person) => {
            const self = local && person.name === me;
            return (
              <tr key={person.name} className={person.disabledAt === null ? undefined : 'gone'}>
                <td>
                  <b>{person.name}</b>
                  {self && <span className="dim"> · {settings.you}</span>}
                </td>
                <td>
                  <span className="badges">
                    {person.scopes.map((scope) => (
                      <Badge key={scope} variant="light" tt="none" color={scope === 'admin' ? 'grape' : undefined}>
                        {roleNames[scope] ?? scope}
                      </Badge>
                    ))}
                  </span>
                </td>
                <td>
                  <State person={person} />
                </td>
                <td className="dim">{person.signedInAt === null ? words.never : <When at={person.signedInAt} />}</td>
                <td className="num">{person.sessions}</td>
                <td className="num">
                  <More person={person} self={self} act={act} />
                </td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function State({ person: { disabledAt, linkUntil, password, passkeys } }: { readonly person: Person }): ReactNode {
  const { settings } = useText();
  const words = settings.people;
  if (disabledAt !== null)
    return (
      <span className="dim">
        {words.isOut} · <When at={disabledAt} />
      </span>
    );
  if (!password && passkeys === 0)
    return linkUntil === null ? (
      <span className="dim">{words.linkEnded}</span>
    ) : (
      <span>
        {words.invited} <When at={linkUntil} />
      </span>
    );
  return (
    <span>
      {words.active}
      {passkeys > 0 && <span className="dim"> · {words.passkeys(passkeys)}</span>}
      {linkUntil !== null && <span className="dim"> · {words.linkOpen}</span>}
    </span>
  );
}

/** What can be done with one person; what cannot says why. */
function More({
  person,
  self,
  act,
}: {
  readonly person: Person;
  readonly self: boolean;
  readonly act: (open: Open) => void;
}): ReactNode {
  const { settings } = useText();
  const words = settings.people;
  const out = person.disabledAt !== null;
  const why = {
    roles: self ? words.notSelf : '',
    link: '',
    sessions: person.sessions === 0 ? words.noSessions : '',
    out: self ? words.notSelf : '',
  };
  if (out)
    return (
      <Button size="compact-xs" variant="default" onClick={() => act({ act: 'roles', person })}>
        {words.back}
      </Button>
    );
  return (
    <Menu position="bottom-end" width={260}>
      <Menu.Target>
        <Button size="compact-xs" variant="default" aria-label={words.actionsOf(person.name)}>
          {words.actions}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {(['roles', 'link', 'sessions', 'out'] as const).map((name) => (
          <Menu.Item
            key={name}
            data-action={name}
            color={name === 'out' ? 'red' : undefined}
            disabled={why[name] !== ''}
            onClick={() => act({ act: name, person })}
          >
            {words[name]}
            {why[name] !== '' && <span className="why"> {why[name]}</span>}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function RoleChoice({
  value,
  choose,
}: {
  readonly value: readonly string[];
  readonly choose: (roles: string[]) => void;
}): ReactNode {
  const { settings, roleNames, roleMeanings } = useText();
  const rights = useRights();
  if (!rights.data) return rights.error ? <Failed error={rights.error} /> : <Loading rows={4} />;
  const offered = rolesOfPeople(rights.data);
  // A permission that was given by itself, by a program, stays.
  const single = value.filter((scope) => !offered.some(({ name }) => name === scope));
  return (
    <Checkbox.Group label={settings.people.role} value={[...value]} onChange={choose} required>
      <Stack gap={8} mt={6}>
        {offered.map(({ name, meaning }) => (
          <Checkbox
            key={name}
            value={name}
            size="xs"
            label={roleNames[name] ?? name}
            description={roleMeanings[name] ?? meaning}
          />
        ))}
        {single.map((scope) => (
          <Checkbox key={scope} value={scope} size="xs" label={scope} />
        ))}
      </Stack>
    </Checkbox.Group>
  );
}

function Invite({
  done,
  onClose,
  show,
}: {
  readonly done: () => Promise<void>;
  readonly onClose: () => void;
  readonly show: (link: Link, name: string) => void;
}): ReactNode {
  const { settings } = useText();
  const words = settings.people;
  const [name, setName] = useState('');
  const [roles, setRoles] = useState<string[]>([]);
  const ready = name.trim() !== '' && roles.length > 0;
  return (
    <Act
      title={words.invite}
      effects={ready ? words.inviteEffects(name.trim()) : [words.inviteFirst]}
      perform={async () => show(await ask<Link>('POST', '/people', { name: name.trim(), roles }), name.trim())}
      done={done}
      onClose={onClose}
      ready={ready}
      confirm={words.invite}
    >
      <TextInput
        label={words.name}
        description={words.nameHelp}
        required
        maxLength={100}
        value={name}
        onChange={(event) => setName(event.currentTarget.value)}
        data-autofocus
        autoComplete="off"
      />
      <RoleChoice value={roles} choose={setRoles} />
    </Act>
  );
}

/** Other roles for somebody; who was kept out comes back with a new link. */
function ChangeRoles({
  person,
  done,
  onClose,
  show,
}: {
  readonly person: Person;
  readonly done: () => Promise<void>;
  readonly onClose: () => void;
  readonly show: (link: Link, name: string) => void;
}): ReactNode {
  const { settings, roleNames } = useText();
  const words = settings.people;
  const [roles, setRoles] = useState<string[]>([...person.scopes]);
  const out = person.disabledAt !== null;
  const changed = out || roles.toSorted().join() !== person.scopes.toSorted().join();
  const shown = roles.map((role) => roleNames[role] ?? role).join(', ');
  return (
    <Act
      title={out ? words.back : words.roles}
      effects={changed && roles.length > 0 ? words.rolesEffects(person.name, shown) : [words.rolesFirst]}
      perform={async () => {
        if (!out) return ask('PUT', pathOf(person, '/roles'), { roles });
        return show(await ask<Link>('POST', '/people', { name: person.name, roles }), person.name);
      }}
      done={done}
      onClose={onClose}
      ready={changed && roles.length > 0}
      danger={roles.includes('admin') && !person.scopes.includes('admin')}
    >
      <RoleChoice value={roles} choose={setRoles} />
    </Act>
  );
}
