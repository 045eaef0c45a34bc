import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import type { TestSystem } from './system.ts';

/** People who sign in to the console, as its pages send what they do, without a browser. */

export const PASSWORD = 'correct horse battery staple';

export interface Sent {
  readonly cookie?: string | undefined;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface SignedUp {
  readonly name: string;
  readonly cookie: string;
}

export interface People {
  /** As the page of the console sends it. */
  send(method: string, path: string, sent?: Sent): Promise<Response>;
  /** With the admin key, and to succeed. */
  manage<Answer>(method: string, path: string, body?: object): Promise<Answer>;
  /** Somebody new with these roles, and the secret of their link. */
  invite(roles: readonly string[], name?: string): Promise<{ name: string; link: string }>;
  /** Somebody new who has chosen {@link PASSWORD} and is in. */
  signedUp(roles: readonly string[]): Promise<SignedUp>;
  signIn(name: string, password: string): Promise<Response>;
}

export function usePeople(system: { readonly api: Pick<TestSystem['api'], 'url'>; readonly key: string }): People {
  const send: People['send'] = (method, path, { cookie, body, headers = {} } = {}) =>
    fetch(`${system.api.url}${path}`, {
      method,
      headers: {
        'x-olms-console': '1',
        origin: new URL(system.api.url).origin,
        ...(cookie !== undefined && { cookie }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      redirect: 'manual',
    });
  /** The console's own paths are no part of the published API, against which the client of the tests holds every answer. */
  const manage = async <Answer>(method: string, path: string, body?: object): Promise<Answer> => {
    const answer = await send(method, path, {
      ...(body && { body }),
      headers: { authorization: `Bearer ${system.key}` },
    });
    expect([path, answer.ok]).toEqual([path, true]);
    return (answer.status === 204 ? undefined : await answer.json()) as Answer;
  };
  const invite: People['invite'] = async (roles, name = `p-${randomUUID().slice(0, 8)}`) => {
    const { link } = await manage<{ link: string }>('POST', '/console/people', { name, roles });
    return { name, link: link.split('#')[1]! };
  };
  return {
    send,
    manage,
    invite,
    async signedUp(roles) {
      const { name, link } = await invite(roles);
      const answer = await send('PUT', '/console/session/links', { body: { link, password: PASSWORD } });
      expect(answer.status).toBe(204);
      return { name, cookie: cookieIn(answer) };
    },
    signIn: (name, password) => send('POST', '/console/session', { body: { name, password } }),
  };
}

export function cookieIn(answer: Response): string {
  return answer.headers.get('set-cookie')!.split(';')[0]!;
}

/** Status and code of an answer. */
export async function outcomeOf(answer: Response): Promise<[number, string?]> {
  const text = await answer.text();
  const code = text === '' ? undefined : (JSON.parse(text) as { code?: string }).code;
  return code === undefined ? [answer.status] : [answer.status, code];
}
