import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { api } from '../api.ts';
import { useTimes } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';
import { Icon, type IconName } from '../shell/icons.tsx';
import { useText } from '../text/text.tsx';

/** What waits for a person anywhere: how much, since when, and the screen where it is resolved. The lines stay where they are. */

const REFRESH_MS = 15_000;
/** So many are counted; beyond that nobody needs to know how many. */
const COUNTED_MAX = 100;

type Item = Readonly<Record<string, unknown>>;
interface Group {
  readonly name: 'parked' | 'reviews' | 'inDoubt' | 'disputes' | 'messages' | 'short' | 'waitedFor';
  readonly icon: IconName;
  readonly permission: string;
  readonly path: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly to: '/parked' | '/reviews' | '/payments' | '/messages' | '/inventory';
  readonly search: Readonly<Record<string, string>>;
  /** When it began, where that is known. */
  readonly since?: (item: Item) => string | undefined;
}

/** An order id says when the order was placed. */
const placedAt = ({ orderId }: Item): string | undefined =>
  typeof orderId === 'string'
    ? new Date(Number.parseInt(orderId.replaceAll('-', '').slice(0, 12), 16)).toISOString()
    : undefined;

const GROUPS: readonly Group[] = [
  {
    name: 'parked',
    icon: 'parked',
    permission: 'parked:read',
    path: '/parked',
    parameters: {},
    to: '/parked',
    search: {},
    since: ({ parkedAt }) => parkedAt as string,
  },
  {
    name: 'reviews',
    icon: 'reviews',
    permission: 'reviews:read',
    path: '/reviews',
    parameters: { status: 'pending', sort: 'openedAt' },
    to: '/reviews',
    search: { status: 'pending' },
    since: ({ openedAt }) => openedAt as string,
  },
  {
    name: 'inDoubt',
    icon: 'payments',
    permission: 'payments:read',
    path: '/payments',
    parameters: { attention: 'in_doubt' },
    to: '/payments',
    search: { attention: 'in_doubt' },
    since: placedAt,
  },
  {
    name: 'disputes',
    icon: 'payments',
    permission: 'payments:read',
    path: '/payments',
    parameters: { attention: 'dispute' },
    to: '/payments',
    search: { attention: 'dispute' },
    since: placedAt,
  },
  {
    name: 'messages',
    icon: 'messages',
    permission: 'notifications:read',
    path: '/notifications',
    parameters: { status: 'failed' },
    to: '/messages',
    search: { status: 'failed' },
    since: ({ createdAt }) => createdAt as string,
  },
  {
    name: 'short',
    icon: 'inventory',
    permission: 'stock:read',
    path: '/stock',
    parameters: { short: 'true' },
    to: '/inventory',
    search: { short: 'true' },
  },
  {
    name: 'waitedFor',
    icon: 'inventory',
    permission: 'stock:read',
    path: '/stock',
    parameters: { waiting: 'true' },
    to: '/inventory',
    search: { waiting: 'true' },
  },
];

export function Attention(): ReactNode {
  const may = useMay();
  return (
    <ul className="attention">
      {GROUPS.filter(({ permission }) => may(permission)).map((group) => (
        <Line key={group.name} group={group} />
      ))}
    </ul>
  );
}

function Line({ group }: { readonly group: Group }): ReactNode {
  const { overview } = useText();
  const { age } = useTimes();
  const { name, icon, path, parameters, to, search, since } = group;
  const found = useQuery({
    queryKey: ['attention', name],
    queryFn: async ({ signal }) => {
      const request = { method: 'GET', path, parameters: { ...parameters, limit: COUNTED_MAX } };
      const { body } = await api.send(request, { signal });
      const { items, nextCursor } = body as { items: Item[]; nextCursor?: string | null };
      const times = items.flatMap((item) => since?.(item) ?? []).map((at) => Date.parse(at));
      return {
        count: items.length,
        more: typeof nextCursor === 'string',
        oldest: times.length > 0 ? Math.min(...times) : 0,
      };
    },
    refetchInterval: REFRESH_MS,
  });
  const { count = 0, more = false, oldest = 0 } = found.data ?? {};
  return (
    <li data-some={count > 0 || undefined}>
      <Link to={to} search={search as never}>
        <Icon name={icon} size={17} />
        <span>{overview.groups[name]}</span>
        <span className="dim">
          {found.error
            ? overview.unknown
            : count > 0 && oldest > 0
              ? overview.oldest(age((Date.now() - oldest) / 1_000))
              : ''}
        </span>
        <b>{found.data ? `${count}${more ? '+' : ''}` : found.error ? '?' : '…'}</b>
      </Link>
    </li>
  );
}
