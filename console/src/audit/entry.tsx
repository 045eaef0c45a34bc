import { Badge, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { AuditEntry } from '#client';
import { api } from '../api.ts';
import type { BesideContext } from '../list/beside.tsx';
import { Fact, Facts } from '../parts/facts.tsx';
import { Empty, Failed, Loading, useTimes, When } from '../parts/parts.tsx';
import { useText } from '../text/text.tsx';
import { idOf } from './audit.tsx';
import { ThingLink, useActionName } from './names.tsx';

/** One entry: who did it, to what, why, and what changed from what to what. */

const READ_MAX = 200;

export function EntryDetail({ id, row }: BesideContext<AuditEntry>): ReactNode {
  const { audit } = useText();
  const found = useQuery({
    queryKey: ['audit-entry', id],
    queryFn: async () => {
      const atMs = Date.parse(id.split('~')[0]!);
      if (Number.isNaN(atMs)) return null;
      const [from, to] = [new Date(atMs).toISOString(), new Date(atMs + 1).toISOString()];
      const { items } = await api.listAudit({ from, to, limit: READ_MAX });
      return items.find((entry) => idOf(entry) === id) ?? null;
    },
    enabled: row === undefined,
    staleTime: Number.POSITIVE_INFINITY,
  });
  const entry = row ?? found.data;
  if (entry) return <Shown entry={entry} />;
  if (found.error) return <Failed error={found.error} retry={() => void found.refetch()} />;
  return found.isPending ? <Loading rows={6} /> : <Empty title={audit.notFound} help={audit.kept} />;
}

function Shown({ entry }: { readonly entry: AuditEntry }): ReactNode {
  const { audit } = useText();
  const { exact } = useTimes();
  const actionName = useActionName();
  const { actor, actorKind, action, at, reason, correlationId } = entry;
  return (
    <div className="stack">
      <header className="bar">
        <h2 className="beside-title">{actionName(action)}</h2>
        <Badge variant="light" color="gray" tt="none" radius="sm">
          {action}
        </Badge>
      </header>
      <section className="card">
        <Facts>
          <Fact name={audit.actor}>
            {actor} <span className="dim">({audit.kinds[actorKind]})</span>
          </Fact>
          <Fact name={audit.thing}>
            <ThingLink entry={entry} />
          </Fact>
          <Fact name={audit.when}>
            {exact(at)}{' '}
            <span className="dim">
              <When at={at} />
            </span>
          </Fact>
          {reason !== undefined && <Fact name={audit.why}>{reason}</Fact>}
          <Fact name={audit.call}>
            <code>{correlationId}</code>
          </Fact>
        </Facts>
      </section>
      <Changes before={entry.before} after={entry.after} />
    </div>
  );
}

type Fields = Readonly<Record<string, unknown>>;
const fieldsOf = (value: unknown): Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
const shown = (value: unknown): string =>
  value === undefined || value === null ? '' : typeof value === 'string' ? value : JSON.stringify(value, null, 1);

function Changes({ before, after }: { readonly before: unknown; readonly after: unknown }): ReactNode {
  const { audit } = useText();
  const [was, is] = [fieldsOf(before), fieldsOf(after)];
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])].filter(
    (name) => JSON.stringify(was[name]) !== JSON.stringify(is[name]),
  );
  return (
    <section className="card">
      <h3>{audit.changes}</h3>
      {names.length === 0 ? (
        <Text size="sm" className="dim">
          {audit.noChanges}
        </Text>
      ) : (
        <div className="scroll-x" tabIndex={0} role="group" aria-label={audit.changes}>
          <table className="plain changes">
            <thead>
              <tr>
                <th>{audit.field}</th>
                <th>{audit.before}</th>
                <th>{audit.after}</th>
              </tr>
            </thead>
            <tbody>
              {names.map((name) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td className="was">{shown(was[name])}</td>
                  <td>{shown(is[name])}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
