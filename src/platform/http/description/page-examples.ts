import { escape, nameOf, type Schema } from './page-schema.ts';

/** Examples of a call, and a form to make it, for the page of the API. */

export interface Callable {
  readonly method: string;
  readonly path: string;
  readonly operationId?: string | undefined;
  readonly parameters: readonly ExampleParameter[];
  /** The schema of what is sent. */
  readonly body?: Schema | undefined;
  /** Media types of what it answers where it goes well. */
  readonly answers: readonly string[];
  /** Needs no key. */
  readonly open?: boolean;
}

export interface ExampleParameter {
  readonly in: string;
  readonly name: string;
  readonly required?: boolean;
  readonly schema?: Schema;
}

const DEPTH_MAX = 6;
const ID = '0192f0c1-2a3b-7c4d-8e5f-0123456789ab';
const FORMATS: Readonly<Record<string, string>> = {
  uuid: ID,
  'date-time': '2031-01-01T12:00:00Z',
  date: '2031-01-01',
  email: 'ada@example.com',
  uri: 'https://example.com',
};

/** A value that a schema says is an example, or one made of its required properties; undefined where nothing can be said. */
export function exampleOf(schema: Schema, named: Readonly<Record<string, Schema>>, depth = 0): unknown {
  const { examples } = schema as { examples?: readonly unknown[] };
  if (examples?.[0] !== undefined) return examples[0];
  if (schema['default'] !== undefined) return schema['default'];
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (depth > DEPTH_MAX) return undefined;
  const inside = (each: Schema): unknown => exampleOf(each, named, depth + 1);
  if (schema.$ref !== undefined) {
    const target = named[nameOf(schema)];
    return target && inside(target);
  }
  if (schema.type === 'object' || schema.properties) {
    const alternative = (schema.anyOf ?? schema.oneOf)?.[0]?.required ?? [];
    const wanted = new Set([...(schema.required ?? []), ...alternative]);
    const all = Object.entries(schema.properties ?? {});
    const properties = all.filter(([name]) => wanted.has(name));
    if (properties.length < Number(schema['minProperties'] ?? 0)) properties.push(all[0]!);
    return Object.fromEntries(properties.map(([name, property]) => [name, inside(property)]));
  }
  const choice = (schema.anyOf ?? schema.oneOf)?.[0];
  if (choice) return inside(choice);
  if (schema.type === 'array') return schema.items ? [inside(schema.items)] : [];
  if (schema.type === 'integer' || schema.type === 'number') return Number(schema['minimum'] ?? 1);
  if (schema.type === 'boolean') return true;
  if (schema.type !== 'string') return undefined;
  const pattern = typeof schema['pattern'] === 'string' ? schema['pattern'] : '';
  if (pattern.includes('[0-9a-f]{8}')) return ID;
  if (pattern.startsWith('^\\d{1,15}')) return '19.90';
  if (pattern.includes('A-Z') && schema['minLength'] === 3) return 'EUR';
  return FORMATS[String(schema['format'])] ?? 'text';
}

