import { createHash } from 'node:crypto';
import { CloudEvent, schemaUri } from '#contracts/envelope.ts';
import { ERRORS, type ErrorCode } from '#contracts/errors.ts';
import { type EventType, ORDER_EVENTS, SOURCES } from '#contracts/order-events.ts';

/**
 * What is published about the API: pages for people, made from the OpenAPI document and the error table, and
 * the AsyncAPI document and event schemas for programs. A page is one HTML file that loads nothing, from
 * nowhere; its policy lets a browser see to that.
 */

type Json = Record<string, unknown>;

// For programs ---------------------------------------------------------------------------------------------

/** Plain JSON of a schema value, without what the schema library keeps beside it. */
function plain(value: unknown): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}

export const EVENT_TYPES = Object.keys(ORDER_EVENTS) as EventType[];

export function isEventType(type: string): type is EventType {
  return Object.hasOwn(ORDER_EVENTS, type);
}

/** The published JSON Schema of an event's data, at the address its `dataschema` attribute names. */
export function eventSchema(type: EventType): Json {
  const { source, meaning, data, example } = ORDER_EVENTS[type];
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: schemaUri(type),
    title: type,
    description: meaning,
    'x-source': source,
    ...plain(data),
    examples: [example],
  };
}

const EXAMPLE_ID = '0192f0c1-2a3b-7c4d-8e5f-0123456789ab';
const EXAMPLE_EVENT_ID = '0192f0c1-2a3b-7d01-9c2e-89abcdef0123';
const EXAMPLE_TIME = '2026-11-22T12:00:00.000Z';
const JSON_TYPE = 'application/json';
const TOPIC = 'order-events';

/** The headers of the CloudEvents Kafka binding in binary mode: each attribute of the envelope as text. */
function cloudEventHeaders(): Json {
  const { data: _data, datacontenttype: _type, ...attributes } = plain(CloudEvent.properties) as Record<string, Json>;
  const text = ({ description, format, const: only }: Json): Json => ({
    type: 'string',
    ...(description !== undefined && { description }),
    ...(format !== undefined && { format }),
    ...(only !== undefined && { const: only }),
  });
  const headers = Object.fromEntries(Object.entries(attributes).map(([name, schema]) => [`ce_${name}`, text(schema)]));
  headers['ce_sequence'] = {
    type: 'string',
    pattern: '^[1-9][0-9]*$',
    description: '1, 2, 3 … without gaps for one source and one order; with both it recognizes a duplicate',
  };
  return {
    type: 'object',
    description: 'CloudEvents 1.0, Kafka binding, binary mode. A consumer can skip a type without parsing the value.',
    properties: { ...headers, 'content-type': { type: 'string', const: JSON_TYPE } },
    required: [...Object.keys(headers).filter((name) => name !== 'ce_traceparent'), 'content-type'],
  };
}

function message(type: EventType): Json {
  const { source, meaning, data, example } = ORDER_EVENTS[type];
  const dataschema = schemaUri(type);
  return {
    name: type,
    title: type,
    summary: meaning,
    contentType: JSON_TYPE,
    correlationId: { location: '$message.header#/ce_correlationid' },
    headers: {
      allOf: [
        { $ref: '#/components/schemas/CloudEventHeaders' },
        {
          type: 'object',
          properties: { ce_type: { const: type }, ce_source: { const: source }, ce_dataschema: { const: dataschema } },
        },
      ],
    },
    payload: plain(data),
    bindings: { kafka: { key: { type: 'string', format: 'uuid', description: 'The order id' } } },
    examples: [
      {
        name: type,
        headers: {
          ce_specversion: '1.0',
          ce_id: EXAMPLE_EVENT_ID,
          ce_source: source,
          ce_type: type,
          ce_subject: EXAMPLE_ID,
          ce_time: EXAMPLE_TIME,
          ce_dataschema: dataschema,
          ce_sequence: '1',
          ce_correlationid: 'checkout-4711',
          ce_causationid: EXAMPLE_EVENT_ID,
          'content-type': JSON_TYPE,
        },
        payload: example,
      },
    ],
  };
}

