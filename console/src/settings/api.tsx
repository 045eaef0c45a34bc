import type { ReactNode } from 'react';
import { useText } from '../text/text.tsx';

/** Where whoever writes a program tries the API. */

const LINKS = [
  { href: '/docs', name: 'playground' },
  { href: '/schema.graphql', name: 'graphql' },
  { href: '/openapi.json', name: 'openapi' },
  { href: '/asyncapi.json', name: 'asyncapi' },
  { href: '/docs/errors', name: 'errors' },
] as const;

export function ApiLinks(): ReactNode {
  const { settings } = useText();
  return (
    <section className="card">
      <h2>{settings.parts.api}</h2>
      <p className="dim">{settings.api.lead(location.origin)}</p>
      <dl className="facts links">
        {LINKS.map(({ href, name }) => (
          <div key={href}>
            <dt>
              <a href={href} target="_blank" rel="noreferrer">
                {settings.api[name]}
              </a>
            </dt>
            <dd className="dim">{settings.api[`${name}Help`]}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
