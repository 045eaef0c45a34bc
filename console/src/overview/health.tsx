import { Badge } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Failed, Loading, useTimes } from '../parts/parts.tsx';
import { useText } from '../text/text.tsx';

/** Every part of the system that readiness asks: whether it answers, and how far behind it is. */

const REFRESH_MS = 15_000;
/** Less is not worth a word. */
const LAG_MS = 1_000;

interface Check {
  readonly ok: boolean;
  readonly detail?: string;
  readonly lagMs?: number;
  readonly optional?: boolean;
}

export function Health(): ReactNode {
  const { overview } = useText();
  const { age } = useTimes();
  const health = useQuery({
    queryKey: ['health'],
    // It is answered 503, with what is wrong, while something is.
    queryFn: async () =>
      (await (await fetch('/health/readiness')).json()) as { readonly checks?: Readonly<Record<string, Check>> },
    refetchInterval: REFRESH_MS,
  });
  const checks = Object.entries(health.data?.checks ?? {});
  const bad = checks.filter(([, { ok }]) => !ok);
  return (
    <section className="card">
      <div className="group-head">
        <h2>{overview.health}</h2>
        {health.data && (
          <Badge color={bad.length === 0 ? 'green' : 'red'} variant="light" tt="none" size="lg">
            {bad.length === 0 ? overview.ok : overview.problems(bad.length)}
          </Badge>
        )}
      </div>
      {health.isPending && <Loading rows={2} />}
      {health.error && <Failed error={health.error} />}
      <ul className="parts">
        {checks.map(([name, { ok, detail, lagMs = 0 }]) => (
          <li key={name} data-bad={!ok || undefined} title={detail}>
            <i aria-hidden />
            <span>{name.replace(/^service /, '')}</span>
            <span className="dim">
              {ok
                ? lagMs >= LAG_MS
                  ? overview.behind(age(lagMs / 1_000))
                  : overview.current
                : (detail ?? overview.away)}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}
