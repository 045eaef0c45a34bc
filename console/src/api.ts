import { OlmsClient } from '#client';

/** The API as the console calls it: with the session of the browser, and a header that other sites cannot send. */

const HEADERS = { 'x-olms-console': '1' } as const;
const ended = new Set<() => void>();

/** Calls back when an answer says that nobody is signed in any more; returns what stops that. */
export function whenSignedOut(listener: () => void): () => void {
  ended.add(listener);
  return () => ended.delete(listener);
}

async function send(url: string, init: RequestInit): Promise<Response> {
  const answer = await fetch(url, {
    ...init,
    credentials: 'same-origin',
    headers: { ...(init.headers as Record<string, string>), ...HEADERS },
  });
  if (answer.status === 401) for (const listener of ended) listener();
  return answer;
}

export const api = new OlmsClient({
  url: location.origin,
  patienceMs: 8_000,
  timeoutMs: 30_000,
  fetch: (url, init) => send(url, init as RequestInit),
});

/** What the console's own paths answer. Throws a `Problem`, as calls of the API do. */
export async function ask<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
  const answer = await api.send({ method, path: `/console${path}`, body }, { patienceMs: 0 });
  return answer.body as Answer;
}

export interface Session {
  readonly person?: {
    readonly name: string;
    readonly roles: readonly string[];
    readonly permissions: readonly string[];
    readonly endsAt?: string;
    /** Whether they have an account of this system, with a password and passkeys. */
    readonly local: boolean;
    /** Where traces are looked at, with `{traceId}` in it. */
    readonly traceUrl?: string;
  };
  readonly methods: { readonly password: boolean; readonly issuer: boolean; readonly passkey: boolean };
}

/** Follows live events: calls back with the type and order of each. Goes on where it was after a break; returns what ends it. */
export function follow(query: string, onEvent: (type: string, orderId: string) => void): () => void {
  const ending = new AbortController();
  void (async () => {
    let last = '';
    for (let failures = 0; !ending.signal.aborted; failures++) {
      try {
        const answer = await fetch(`/stream${query}`, {
          credentials: 'same-origin',
          signal: ending.signal,
          headers: { ...HEADERS, ...(last !== '' && { 'last-event-id': last }) },
        });
        if (answer.ok && answer.body) {
          failures = 0;
          for await (const message of messages(answer.body)) {
            last = message.id || last;
            if (message.event !== '')
              onEvent(message.event, /"subject":"([0-9a-f-]{36})"/.exec(message.data)?.[1] ?? '');
          }
        } else if (answer.status === 401 || answer.status === 403) return;
      } catch {
        // Tried again below, a little later each time.
      }
      await new Promise((resolve) => setTimeout(resolve, Math.min(1_000 * 2 ** failures, 30_000)));
    }
  })();
  return () => ending.abort();
}

interface Message {
  id: string;
  event: string;
  data: string;
}

async function* messages(body: ReadableStream<Uint8Array>): AsyncGenerator<Message> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let text = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const parts = text.split('\n\n');
    text = parts.pop() ?? '';
    for (const part of parts) {
      const message: Message = { id: '', event: '', data: '' };
      for (const line of part.split('\n')) {
        const at = line.indexOf(':');
        const field = line.slice(0, at);
        if (field === 'id' || field === 'event' || field === 'data') message[field] += line.slice(at + 1).trimStart();
      }
      yield message;
    }
  }
}
