import type { Answer, Api } from './api.ts';

/** A caller of `POST /graphql`. */

export interface GraphResult {
  readonly data: Readonly<Record<string, unknown>>;
  readonly errors?: readonly {
    readonly message: string;
    readonly path?: readonly (string | number)[];
    readonly extensions: { readonly code: string };
  }[];
  readonly extensions?: { readonly cost: { readonly requested: number; readonly max: number } };
}

type Variables = Readonly<Record<string, unknown>>;

export class Graph {
  readonly #api: Api;

  constructor(api: Api) {
    this.#api = api;
  }

  call(query: string, variables: Variables = {}): Promise<Answer<GraphResult>> {
    return this.#api.call('POST', '/graphql', {
      body: { query, variables },
      headers: { accept: 'application/graphql-response+json' },
    });
  }

  /** Asks for a document by its hash, and sends it along where it is given. */
  persisted(sha256Hash: string, query?: string): Promise<Answer<GraphResult>> {
    return this.#api.call('POST', '/graphql', {
      body: { ...(query !== undefined && { query }), extensions: { persistedQuery: { version: 1, sha256Hash } } },
      headers: { accept: 'application/graphql-response+json' },
    });
  }

  /** The result of what must go well. */
  async done(query: string, variables?: Variables): Promise<GraphResult> {
    const { status, body, text } = await this.call(query, variables);
    if (status !== 200 || body.errors) throw new Error(`GraphQL answered ${status}: ${text.slice(0, 2_000)}`);
    return body;
  }

  /** The code and message of the first error of what must not go well. */
  async refused(query: string, variables?: Variables): Promise<{ readonly code: string; readonly message: string }> {
    const { body, text } = await this.call(query, variables);
    const [error] = body.errors ?? [];
    if (!error) throw new Error(`GraphQL refused nothing: ${text.slice(0, 2_000)}`);
    return { code: error.extensions.code, message: error.message };
  }
}
