import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';

/** The places of the warehouse: what is to be sent, sending it, and what comes back. */

const PLACES = [
  { to: '/warehouse', name: 'work', permission: 'shipments:read' },
  { to: '/warehouse/dispatch', name: 'dispatch', permission: 'shipments:move' },
  { to: '/warehouse/returns', name: 'returns', permission: 'returns:receive' },
] as const;

export function Tabs(): ReactNode {
  const { warehouse } = useText();
  const may = useMay();
  return (
    <nav className="tabs" aria-label={warehouse.title}>
      {PLACES.filter(({ permission }) => may(permission)).map(({ to, name }) => (
        <Link key={to} to={to} activeOptions={{ exact: true, includeSearch: false }} className="tab">
          {warehouse.tab[name]}
        </Link>
      ))}
    </nav>
  );
}