/** The AsyncAPI 3.0 document: one topic, every message with its headers, schema and example. */
export function asyncApi(version: string): Json {
  const channel = { $ref: `#/channels/${TOPIC}` };
  const ofSource = (source: string): EventType[] => EVENT_TYPES.filter((type) => ORDER_EVENTS[type].source === source);
  const operations = Object.entries(SOURCES).map(([service, source]): [string, Json] => [
    service,
    {
      action: 'send',
      channel,
      summary: `What the ${service} service says`,
      messages: ofSource(source).map((type) => ({ $ref: `#/channels/${TOPIC}/messages/${type}` })),
    },
  ]);
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'OLMS events',
      version,
      description:
        'Every event about an order, whichever service says it, in one ordered log per order. Events are additive: a new optional field or a new value of an enumeration may appear, a changed meaning is a new type. A consumer may meet an event twice, and recognizes it by source, order and sequence.',
    },
    defaultContentType: JSON_TYPE,
    channels: {
      [TOPIC]: {
        address: TOPIC,
        title: 'Order events',
        description:
          'Key of a message is the order id, so the events of one order are read in the order they happened.',
        messages: Object.fromEntries(EVENT_TYPES.map((type) => [type, { $ref: `#/components/messages/${type}` }])),
        bindings: { kafka: { topic: TOPIC } },
      },
    },
    operations: Object.fromEntries(operations),
    components: {
      schemas: { CloudEventHeaders: cloudEventHeaders() },
      messages: Object.fromEntries(EVENT_TYPES.map((type) => [type, message(type)])),
    },
  };
}

// For people -----------------------------------------------------------------------------------------------

interface Schema extends Json {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly $ref?: string;
}

interface Parameter {
  readonly in: string;
  readonly name: string;
  readonly required?: boolean;
  readonly description?: string;
  readonly schema?: Schema;
}

interface Media {
  readonly content?: Readonly<Record<string, { readonly schema?: Schema }>>;
  readonly required?: boolean;
}

interface Operation {
  readonly tags?: readonly string[];
  readonly summary?: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: Media;
  readonly description?: string;
  readonly responses?: Readonly<Record<string, Response>>;
}

interface Response extends Media {
  readonly $ref?: string;
  readonly description?: string;
}

