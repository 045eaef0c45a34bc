import { readFileSync } from 'node:fs';
import { type AnySchema, Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';

/**
 * Holds what the API answers against docs/api/openapi.json, which the routes' own schemas make: the status, the type
 * of content, the headers and the codes are documented, and the body has every field it must have and none that is
 * not written down. Every call that a test makes through {@link Api} is looked at, so the stories check it all.
 */

type Json = Readonly<Record<string, unknown>>;

interface Response {
  readonly $ref?: string;
  readonly headers?: Readonly<Record<string, { readonly $ref: string }>>;
  readonly content?: Readonly<Record<string, { readonly schema: Json }>>;
  /** Of a refusal: the codes it can have. */
  readonly 'x-codes'?: readonly string[];
}

export interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly summary: string;
  readonly security?: readonly unknown[];
  readonly parameters?: readonly { readonly in: string; readonly name: string; readonly required: boolean }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Json }>> };
  readonly responses: Readonly<Record<string, Response>>;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly schemas: Readonly<Record<string, Json>>;
    readonly responses: Readonly<Record<string, Response>>;
    readonly headers: Readonly<Record<string, { readonly required: boolean }>>;
  };
}

export interface DocumentedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: unknown;
  readonly text: string;
}

export const document = JSON.parse(
  readFileSync(new URL('../../docs/api/openapi.json', import.meta.url), 'utf8'),
) as Document;
const { components } = document;

/** What of a schema holds values and no schemas. */
const LITERAL = new Set(['enum', 'const', 'examples', 'required', 'pattern', 'description', 'title']);

/** A copy that lets no property pass that is not written down. */
function closed(schema: unknown, root = true): unknown {
  if (Array.isArray(schema)) return schema.map((entry) => closed(entry));
  if (typeof schema !== 'object' || schema === null) return schema;
  const out: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (LITERAL.has(key)) out[key] = value;
    else if (key === 'properties')
      out[key] = Object.fromEntries(Object.entries(value as Json).map(([name, entry]) => [name, closed(entry)]));
    else if (key === 'allOf') out[key] = (value as unknown[]).map((entry) => closed(entry, false));
    else out[key] = closed(value);
  }
  if ('allOf' in out) out['unevaluatedProperties'] = false;
  else if (root && 'properties' in out && !('additionalProperties' in out)) out['additionalProperties'] = false;
  return out;
}

const ajv = new Ajv2020({ strict: false, allErrors: true });
formats.default(ajv);
ajv.addFormat('text', true);
const ROOT = 'openapi';
ajv.addSchema({
  $id: ROOT,
  components: {
    schemas: Object.fromEntries(Object.entries(components.schemas).map(([name, schema]) => [name, closed(schema)])),
  },
} as AnySchema);

const validators = new Map<string, ValidateFunction>();

/** Checks values against a schema of the document. */
export function validatorOf(name: string, schema: Json): ValidateFunction {
  let validate = validators.get(name);
  if (!validate) {
    const absolute = JSON.stringify(closed(schema)).replaceAll('"#/components/', `"${ROOT}#/components/`);
    validate = ajv.compile(JSON.parse(absolute) as AnySchema);
    validators.set(name, validate);
  }
  return validate;
}

const templates = Object.keys(document.paths)
  .map((path) => ({
    path,
    pattern: new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`),
  }))
  // A path without parameters is meant before one with.
  .toSorted((a, b) => a.path.split('{').length - b.path.split('{').length);

/** The operation that a request asks for, with its name; undefined where there is none. */
export function operationOf(method: string, url: string): { name: string; operation: Operation } | undefined {
  const bare = url.split(/[?#]/)[0]!;
  const path = templates.find(
    (entry) => entry.pattern.test(bare) && document.paths[entry.path]![method.toLowerCase()],
  )?.path;
  return path === undefined
    ? undefined
    : { name: `${method} ${path}`, operation: document.paths[path]![method.toLowerCase()]! };
}

function headersOf(answer: DocumentedAnswer, response: Response): string[] {
  const names = Object.entries(response.headers ?? {});
  return names
    .filter(([, { $ref }]) => components.headers[$ref.split('/').at(-1)!]!.required)
    .map(([name]) => name)
    .filter((name) => answer.headers[name.toLowerCase()] === undefined)
    .map((name) => `has no ${name}`);
}

const PROBLEM = 'application/problem+json';
/** What Node answers by itself to what is no HTTP request. */
const NOT_HTTP = new Set([431, 505]);

function differences(method: string, url: string, answer: DocumentedAnswer): string[] {
  const media = String(answer.headers['content-type'] ?? '').split(';')[0]!;
  const found = operationOf(method, url);
  if (!found) {
    if (method === 'HEAD' || NOT_HTTP.has(answer.status)) return [];
    return media === PROBLEM ? [] : [`is no documented operation and was answered ${answer.status} ${media}`];
  }
  const { name, operation } = found;
  const named = operation.responses[answer.status];
  if (!named) return [`is documented without the status ${answer.status}`];
  const response = named.$ref === undefined ? named : components.responses[named.$ref.split('/').at(-1)!]!;
  const wrong = headersOf(answer, response);
  if (response.content === undefined)
    return answer.text === '' ? wrong : [...wrong, `is documented without content for ${answer.status}`];
  const content = response.content[media];
  if (!content)
    return [
      ...wrong,
      `is documented with ${Object.keys(response.content).join(', ')} for ${answer.status}, not ${media}`,
    ];
  if (!/json/.test(media)) return wrong;
  const codes = response['x-codes'];
  if (codes && answer.status >= 400)
    for (const code of codesOf(answer.body))
      if (!codes.includes(code)) wrong.push(`${answer.status} is documented without the code ${code}`);
  const { status } = (answer.body ?? {}) as { status?: number };
  if (media === PROBLEM && status !== answer.status)
    wrong.push(`${answer.status} says in its body that it is ${status}`);
  const validate = validatorOf(`${name} ${answer.status} ${media}`, content.schema);
  if (!validate(answer.body))
    for (const error of validate.errors ?? [])
      wrong.push(
        `${answer.status}: ${error.instancePath || 'the body'} ${error.message} ${JSON.stringify(error.params).slice(0, 200)}`,
      );
  return wrong;
}

/** What this test file was answered: statuses by operation, and every code. */
export const seen = { statuses: new Map<string, Set<number>>(), codes: new Set<string>() };

/** The code of a problem, or those of the errors of GraphQL; `undefined` as a text where there is none. */
function codesOf(body: unknown): readonly string[] {
  const { code, errors } = (body ?? {}) as { code?: unknown; errors?: readonly { extensions?: { code?: unknown } }[] };
  return code === undefined && errors ? errors.map(({ extensions }) => String(extensions?.code)) : [String(code)];
}

function note(method: string, url: string, { status, body }: DocumentedAnswer): void {
  const name = operationOf(method, url)?.operation.operationId;
  if (name !== undefined) seen.statuses.set(name, (seen.statuses.get(name) ?? new Set()).add(status));
  if (status >= 400) for (const code of codesOf(body)) seen.codes.add(code);
}

/** Throws where an answer is not as the document says. */
export function expectDocumented(method: string, url: string, answer: DocumentedAnswer): void {
  note(method, url, answer);
  const wrong = differences(method, url, answer);
  if (wrong.length > 0)
    throw new Error(
      `${method} ${url} is not as docs/api/openapi.json says (\`bin/olms docs\` writes it):\n${wrong.join('\n')}\n${answer.text.slice(0, 1_000)}`,
    );
}
