import { Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Failed, Loading } from '../parts/parts.tsx';
import { useMay } from '../session.tsx';

/** What the parts of the page of an order have in common. */

/** A table that scrolls by itself where the page is narrow, also from the keyboard. */
export function Table({ label, children }: { readonly label: string; readonly children: ReactNode }): ReactNode {
  return (
    <div className="scroll-x" tabIndex={0} role="group" aria-label={label}>
      <table className="plain">{children}</table>
    </div>
  );
}

/** A part that another service knows: it waits, fails and is empty by itself. */
export function Part<Item>({
  id,
  name,
  title,
  empty,
  permission,
  read,
  children,
}: {
  readonly id: string;
  readonly name: string;
  readonly title: string;
  readonly empty: string;
  readonly permission: string;
  readonly read: () => PromiseLike<{ readonly items: readonly Item[] }>;
  /** The rows of its table. */
  readonly children: (items: readonly Item[]) => ReactNode;
}): ReactNode {
  const may = useMay();
  const allowed = may(permission);
  const found = useQuery({ queryKey: ['order', id, name], queryFn: async () => await read(), enabled: allowed });
  if (!allowed) return null;
  return (
    <section className="card">
      <h2>{title}</h2>
      {found.isPending ? (
        <Loading rows={2} />
      ) : found.error ? (
        <Failed error={found.error} retry={() => void found.refetch()} />
      ) : found.data.items.length === 0 ? (
        <Text size="sm" className="dim">
          {empty}
        </Text>
      ) : (
        <Table label={title}>
          <tbody>{children(found.data.items)}</tbody>
        </Table>
      )}
    </section>
  );
}