interface OpenApi {
  readonly info: { readonly title: string; readonly version: string; readonly description?: string };
  readonly paths?: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: {
    readonly schemas?: Readonly<Record<string, Schema>>;
    readonly responses?: Readonly<Record<string, Response>>;
  };
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;
const DEPTH_MAX = 4;
const UUID_MARK = '[0-9a-f]{8}-[0-9a-f]{4}-';

function escape(text: unknown): string {
  return String(text).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function nameOf({ $ref = '' }: { readonly $ref?: string }): string {
  return $ref.split('/').at(-1)!;
}

/** A copy whose references lead to objects only, which have a place of their own on the page; others are filled in. */
function filledIn<Value>(value: Value, schemas: Readonly<Record<string, Schema>>): Value {
  if (Array.isArray(value)) return value.map((entry: unknown) => filledIn(entry, schemas)) as Value;
  if (typeof value !== 'object' || value === null) return value;
  const { $ref } = value as Schema;
  const target = typeof $ref === 'string' ? schemas[nameOf({ $ref })] : undefined;
  if (target) return target.type === 'object' ? value : (filledIn(target, schemas) as Value);
  return Object.fromEntries(
    Object.entries(value).map(([key, entry]) => [key, filledIn(entry as unknown, schemas)]),
  ) as Value;
}

/** What a schema or a route says of itself, with its code as code. */
function prose(text: string): string {
  return escape(text).replace(/`([^`]+)`/g, '<code>$1</code>');
}

/** Values of an enumeration, however it is written; undefined where the schema is none. */
function choices(schema: Schema): readonly unknown[] | undefined {
  if (schema.enum) return schema.enum;
  if (schema.const !== undefined) return [schema.const];
  const each = (schema.anyOf ?? schema.oneOf)?.map(choices);
  return each && each.length > 0 && each.every((found) => found !== undefined) ? each.flat() : undefined;
}

function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) return `<a href="#object-${nameOf(schema)}">${nameOf(schema)}</a>`;
  if (choices(schema)) return 'string';
  if (schema.type === 'array') return `list of ${schema.items ? typeOf(schema.items) : 'anything'}`;
  if (schema.type === 'string' && (schema['format'] === 'uuid' || String(schema['pattern']).includes(UUID_MARK)))
    return 'UUID';
  if (schema['format'] === 'date-time') return 'time';
  if (schema['format'] === 'date') return 'date';
  if (typeof schema.type === 'string') return escape(schema.type);
  const types = (schema.anyOf ?? schema.oneOf ?? []).map(typeOf);
  return types.length > 0 ? [...new Set(types)].join(' or ') : 'anything';
}

/** A lower and an upper bound in words. */
function range(least: unknown, most: unknown, unit: string): string[] {
  if (least === undefined && most === undefined) return [];
  const number = (value: unknown): string => Number(value).toLocaleString('en-GB');
  if (least === most) return [`exactly ${number(least)}${unit}`];
  if (most === undefined) return [unit !== '' && least === 1 ? 'not empty' : `at least ${number(least)}${unit}`];
  return [least === undefined ? `at most ${number(most)}${unit}` : `${number(least)} to ${number(most)}${unit}`];
}

function limits(schema: Schema): string {
  const found: string[] = [
    ...range(schema['minimum'], schema['maximum'], ''),
    ...range(schema['minLength'], schema['maxLength'], ' characters'),
    ...range(schema['minItems'], schema['maxItems'], ' entries'),
  ].map(escape);
  const values = choices(schema);
  if (values) found.push(values.map((value) => `<code>${escape(value)}</code>`).join(' '));
  return found.join(', ');
}

/** "one of sku, productId": which properties an object needs together. */
function alternatives(schema: Schema): string {
  const list = schema.anyOf ?? schema.oneOf;
  if (!list?.every((entry) => entry.required)) return '';
  const names = list.map((entry) => entry.required!.map((name) => `<code>${escape(name)}</code>`).join(' with '));
  return `${schema.anyOf ? 'At least' : 'Exactly'} one of ${names.join(', ')}.`;
}

function row(name: string, depth: number, schema: Schema, required: boolean, description?: string): string {
  const inside = schema.type === 'array' && schema.items ? schema.items : schema;
  const notes = [description ?? schema.description, limits(schema), inside === schema ? '' : limits(inside)];
  const text = [...notes.slice(0, 1).map((note) => (note ? prose(note) : '')), ...notes.slice(1), alternatives(inside)];
  const indent = depth === 0 ? '' : ` class="in${depth}"`;
  return `<tr><th scope="row"${indent}><code>${escape(name)}</code>${required ? ' <abbr title="required">*</abbr>' : ''}</th><td>${typeOf(schema)}</td><td>${text.filter(Boolean).join('<br>')}</td></tr>`;
}

function propertyRows(schema: Schema, depth = 0): string {
  if (depth > DEPTH_MAX) return '';
  return Object.entries(schema.properties ?? {})
    .map(([name, property]) => {
      const inside = property.type === 'array' && property.items ? property.items : property;
      return row(name, depth, property, schema.required?.includes(name) ?? false) + propertyRows(inside, depth + 1);
    })
    .join('');
}

function table(caption: string, rows: string): string {
  return rows === ''
    ? ''
    : `${caption && `<h4>${escape(caption)}</h4>`}<div class="scroll"><table>${rows}</table></div>`;
}

function parameterRows(parameters: readonly Parameter[], place: string): string {
  return parameters
    .filter((parameter) => parameter.in === place)
    .map(({ name, schema = {}, required = false, description }) => row(name, 0, schema, required, description))
    .join('');
}

function anchor(method: string, path: string): string {
  return `${method}${path.replace(/[^A-Za-z0-9]+/g, '-').replace(/-$/, '')}`;
}

interface Entry {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

/** One answer: what it means and what it holds; of a refusal the codes. */
function answerRow(status: string, { description = '', content = {} }: Response): string {
  const [media] = Object.entries(content);
  const schema = media?.[1].schema;
  const refusal = media?.[0] === 'application/problem+json';
  const text = refusal
    ? [...description.matchAll(/`([A-Z_]+)`/g)].map(
        ([, code]) => `<a href="/docs/errors#${code}"><code>${code}</code></a>`,
      )
    : [prose(description)];
  const shape = refusal || !schema ? '' : media[0] === 'application/json' ? typeOf(schema) : escape(media[0]);
  const inside = schema && !refusal && schema.$ref === undefined ? propertyRows(schema, 1) : '';
  return `<tr><th scope="row"><code>${status}</code></th><td>${shape}</td><td>${text.join(' ')}</td></tr>${inside}`;
}

function operationHtml({ method, path, operation }: Entry, named: Readonly<Record<string, Schema>>): string {
  const { summary = '', description, parameters = [], requestBody, responses = {} } = operation;
  const sent = Object.values(requestBody?.content ?? {})[0]?.schema;
  const body = sent?.$ref === undefined ? sent : (named[nameOf(sent)] ?? sent);
  const answers = Object.entries(responses).map(([status, response]) => answerRow(status, response));
  const content = [
    description === undefined ? '' : `<p class="note">${prose(description)}</p>`,
    table('Path', parameterRows(parameters, 'path')),
    table('Query', parameterRows(parameters, 'query')),
    table('Headers', parameterRows(parameters, 'header')),
    body && body.properties ? table('Body', propertyRows(body)) : '',
    body && alternatives(body) !== '' ? `<p class="note">${alternatives(body)}</p>` : '',
    table('Answers', answers.join('')),
  ].join('');
  return `<details class="op"><summary><span class="method ${method}">${method}</span><code class="path">${escape(path).replace(/\{[^}]+\}/g, '<em>$&</em>')}</code><span class="sum">${escape(summary)}</span></summary><div class="body" id="${anchor(method, path)}">${content || '<p class="note">Takes nothing beside the request itself.</p>'}</div></details>`;
}

/** Order of the chapters: what a caller meets first comes first; a tag that is not named follows. */
const CHAPTERS = ['orders', 'inventory', 'payments', 'shipments', 'reviews', 'notifications', 'invoices', 'operations'];

function chapters(document: OpenApi): [string, Entry[]][] {
  const found = new Map<string, Entry[]>(CHAPTERS.map((tag) => [tag, []]));
  for (const [path, methods] of Object.entries(document.paths ?? {})) {
    for (const method of METHODS) {
      const operation = methods[method];
      if (!operation) continue;
      const tag = operation.tags?.[0] ?? 'other';
      found.set(tag, [...(found.get(tag) ?? []), { method, path, operation }]);
    }
  }
  return [...found].filter(([, entries]) => entries.length > 0);
}

function titled(tag: string): string {
  return tag === 'api keys' ? 'API keys' : tag.charAt(0).toUpperCase() + tag.slice(1);
}

function eventsHtml(): string {
  return Object.entries(SOURCES)
    .map(([service, source]) => {
      const rows = EVENT_TYPES.filter((type) => ORDER_EVENTS[type].source === source).map(
        (type) =>
          `<tr><th scope="row"><a href="${schemaUri(type)}"><code>${type}</code></a></th><td>${escape(ORDER_EVENTS[type].meaning)}</td></tr>`,
      );
      return `<h3>${titled(service)}</h3><div class="scroll"><table class="wide">${rows.join('')}</table></div>`;
    })
    .join('');
}

const CONVENTIONS = `<dl class="rules">
<div><dt>Authentication</dt><dd><code>Authorization: Bearer &lt;API key&gt;</code></dd></div>
<div><dt>Amounts</dt><dd>Decimal strings such as <code>"19.90"</code>, in the scale of their currency. Never a number.</dd></div>
<div><dt>Times and ids</dt><dd>RFC 3339 in UTC. Ids are UUIDv7, so they sort by creation.</dd></div>
<div><dt>Repeating a call</dt><dd>Send an <code>Idempotency-Key</code> with every command. The same key and body get the same answer; the same key with another body is refused. <code>POST /orders</code>, refunds and stock adjustments require one.</dd></div>
<div><dt>Versions</dt><dd>The <code>ETag</code> of an order is its version. Send it as <code>If-Match</code> and a change that met another version is refused with 412.</dd></div>
<div><dt>Waiting</dt><dd><code>Prefer: wait=N</code> on <code>POST /orders</code> waits up to 30 seconds for the decision about stock and payment.</dd></div>
<div><dt>Lists</dt><dd><code>limit</code> and <code>cursor</code>; the answer has <code>items</code> and <code>nextCursor</code>.</dd></div>
<div><dt>Errors</dt><dd><code>application/problem+json</code> with a stable <a href="/docs/errors">code</a>. <code>X-Correlation-Id</code> is on every answer, in every event and in the logs.</dd></div>
</dl>`;

const STYLE = `
:root{color-scheme:light dark;--bg:#fff;--soft:#f6f7f9;--line:#e3e6eb;--text:#1c2430;--dim:#5b6675;--link:#0b5cad;--mark:#fff3c4;
--get:#0b6e4f;--post:#0b5cad;--put:#8a5a00;--patch:#7a3aa8;--delete:#b3261e}
@media (prefers-color-scheme:dark){:root{--bg:#12161c;--soft:#1a2028;--line:#2b333f;--text:#e4e9f0;--dim:#9aa6b6;--link:#7db7ff;--mark:#4a3f14;
--get:#4cc38a;--post:#6cb0ff;--put:#e0b050;--patch:#c79bf2;--delete:#ff8a80}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;scroll-padding-top:5rem}
body{margin:0;background:var(--bg);color:var(--text);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}
code{font:0.88em/1.4 ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
header{position:sticky;top:0;z-index:1;display:flex;gap:1.5rem;align-items:baseline;padding:.9rem 2rem;background:var(--bg);border-bottom:1px solid var(--line)}
header strong{font-size:1.05rem;letter-spacing:.02em}header small{color:var(--dim)}
header nav{margin-left:auto;display:flex;gap:1.25rem;font-size:.92rem;flex-wrap:wrap}
.page{display:grid;grid-template-columns:17rem minmax(0,1fr);max-width:82rem;margin:0 auto}
aside{position:sticky;top:3.6rem;align-self:start;max-height:calc(100vh - 3.6rem);overflow:auto;padding:1.6rem 1rem 2rem 2rem;font-size:.9rem;border-right:1px solid var(--line)}
aside ul{list-style:none;margin:.2rem 0 1rem;padding:0}aside li a{display:flex;gap:.5rem;padding:.16rem 0;color:var(--dim);overflow-wrap:anywhere}
aside li a:hover{color:var(--text)}aside b a{color:var(--text)}
main{padding:2rem 2.5rem 6rem;min-width:0}
main.alone{max-width:60rem;margin:0 auto}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .6rem}h2{font-size:1.3rem;margin:3rem 0 .8rem;padding-bottom:.35rem;border-bottom:1px solid var(--line)}
h3{font-size:1.02rem;margin:1.8rem 0 .4rem}h4{font-size:.78rem;letter-spacing:.06em;text-transform:uppercase;color:var(--dim);margin:1.1rem 0 .35rem}
.lead{font-size:1.08rem;color:var(--dim);max-width:46rem;margin:0 0 1.6rem}
.rules{display:grid;grid-template-columns:repeat(auto-fill,minmax(20rem,1fr));gap:1px;margin:0;background:var(--line);border:1px solid var(--line);border-radius:10px;overflow:hidden}
.rules div{background:var(--bg);padding:.85rem 1.1rem}.rules dt{font-weight:600;font-size:.92rem}.rules dd{margin:.15rem 0 0;color:var(--dim);font-size:.92rem}
.op{border:1px solid var(--line);border-radius:10px;margin:.5rem 0;background:var(--bg)}
.op[open]{box-shadow:0 1px 6px rgb(0 0 0/.07)}
.op summary{display:flex;gap:.8rem;align-items:baseline;padding:.62rem 1rem;cursor:pointer;list-style:none;flex-wrap:wrap}
.op summary::-webkit-details-marker{display:none}.op summary:hover{background:var(--soft);border-radius:10px}
.op summary:focus-visible,a:focus-visible{outline:2px solid var(--link);outline-offset:2px;border-radius:6px}
.method{flex:none;width:4.2rem;text-align:center;font:600 .72rem/1.7 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;text-transform:uppercase;border-radius:5px;border:1px solid currentColor}
.get{color:var(--get)}.post{color:var(--post)}.put{color:var(--put)}.patch{color:var(--patch)}.delete{color:var(--delete)}
aside .method{width:auto;border:0;font-size:.66rem;line-height:2;min-width:2.7rem;text-align:left}
.path{font-weight:600}.path em{font-style:normal;color:var(--dim)}.sum{color:var(--dim);font-size:.93rem;flex:1;min-width:14rem}
.body{padding:.1rem 1rem 1rem;border-top:1px solid var(--line)}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;vertical-align:top;padding:.36rem .8rem .36rem 0;border-top:1px solid var(--line);font-weight:400}
tr:first-child>*{border-top:0}th{width:15rem;white-space:nowrap}.op td:nth-child(2){width:9rem;color:var(--dim);white-space:nowrap}
.wide th{width:17rem}.in1{padding-left:1.4rem}.in2{padding-left:2.8rem}.in3{padding-left:4.2rem}.in4{padding-left:5.6rem}
abbr{color:var(--delete);text-decoration:none}.note{color:var(--dim);font-size:.92rem;margin:.8rem 0 0}
tr:target>*{background:var(--mark)}td.num{width:5rem;color:var(--dim)}
footer{color:var(--dim);font-size:.88rem;margin-top:3.5rem;border-top:1px solid var(--line);padding-top:1rem}
@media (max-width:60rem){.page{grid-template-columns:1fr}aside{display:none}main{padding:1.5rem 1.1rem 4rem}header{padding:.8rem 1.1rem;flex-wrap:wrap}header nav{margin-left:0}th{width:auto}}
@media print{header,aside{display:none}.page{display:block}}
`;

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/** Headers of a page: it may use its own style and nothing else. */
export const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
} as const;

function page(title: string, version: string, body: string): string {
  const links = [
    ['/docs', 'API'],
    ['/docs/errors', 'Errors'],
    ['/openapi.json', 'OpenAPI'],
    ['/asyncapi.json', 'AsyncAPI'],
  ];
  const nav = links.map(([href, text]) => `<a href="${href}">${text}</a>`).join('');
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${escape(title)}</title><link rel="icon" href="data:,"><style>${STYLE}</style></head><body><header><strong>OLMS</strong><small>${escape(version)}</small><nav>${nav}</nav></header>${body}</body></html>`;
}

/** Objects that several answers hold; a body that is sent is shown where it is sent. */
function objectsHtml(named: Readonly<Record<string, Schema>>): string {
  const shown = Object.entries(named)
    .filter(([, schema]) => schema.type === 'object')
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([name, schema]) =>
        `<details class="op"><summary><code class="path">${name}</code><span class="sum">${escape(schema.description ?? '')}</span></summary><div class="body" id="object-${name}">${table('', propertyRows(schema))}</div></details>`,
    );
  return shown.length === 0 ? '' : `<section><h2 id="objects">Objects</h2>${shown.join('')}</section>`;
}

/** Answers that several operations share, filled in. */
function withResponses(document: OpenApi, shared: Readonly<Record<string, Response>>): OpenApi {
  const filled = (operation: Operation): Operation => ({
    ...operation,
    responses: Object.fromEntries(
      Object.entries(operation.responses ?? {}).map(([status, response]) => [
        status,
        response.$ref === undefined ? response : (shared[nameOf(response)] ?? response),
      ]),
    ),
  });
  const paths = Object.entries(document.paths ?? {}).map(([path, methods]) => [
    path,
    Object.fromEntries(Object.entries(methods).map(([method, operation]) => [method, filled(operation)])),
  ]);
  return { ...document, paths: Object.fromEntries(paths) as NonNullable<OpenApi['paths']> };
}

/** The API for a reader: conventions, operations by tag, events. */
export function apiPage(openApi: object): string {
  const { components: { schemas = {}, responses = {} } = {}, ...rest } = openApi as OpenApi;
  const named = filledIn(schemas, schemas);
  const document = withResponses(filledIn(rest, schemas), responses);
  const all = chapters(document);
  const id = (tag: string): string => tag.replaceAll(' ', '-');
  const contents = all.map(([tag, entries]) => {
    const links = entries.map(
      ({ method, path }) =>
        `<li><a href="#${anchor(method, path)}"><span class="method ${method}">${method}</span>${escape(path)}</a></li>`,
    );
    return `<b><a href="#${id(tag)}">${escape(titled(tag))}</a></b><ul>${links.join('')}</ul>`;
  });
  const sections = all.map(
    ([tag, entries]) =>
      `<section><h2 id="${id(tag)}">${escape(titled(tag))}</h2>${entries.map((entry) => operationHtml(entry, named)).join('')}</section>`,
  );
  const objects = objectsHtml(named);
  const { title, version } = document.info;
  return page(
    `${title} API`,
    version,
    `<div class="page"><aside><nav aria-label="Contents">${contents.join('')}${objects && `<b><a href="#objects">Objects</a></b><ul></ul>`}<b><a href="#events">Events</a></b></nav></aside><main><h1>Order Lifecycle Management System</h1><p class="lead">One place that knows every order, from the click on Buy to the delivered parcel and the invoice. This is its HTTP API and the events it publishes.</p>${CONVENTIONS}${sections.join('')}${objects}<section><h2 id="events">Events</h2><p class="note">Everything that happens to an order, in one ordered log per order: on the topic <code>order-events</code>, and per order at <code>GET /orders/{id}/events</code>. Each name leads to the JSON Schema of its data.</p>${eventsHtml()}</section><footer>Fields marked <abbr>*</abbr> are required. Made from the same values that check every request.</footer></main></div>`,
  );
}

/** Every error code, at the address that the `type` of a problem names: `/docs/errors#CODE`. */
export function errorsPage(version: string): string {
  const codes = Object.keys(ERRORS) as ErrorCode[];
  const rows = codes
    .toSorted((a, b) => ERRORS[a].status - ERRORS[b].status)
    .map(
      (code) =>
        `<tr id="${code}"><th scope="row"><a href="#${code}"><code>${code}</code></a></th><td class="num">${ERRORS[code].status}</td><td>${escape(ERRORS[code].title)}.</td></tr>`,
    );
  return page(
    'OLMS errors',
    version,
    `<main class="alone"><h1>Errors</h1><p class="lead">Every refusal is a problem document (RFC 9457) with a stable code. Programs decide by <code>code</code>, people read <code>detail</code>, and support finds everything else by <code>correlationId</code>.</p><div class="scroll"><table class="wide">${rows.join('')}</table></div><p class="note">A refused command on an order also tells the order's status and what it allows: <code>orderStatus</code>, <code>allowedActions</code>. A request that does not match its schema lists every field in <code>errors</code>, by JSON pointer. Answers with status 503 carry <code>Retry-After</code>.</p></main>`,
  );
}
