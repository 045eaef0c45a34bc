import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Lru } from '#platform/runtime/lru.ts';
import { errorOf } from './calls.ts';

/**
 * Documents that are known by the SHA-256 of their text: those that callers sent once (automatic persisted queries), of
 * which the last ones are remembered, or a fixed list beside which nothing is executed.
 */

const REMEMBERED_MAX = 1_000;
/** What is longer is executed and not remembered. */
const TEXT_MAX = 16 * 1024;
const HASH = /^[0-9a-f]{64}$/;

export function hashOf(query: string): string {
  return createHash('sha256').update(query).digest('hex');
}

export interface Sent {
  readonly query?: string | undefined;
  readonly extensions?: Readonly<Record<string, unknown>> | null | undefined;
}

export class PersistedQueries {
  readonly #remembered = new Lru<string>(REMEMBERED_MAX);
  readonly #allowed: ReadonlyMap<string, string> | undefined;

  /** With `file`, a JSON object of documents by hash, only these are executed. Throws where it is not one. */
  constructor(file: string) {
    this.#allowed = file === '' ? undefined : allowedIn(file);
  }

  /** The document that a request means. Throws the error for the caller where that is not known or not allowed. */
  queryOf({ query, extensions }: Sent): string {
    const hash = sentHash(extensions);
    if (hash !== undefined && query !== undefined && query !== '' && hashOf(query) !== hash)
      throw errorOf({ code: 'GRAPHQL_INVALID', detail: 'sha256Hash is not the SHA-256 of the query.' });
    if (this.#allowed) return this.#allowedQuery(hash, query);
    if (query !== undefined && query !== '') return query;
    const known = hash === undefined ? undefined : this.#remembered.get(hash);
    if (known !== undefined) return known;
    throw hash === undefined
      ? errorOf({ code: 'GRAPHQL_INVALID', detail: 'Send a query, or the hash of one.' })
      : errorOf({ code: 'PERSISTED_QUERY_NOT_FOUND', detail: 'PersistedQueryNotFound' });
  }

  #allowedQuery(hash: string | undefined, query: string | undefined): string {
    const known = this.#allowed!.get(hash ?? (query === undefined ? '' : hashOf(query)));
    if (known !== undefined) return known;
    throw errorOf({
      code: 'PERSISTED_QUERY_REQUIRED',
      detail: 'Only documents of the list of this system are executed here; ask its operators to add yours.',
    });
  }

  /** Remembers a valid document, if its caller sent it with its hash. */
  remember({ query, extensions }: Sent): void {
    const hash = sentHash(extensions);
    if (hash !== undefined && query !== undefined && query !== '' && query.length <= TEXT_MAX && !this.#allowed)
      this.#remembered.set(hash, query);
  }
}

function sentHash(extensions: Sent['extensions']): string | undefined {
  const sent = extensions?.['persistedQuery'] as { readonly sha256Hash?: unknown } | undefined;
  if (typeof sent !== 'object' || sent === null) return undefined;
  const { sha256Hash: hash } = sent;
  if (typeof hash === 'string' && HASH.test(hash)) return hash;
  throw errorOf({ code: 'GRAPHQL_INVALID', detail: 'persistedQuery needs a sha256Hash of 64 hex digits.' });
}

function allowedIn(file: string): ReadonlyMap<string, string> {
  let documents: unknown;
  try {
    documents = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Error(`Configuration: GRAPHQL_ALLOWED_QUERIES: ${file} cannot be read as JSON`, { cause: error });
  }
  const entries = Object.entries((documents ?? {}) as Record<string, unknown>);
  const wrong = entries.find(([hash, query]) => typeof query !== 'string' || hashOf(query) !== hash);
  if (entries.length === 0 || wrong)
    throw new Error(
      `Configuration: GRAPHQL_ALLOWED_QUERIES: ${file} must hold documents by their SHA-256; ${wrong ? `${wrong[0].slice(0, 80)} is not that of its document` : 'it has none'}`,
    );
  return new Map(entries as [string, string][]);
}
