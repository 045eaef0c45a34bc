import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { AuditEntry } from '#client';
import { OrderLink, OrderNumber } from '../parts/order-name.tsx';
import { useText } from '../text/text.tsx';

/** What an entry is about, and what was done, in words. */

export function useActionName(): (action: string) => string {
  const { audit } = useText();
  return (action) =>
    audit.actions[action] ?? action.replaceAll(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

export function Thing({ entry }: { readonly entry: AuditEntry }): ReactNode {
  return entry.orderId === undefined ? <span>{entry.subject}</span> : <OrderNumber id={entry.orderId} />;
}

/** The page of what an entry is about, where there is one. */
export function ThingLink({ entry }: { readonly entry: AuditEntry }): ReactNode {
  const { action, subject, orderId } = entry;
  if (orderId !== undefined) return <OrderLink id={orderId} />;
  const kind = action.split('.')[0]!;
  if (kind === 'stock' || kind === 'product')
    return (
      <Link to="/inventory/$sku" params={{ sku: subject }}>
        {subject}
      </Link>
    );
  if (kind === 'notification')
    return (
      <Link to="/messages" search={{ open: subject }}>
        {subject}
      </Link>
    );
  const part = PARTS[kind];
  if (part === undefined) return subject;
  return (
    <Link to="/settings/$part" params={{ part }}>
      {subject}
    </Link>
  );
}

const PARTS: Readonly<Record<string, string>> = { api_key: 'keys', person: 'people' };
