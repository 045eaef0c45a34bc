import { schemaUri } from '#contracts/envelope.ts';
import { ERRORS, type ErrorCode } from '#contracts/errors.ts';
import { ORDER_EVENTS, SOURCES } from '#contracts/order-events.ts';
import { EVENT_TYPES } from './asyncapi.ts';
import {
  type Schema,
  alternatives,
  escape,
  filledIn,
  nameOf,
  propertyRows,
  prose,
  row,
  table,
  typeOf,
} from './page-schema.ts';
import { examplesHtml, tryHtml } from './page-examples.ts';
import { page } from './page-frame.ts';

/** Pages for people, made from the OpenAPI document, the event vocabulary and the error table. */

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
  readonly operationId?: string;
  readonly security?: readonly unknown[];
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
  readonly tags?: readonly { readonly name: string }[];
  readonly paths?: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components?: {
    readonly schemas?: Readonly<Record<string, Schema>>;
    readonly responses?: Readonly<Record<string, Response>>;
  };
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

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
  // Bodies of other kinds are sent by providers, whose signature nobody types.
  const isCalled = requestBody === undefined || requestBody.content?.['application/json'] !== undefined;
  const callable = {
    method,
    path,
    operationId: operation.operationId,
    parameters,
    body,
    answers: Object.entries(responses).flatMap(([status, { content = {} }]) =>
      status.startsWith('2') ? Object.keys(content) : [],
    ),
    open: operation.security?.length === 0,
  };
  const answers = Object.entries(responses).map(([status, response]) => answerRow(status, response));
  const content = [
    description === undefined ? '' : `<p class="note">${prose(description)}</p>`,
    table('Path', parameterRows(parameters, 'path')),
    table('Query', parameterRows(parameters, 'query')),
    table('Headers', parameterRows(parameters, 'header')),
    body && body.properties ? table('Body', propertyRows(body)) : '',
    body && alternatives(body) !== '' ? `<p class="note">${alternatives(body)}</p>` : '',
    table('Answers', answers.join('')),
    isCalled ? examplesHtml(callable, named) : '',
    isCalled ? tryHtml(callable, named) : '',
  ].join('');
  const id = operation.operationId === undefined ? '' : ` id="${escape(operation.operationId)}"`;
  return `<details class="op"${id}><summary><span class="method ${method}">${method}</span><code class="path">${escape(path).replace(/\{[^}]+\}/g, '<em>$&</em>')}</code><span class="sum">${escape(summary)}</span></summary><div class="body" id="${anchor(method, path)}">${content}</div></details>`;
}

/** Operations by their chapter, in the order of the document's tags; one that is not among them follows. */
function chapters(document: OpenApi): [string, Entry[]][] {
  const found = new Map<string, Entry[]>(document.tags?.map(({ name }) => [name, []]));
  for (const [path, methods] of Object.entries(document.paths ?? {})) {
    for (const method of METHODS) {
      const operation = methods[method];
      if (!operation) continue;
      const tag = operation.tags?.[0] ?? 'other';
      found.set(tag, [...(found.get(tag) ?? []), { method, path, operation }]);
    }
  }
  return [...found]
    .filter(([, entries]) => entries.length > 0)
    .map(([tag, entries]) => [tag, entries.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))]);
}

const TITLES: Readonly<Record<string, string>> = { 'api keys': 'API keys', graphql: 'GraphQL' };

function titled(tag: string): string {
  return TITLES[tag] ?? tag.charAt(0).toUpperCase() + tag.slice(1);
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
<div><dt>Authentication</dt><dd><code>Authorization: Bearer …</code> with an API key, or with a token of the issuer that the system trusts. <code>GET /me</code> says what it may.</dd></div>
<div><dt>Amounts</dt><dd>Decimal strings such as <code>"19.90"</code>, in the scale of their currency. Never a number.</dd></div>
<div><dt>Times and ids</dt><dd>RFC 3339 in UTC. Ids are UUIDv7, so they sort by creation.</dd></div>
<div><dt>Repeating a call</dt><dd>Send an <code>Idempotency-Key</code> with every command. The same key and body get the same answer; the same key with another body is refused. <code>POST /orders</code>, refunds and stock adjustments require one.</dd></div>
<div><dt>Versions</dt><dd>The <code>ETag</code> of an order is its version. Send it as <code>If-Match</code> and a change that met another version is refused with 412.</dd></div>
<div><dt>Waiting</dt><dd><code>Prefer: wait=N</code> on <code>POST /orders</code> waits up to 30 seconds for the decision about stock and payment.</dd></div>
<div><dt>Lists</dt><dd><code>limit</code> and <code>cursor</code>; the answer has <code>items</code> and <code>nextCursor</code>.</dd></div>
<div><dt>Errors</dt><dd><code>application/problem+json</code> with a stable <a href="/docs/errors">code</a>. <code>X-Correlation-Id</code> is on every answer, in every event and in the logs.</dd></div>
</dl>`;

const FINDER = `<div class="finder"><input id="search" type="search" placeholder="Search (press /)" aria-label="Search operations and fields" autocomplete="off"><span id="count" role="status"></span><input id="key" type="password" placeholder="API key, for Try it" aria-label="API key, to try calls" autocomplete="off"></div><p id="none" class="note" hidden>Nothing is found by this. Search for a path, a field, a code or a word of what it does.</p>`;

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
        `<li><a href="#${anchor(method, path)}"><span class="method ${method}">${method}</span><span>${escape(path).replaceAll('/', '<wbr>/')}</span></a></li>`,
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
    `<div class="page"><aside><nav aria-label="Contents">${contents.join('')}${objects && `<b><a href="#objects">Objects</a></b><ul></ul>`}<b><a href="#events">Events</a></b></nav></aside><main><h1>Order Lifecycle Management System</h1><p class="lead">One place that knows every order, from the click on Buy to the delivered parcel and the invoice. This is its HTTP API and the events it publishes.</p>${FINDER}${CONVENTIONS}${sections.join('')}${objects}<section><h2 id="events">Events</h2><p class="note">Everything that happens to an order, in one ordered log per order: on the topic <code>order-events</code>, and per order at <code>GET /orders/{id}/events</code>. Each name leads to the JSON Schema of its data.</p>${eventsHtml()}</section><footer>Fields marked <abbr>*</abbr> are required. Made from the same values that check every request.</footer></main></div>`,
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
    `<main class="alone"><h1>Errors</h1><p class="lead">Every refusal is a problem document (RFC 9457) with a stable code. Programs decide by <code>code</code>, people read <code>detail</code>, and support finds everything else by <code>correlationId</code>.</p><div class="scroll"><table class="wide">${rows.join('')}</table></div><p class="note">A refused command on an order also carries the order's status and what it allows: <code>orderStatus</code>, <code>allowedActions</code>. A request that does not match its schema lists every field in <code>errors</code>, by JSON pointer. Answers with status 503 carry <code>Retry-After</code>.</p></main>`,
  );
}
