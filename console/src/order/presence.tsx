import { Tooltip } from '@mantine/core';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { ask } from '../api.ts';
import { useMay } from '../session.tsx';
import { useText } from '../text/text.tsx';

/** Who else has an order open, and what they are about to do. */

const EVERY_MS = 20_000;

export interface Other {
  readonly name: string;
  readonly doing?: string;
}

/** Says every twenty seconds that this order is open here, while the page can be seen; returns who else has it open. */
export function usePresence(orderId: string, doing: string | undefined): readonly Other[] {
  const allowed = useMay()('dashboard:read');
  const [others, setOthers] = useState<readonly Other[]>([]);
  const now = useRef(doing);
  const say = useRef<() => void>(() => {});
  useEffect(() => {
    if (!allowed) return undefined;
    let left = false;
    const path = `/presence/${orderId}`;
    say.current = () => {
      if (document.visibilityState === 'hidden') return;
      ask<{ others: Other[] }>('PUT', path, now.current === undefined ? {} : { doing: now.current })
        .then((answer) => left || setOthers(answer.others))
        // Whoever cannot be asked is not known to be there.
        .catch(() => left || setOthers([]));
    };
    say.current();
    const timer = setInterval(() => say.current(), EVERY_MS);
    const seen = (): void => say.current();
    document.addEventListener('visibilitychange', seen);
    return () => {
      left = true;
      clearInterval(timer);
      document.removeEventListener('visibilitychange', seen);
      setOthers([]);
      ask('DELETE', path).catch(() => {});
    };
  }, [orderId, allowed]);
  useEffect(() => {
    if (now.current === doing) return;
    now.current = doing;
    say.current();
  }, [doing]);
  return others;
}

export function Others({ others }: { readonly others: readonly Other[] }): ReactNode {
  const { acts, presence } = useText();
  const names = acts as unknown as Readonly<Record<string, string>>;
  const says = ({ name, doing }: Other): string =>
    doing === undefined ? presence.looks(name) : presence.acts(name, names[doing] ?? doing);
  return (
    <span className="others" role="status" aria-label={presence.others}>
      {others.map((other) => (
        <Tooltip key={other.name} label={says(other)}>
          <span className={other.doing === undefined ? 'other' : 'other acts'}>
            <span className="initials" aria-hidden="true">
              {initials(other.name)}
            </span>
            <span>{says(other)}</span>
          </span>
        </Tooltip>
      ))}
    </span>
  );
}

function initials(name: string): string {
  return name
    .split(/[\s._-]+/)
    .slice(0, 2)
    .map((part) => part.charAt(0).toUpperCase())
    .join('');
}
