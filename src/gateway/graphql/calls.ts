import { GraphQLError } from 'graphql';
import type { InnerAnswer, InnerCall } from '#platform/http/inner-calls.ts';
import type { Operation } from './document.ts';

/** How a GraphQL operation calls the REST operations: one call for each, and one for all objects of a level where that can be. */

/** Values of an operation's parameters by name; several of a list. */
export type ParameterValues = Readonly<Record<string, Scalar | readonly Scalar[]>>;
type Scalar = string | number | boolean | null | undefined;

/** What a resolver works with; it belongs to one GraphQL operation, and so does everything that it remembers. */
export interface CallContext {
  readonly call: (call: InnerCall) => Promise<InnerAnswer>;
  /** Loaders by the name of what they load. */
  readonly loaders: Map<string, Loader<unknown>>;
}

/** The problem document of a refusal, as far as it is read here. */
export interface ProblemDocument {
  readonly code: string;
  readonly detail: string;
  readonly title?: string;
  readonly correlationId?: string;
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[];
  readonly orderStatus?: string;
  readonly allowedActions?: readonly string[];
}

const ARRAY_MAX = 200;
const PAGES_MAX = 100;
const SUCCESS_END = 300;

/** The call of an operation with these values; those that are not given are left out. */
export function callOf(operation: Operation, values: ParameterValues, body?: unknown): InnerCall {
  const query = new URLSearchParams();
  const headers: Record<string, string> = {};
  let url = operation.path;
  for (const { in: place, name } of operation.parameters) {
    const value = values[name];
    if (value === undefined || value === null) continue;
    if (place === 'path') url = url.replace(`{${name}}`, encodeURIComponent(String(value)));
    else if (place === 'header') headers[name.toLowerCase()] = String(value);
    else for (const one of [value].flat()) query.append(name, String(one));
  }
  if (query.size > 0) url += `?${query.toString()}`;
  return { method: operation.method, url, headers, ...(body !== undefined && { body }) };
}

/** What an operation answers. Throws what a caller gets as an error: of a refusal with its code. */
export async function read<Body>(context: CallContext, operation: Operation, values: ParameterValues): Promise<Body> {
  const { status, body } = await context.call(callOf(operation, values));
  if (status >= SUCCESS_END) throw errorOf(body as ProblemDocument);
  return body as Body;
}

/** A refusal as an error of GraphQL. */
export function errorOf({ code, detail, correlationId, errors }: ProblemDocument): GraphQLError {
  return new GraphQLError(detail, {
    extensions: { code, ...(correlationId !== undefined && { correlationId }), ...(errors && { errors }) },
  });
}

export interface RestPage {
  readonly items: readonly Readonly<Record<string, unknown>>[];
  readonly nextCursor: string | null;
}

/** Every entry of a list whose `parameter` is one of these keys, by key; with few pages, one call. */
export async function readByKey(
  context: CallContext,
  { operation, parameter, property }: KeyedList,
  keys: readonly string[],
): Promise<ReadonlyMap<string, readonly Readonly<Record<string, unknown>>[]>> {
  const found = new Map<string, Readonly<Record<string, unknown>>[]>();
  for (let from = 0; from < keys.length; from += ARRAY_MAX) {
    let cursor: string | null | undefined;
    for (let pages = 0; cursor !== null; pages++) {
      if (pages >= PAGES_MAX)
        throw errorOf({
          code: 'GRAPHQL_TOO_COMPLEX',
          detail: 'More belongs to these objects than can be read at once; ask for fewer.',
        });
      const values = { [parameter]: keys.slice(from, from + ARRAY_MAX), limit: ARRAY_MAX, cursor };
      const page: RestPage = await read<RestPage>(context, operation, values);
      for (const item of page.items) {
        const key = String(item[property]).toLowerCase();
        const of = found.get(key);
        if (of) of.push(item);
        else found.set(key, [item]);
      }
      cursor = page.nextCursor;
    }
  }
  return found;
}

/** A list that can be asked for the entries of several keys. */
export interface KeyedList {
  readonly operation: Operation;
  /** The parameter that takes the keys, and the property of an entry that holds its key. */
  readonly parameter: string;
  readonly property: string;
}

/**
 * Collects the keys that are asked for while one level of an answer is worked out, and loads them together; each once.
 */
export class Loader<Value> {
  readonly #load: (keys: readonly string[]) => Promise<(key: string) => Value>;
  readonly #asked = new Map<string, Promise<Value>>();
  #batch: { readonly keys: string[]; readonly loaded: Promise<(key: string) => Value> } | undefined;

  constructor(load: (keys: readonly string[]) => Promise<(key: string) => Value>) {
    this.#load = load;
  }

  get(key: string): Promise<Value> {
    let value = this.#asked.get(key);
    if (!value) {
      this.#batch ??= this.#begin();
      this.#batch.keys.push(key);
      value = this.#batch.loaded.then((of) => of(key));
      this.#asked.set(key, value);
    }
    return value;
  }

  #begin(): { keys: string[]; loaded: Promise<(key: string) => Value> } {
    const keys: string[] = [];
    const loaded = new Promise<(key: string) => Value>((resolve, reject) => {
      // After everything that follows from promises kept by now, which is all of a level.
      setImmediate(() => {
        this.#batch = undefined;
        this.#load(keys).then(resolve, reject);
      });
    });
    return { keys, loaded };
  }
}

/** The loader of a name, made when it is first asked for. */
export function loaderOf<Value>(
  { loaders }: CallContext,
  name: string,
  load: (keys: readonly string[]) => Promise<(key: string) => Value>,
): Loader<Value> {
  let loader = loaders.get(name) as Loader<Value> | undefined;
  if (!loader) loaders.set(name, (loader = new Loader(load)));
  return loader;
}
