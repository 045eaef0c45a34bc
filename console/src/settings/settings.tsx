import { Link, useParams } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';
import { Account } from './account.tsx';
import { ApiLinks } from './api.tsx';
import { Keys } from './keys.tsx';
import { People } from './people.tsx';
import { Roles } from './roles.tsx';

/** Settings: one's own account, and for who manages access the people, their roles, and the keys of programs. */

const PARTS = [
  { part: 'account', permission: 'me:read', shows: Account },
  { part: 'people', permission: 'keys:manage', shows: People },
  { part: 'keys', permission: 'keys:manage', shows: Keys },
  { part: 'roles', permission: 'me:read', shows: Roles },
  { part: 'api', permission: 'me:read', shows: ApiLinks },
] as const;

export function Settings(): ReactNode {
  const { part = 'account' } = useParams({ strict: false }) as { readonly part?: string };
  const { settings, common } = useText();
  const may = useMay();
  const mine = PARTS.filter(({ permission }) => may(permission));
  const Part = mine.find((each) => each.part === part)?.shows;
  return (
    <div className="page settings">
      <div className="page-head">
        <h1>{settings.title}</h1>
      </div>
      <nav className="parts" aria-label={settings.title}>
        {mine.map((each) => (
          <Link
            key={each.part}
            to="/settings/$part"
            params={{ part: each.part }}
            className="part"
            aria-current={each.part === part ? 'page' : undefined}
          >
            {settings.parts[each.part]}
          </Link>
        ))}
      </nav>
      {Part ? <Part /> : <p>{PARTS.some((each) => each.part === part) ? common.notAllowed : common.notFound}</p>}
    </div>
  );
}
