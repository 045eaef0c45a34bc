import { Checkbox } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { Failed, Loading } from '../parts/parts.tsx';
import { usePerson } from '../session.tsx';
import { useText } from '../text/text.tsx';
import { useRights } from './rights.ts';

/** Which role may what, as the API refuses and the console shows it. */

export function Roles(): ReactNode {
  const { settings, roleNames, roleMeanings, permissionMeanings, common } = useText();
  const { roles: own, permissions: mine } = usePerson();
  const [onlyMine, setOnlyMine] = useState(false);
  const rights = useRights();
  if (rights.isPending) return <Loading rows={10} />;
  if (rights.error) return <Failed error={rights.error} retry={() => void rights.refetch()} />;
  const { roles, permissions } = rights.data;
  const shown = permissions.filter(({ name }) => !onlyMine || mine.includes(name));
  return (
    <div className="stack">
      <section className="card">
        <h2>{settings.roles.what}</h2>
        <dl className="facts">
          {roles.map(({ name, meaning }) => (
            <div key={name} className="fact">
              <dt>
                <b>{roleNames[name] ?? name}</b>
                {own.includes(name) && <span className="dim"> · {settings.you}</span>}
              </dt>
              <dd>{roleMeanings[name] ?? meaning}</dd>
            </div>
          ))}
        </dl>
      </section>
      <section className="card">
        <div className="spread">
          <h2>{settings.roles.table}</h2>
          <Checkbox
            size="xs"
            label={settings.roles.mine}
            checked={onlyMine}
            onChange={(event) => setOnlyMine(event.currentTarget.checked)}
          />
        </div>
        {/* Wider than small screens: who uses the keyboard scrolls it, too. */}
        {/* oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
        <div className="matrix-scroll" tabIndex={0} role="region" aria-label={settings.roles.table}>
          <table className="plain matrix">
            <thead>
              <tr>
                <th scope="col">{settings.roles.permission}</th>
                {roles.map(({ name }) => (
                  <th key={name} scope="col" data-own={own.includes(name) || undefined}>
                    {roleNames[name] ?? name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {shown.map(({ name, meaning }) => (
                <tr key={name}>
                  <th scope="row">
                    {permissionMeanings[name] ?? meaning}
                    <code>{name}</code>
                  </th>
                  {roles.map((role) => {
                    const has = role.permissions.includes(name);
                    return (
                      <td key={role.name} data-own={own.includes(role.name) || undefined}>
                        {has ? (
                          <span role="img" aria-label={common.yes}>
                            ✓
                          </span>
                        ) : (
                          <span role="img" aria-label={common.no} className="no">
                            ·
                          </span>
                        )}
                      </td>
                    );
                  })}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </section>
    </div>
  );
}