interface Filled {
  readonly path: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

function filled({ parameters, body }: Callable, named: Readonly<Record<string, Schema>>): Filled {
  const of = (place: string): Record<string, unknown> =>
    Object.fromEntries(
      parameters
        .filter((parameter) => parameter.in === place && (place === 'path' || parameter.required))
        .map(({ name, schema = {} }) => [name, exampleOf(schema, named)]),
    );
  return { path: of('path'), query: of('query'), body: body && exampleOf(body, named) };
}

const isKeyed = ({ parameters }: Callable): boolean => parameters.some(({ name }) => name === 'Idempotency-Key');

/** Path and query, as they are asked for. */
function pathOf(callable: Callable, { path, query }: Filled): string {
  let url = callable.path;
  for (const [name, value] of Object.entries(path)) url = url.replace(`{${name}}`, encodeURIComponent(String(value)));
  const asked = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
  return `${url}${asked.size > 0 ? `?${asked.toString()}` : ''}`;
}

function curlOf(callable: Callable, values: Filled): string {
  const { method, open = false } = callable;
  const { body } = values;
  const noWait = isEndless(callable) ? ' -N' : '';
  const lines = [
    `curl${noWait}${method === 'get' ? '' : ` -X ${method.toUpperCase()}`} "$URL${pathOf(callable, values)}"`,
    ...(open ? [] : ['-H "Authorization: Bearer $KEY"']),
    ...(isKeyed(callable) ? ['-H "Idempotency-Key: $(uuidgen)"'] : []),
    ...(body === undefined
      ? []
      : ["-H 'Content-Type: application/json'", `-d '${JSON.stringify(body, null, 2).replaceAll("'", `'\\''`)}'`]),
  ];
  return lines.join(' \\\n  ');
}

/** JSON as TypeScript writes it: names without quotes where they need none, text in single quotes. */
function literal(value: unknown, indent = ''): string {
  if (typeof value === 'string')
    return `'${JSON.stringify(value).slice(1, -1).replaceAll('\\"', '"').replaceAll("'", "\\'")}'`;
  if (typeof value !== 'object' || value === null) return String(value);
  const deeper = `${indent}  `;
  if (Array.isArray(value))
    return value.length === 0 ? '[]' : `[${value.map((each) => literal(each, indent)).join(', ')}]`;
  const entries = Object.entries(value);
  if (entries.length === 0) return '{}';
  const lines = entries.map(
    ([name, each]) => `${deeper}${IDENTIFIER.test(name) ? name : literal(name)}: ${literal(each, deeper)},`,
  );
  return `{\n${lines.join('\n')}\n${indent}}`;
}

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/;

/** What the client has no method for, because its answer may be a stream of events. */
const isStream = ({ answers }: Callable): boolean => answers.includes(EVENTS);
/** What answers without end, so that nothing can wait for it. */
const isEndless = ({ answers }: Callable): boolean => answers.every((media) => media === EVENTS) && answers.length > 0;
const EVENTS = 'text/event-stream';

function typescriptOf(callable: Callable, values: Filled): string {
  const { path, query, body } = values;
  if (isStream(callable)) {
    const headers = {
      ...(!callable.open && { authorization: BEARER }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    };
    const init = [
      ...(callable.method === 'get' ? [] : [`method: '${callable.method.toUpperCase()}',`]),
      `headers: ${literal(headers, '  ').replace(`'${BEARER}'`, `\`${BEARER}\``)},`,
      ...(body === undefined ? [] : [`body: JSON.stringify(${literal(body, '  ')}),`]),
    ];
    const reading = isEndless(callable)
      ? 'for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) console.log(chunk);'
      : 'const answer = await response.json();';
    return `const response = await fetch(\`\${url}${pathOf(callable, values)}\`, {\n  ${init.join('\n  ')}\n});\n${reading}`;
  }
  const parameters = { ...path, ...query };
  const given = [
    ...(Object.keys(parameters).length > 0 ? [literal(parameters)] : []),
    ...(body === undefined ? [] : [literal(body)]),
  ];
  return `import { OlmsClient } from 'olms-client';\n\nconst client = new OlmsClient({ url, key });\nconst answer = await client.${callable.operationId}(${given.join(', ')});`;
}

const BEARER = 'Bearer ${key}';

/** How a program calls it. */
export function examplesHtml(callable: Callable, named: Readonly<Record<string, Schema>>): string {
  const values = filled(callable, named);
  const shown = { curl: curlOf(callable, values), TypeScript: typescriptOf(callable, values) };
  return `<h4>Examples</h4>${Object.entries(shown)
    .map(
      ([name, text]) =>
        `<figure><figcaption>${name}<button type="button" class="copy">Copy</button></figcaption><pre><code>${escape(text)}</code></pre></figure>`,
    )
    .join('')}`;
}

/** A form that calls it on the system that serves the page. */
export function tryHtml(callable: Callable, named: Readonly<Record<string, Schema>>): string {
  if (isEndless(callable)) return '';
  const { method, path, parameters } = callable;
  const { path: inPath, query, body } = filled(callable, named);
  const fields = parameters.map(({ in: place, name, required = false }) => {
    const value = inPath[name] ?? query[name] ?? '';
    const hint = name === 'Idempotency-Key' ? ' placeholder="a fresh one"' : '';
    // An empty key is made when the call is sent.
    const needed = required && name !== 'Idempotency-Key' ? ' required' : '';
    const kept = required && name === 'Idempotency-Key' ? ' data-made="true"' : '';
    return `<label><code>${escape(name)}</code><input data-in="${place}" data-name="${escape(name)}" value="${escape(value)}"${hint}${needed}${kept} autocomplete="off" spellcheck="false"></label>`;
  });
  const text = body === undefined ? '' : JSON.stringify(body, null, 2);
  const sent = callable.body
    ? `<label class="whole"><code>Body</code><textarea rows="${Math.min(14, text.split('\n').length + 1)}" spellcheck="false">${escape(text)}</textarea></label>`
    : '';
  const label = method === 'get' ? 'Send' : 'Send for real';
  return `<details class="trial"><summary>Try it</summary><form class="try" data-method="${method}" data-path="${escape(path)}">${fields.join('')}${sent}<button>${label}</button><output></output></form></details>`;
}
