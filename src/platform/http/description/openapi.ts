import type { FastifyInstance, RouteOptions } from 'fastify';
import type { TSchema } from 'typebox';
import { type ErrorCode, ERRORS } from '#contracts/errors.ts';
import { Problem } from '#platform/http/schemas.ts';
import { listParameter, portable } from './portable.ts';

/**
 * The OpenAPI document, made of what each route says of itself. Requests are checked by the same schemas; answers are
 * not serialized through theirs, which would cost time and drop silently what nobody documented: instead every test
 * that calls the API holds what it was answered against this document.
 */

/** Plain JSON, as a document holds it. */
export type Json = Record<string, unknown>;

/** An OpenAPI Response Object; `schema.response` of a route holds one per status. Made by {@link answer}. */
export interface Answer {
  readonly description: string;
  readonly headers?: Readonly<Record<string, Json>>;
  readonly content?: Readonly<Record<string, { readonly schema: object; readonly example?: Json }>>;
  /** Of a refusal: the codes it can have. */
  readonly 'x-codes'?: readonly ErrorCode[];
  readonly links?: Readonly<Record<string, Json>>;
}

declare module 'fastify' {
  interface FastifySchema {
    /** Not part of the public API. */
    readonly hide?: boolean;
    readonly operationId?: string;
    readonly tags?: readonly string[];
    readonly summary?: string;
    readonly description?: string;
    /** An OpenAPI Request Body Object, where the body is not checked by `body`. */
    readonly requestBody?: object;
  }
  interface FastifyContextConfig {
    /** Codes this route can refuse with, beside those that follow from what it takes. */
    readonly refusals?: readonly ErrorCode[];
    /** Whether a call may or must carry an `Idempotency-Key`. */
    readonly idempotencyKey?: 'accepted' | 'required';
    /** Further request headers this route reads; the route itself checks them. */
    readonly headers?: Readonly<Record<string, HeaderSchema>>;
  }
  interface FastifyInstance {
    /** The OpenAPI document of the routes of this process. */
    readonly openApi: () => Json;
  }
}

/** A request header: what it means, and what may be in it. */
export interface HeaderSchema {
  readonly description: string;
  readonly pattern?: string;
}

const MEANINGS = {
  ETag: 'Version of what was answered; send it as If-Match or If-None-Match',
  Location: 'Path of what was made',
  RateLimit: 'Calls that are left (`r`), and the seconds after which all are there again (`t`)',
  'RateLimit-Policy': 'Whose calls are counted, and how many there may be (`q`) in so many seconds (`w`)',
  'Retry-After': 'Seconds after which to try again',
  'WWW-Authenticate': 'How to authenticate: Bearer',
  'X-Correlation-Id': 'The one sent, or one made; also in every event and log line of this request',
  'Preference-Applied': 'The wait that was applied',
  'Idempotency-Replayed': 'true where the key was used before and this is the answer of that time',
} as const;
/** Headers that an answer may lack. */
const SOMETIMES: ReadonlySet<string> = new Set([
  'Preference-Applied',
  'Idempotency-Replayed',
  'RateLimit',
  'RateLimit-Policy',
]);
type HeaderName = keyof typeof MEANINGS;

export interface AnswerOptions {
  readonly headers?: readonly HeaderName[];
  /** `application/json` by default; where the caller has a choice, all of them. */
  readonly media?: string | readonly string[];
  /** Operations by id that can go on from here: parameter → where the answer has its value. */
  readonly links?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** Describes one answer of a route. */
export function answer(description: string, schema?: TSchema, options: AnswerOptions = {}): Answer {
  const { headers = [], media = 'application/json', links = {} } = options;
  return {
    description,
    ...(headers.length > 0 && { headers: Object.fromEntries(headers.map((name) => [name, headerRef(name)])) }),
    ...(schema && { content: Object.fromEntries([media].flat().map((type) => [type, { schema }])) }),
    ...(Object.keys(links).length > 0 && {
      links: Object.fromEntries(
        Object.entries(links).map(([operationId, parameters]) => [operationId, { operationId, parameters }]),
      ),
    }),
  };
}

function headerRef(name: HeaderName): Json {
  return { $ref: `#/components/headers/${name}` };
}

/** A chapter of the description; each route stands under one. */
export interface Tag {
  readonly name: string;
  readonly description: string;
}

/** The chapter of what every process answers. */
export const OPERATIONS: Tag = { name: 'operations', description: 'Dashboard, live events, parked orders, health' };

interface OpenApiInfo {
  readonly version: string;
  /** In the order of the chapters; that of operations follows by itself. */
  readonly tags: readonly Tag[];
}

const METHODS = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);
const INFO = {
  title: 'OLMS',
  description:
    'Order Lifecycle Management System. Amounts are decimal strings, times RFC 3339 in UTC, ids UUIDv7, errors problem+json with a stable code. Every call may carry an `X-Correlation-Id`, and every answer has one.',
  license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
};

/** Notes every route that is registered from here on, and offers the document of them as `app.openApi()`. */
export function describeRoutes(app: FastifyInstance, info: OpenApiInfo): void {
  const routes: RouteOptions[] = [];
  app.addHook('onRoute', (route) => {
    const { schema } = route;
    if (!schema) return;
    routes.push({ ...route });
    // Fastify would compile what it finds here to serializers.
    const { response: _, ...checked } = schema;
    route.schema = checked;
  });
  app.decorate('openApi', () => documentOf(routes, info));
}

function documentOf(routes: readonly RouteOptions[], { version, tags }: OpenApiInfo): Json {
  const schemas: Record<string, unknown> = {};
  const responses: Record<string, unknown> = {};
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    const method = String(route.method);
    if (route.schema!.hide || !METHODS.has(method)) continue;
    const path = route.url.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [method.toLowerCase()]: withNamed(operation(route, responses), schemas) };
  }
  return {
    openapi: '3.1.0',
    info: { ...INFO, version },
    servers: [{ url: '/' }],
    tags: [...tags, OPERATIONS],
    security: [{ apiKey: [] }, { token: [] }],
    paths,
    components: {
      schemas,
      responses: withNamed(responses, schemas),
      headers: Object.fromEntries(
        Object.entries(MEANINGS).map(([name, description]) => [
          name,
          { description, required: !SOMETIMES.has(name), schema: { type: 'string', maxLength: HEADER_MAX } },
        ]),
      ),
      securitySchemes: {
        apiKey: {
          type: 'http',
          scheme: 'bearer',
          description: 'An API key. `x-permission` of an operation says what it must be permitted',
        },
        token: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description:
            'A token of the OpenID Connect issuer in OIDC_ISSUER, of a person or a customer; checked as RFC8725 asks: asymmetric algorithms alone, its type, issuer, audience and times',
        },
      },
    },
  };
}

// One operation ----------------------------------------------------------------------------------------------

const HEADER_MAX = 1_000;
const KEY_MEANING =
  'A fresh value per intent, 1 to 200 printable characters; the same key and body get the same answer, the same key with another body 422. It belongs to the caller.';

function operation({ method, schema = {}, config = {} }: RouteOptions, shared: Record<string, unknown>): Json {
  const { idempotencyKey, headers = {}, public: open = false, permission } = config;
  const keyHeader = { type: 'string', minLength: 1, maxLength: 200, pattern: '^[\\x21-\\x7e]+$' };
  const parameters = [
    ...parametersOf('path', schema.params),
    ...parametersOf('query', schema.querystring),
    ...(idempotencyKey
      ? [
          {
            in: 'header',
            name: 'Idempotency-Key',
            required: idempotencyKey === 'required',
            description: KEY_MEANING,
            schema: keyHeader,
          },
        ]
      : []),
    ...Object.entries(headers).map(([name, { description, ...limits }]) => ({
      in: 'header',
      name,
      required: false,
      description,
      schema: { type: 'string', maxLength: HEADER_MAX, ...limits },
    })),
  ];
  const needs = permission === undefined ? '' : `Needs the permission \`${permission}\`.`;
  const description = [schema.description, needs].filter(Boolean).join(' ');
  return {
    operationId: schema.operationId,
    tags: schema.tags,
    summary: schema.summary,
    ...(description !== '' && { description }),
    ...(config.deprecated && { deprecated: true }),
    ...(open && { security: [] }),
    ...(permission !== undefined && { 'x-permission': permission }),
    ...(parameters.length > 0 && { parameters }),
    ...requestBodyOf(schema),
    responses: responsesOf({ method: String(method), schema, config }, shared),
  };
}

interface ObjectSchema extends Json {
  readonly properties?: Readonly<Record<string, Json>>;
  readonly required?: readonly string[];
  readonly minProperties?: number;
}

function parametersOf(place: 'path' | 'query', schema: unknown): Json[] {
  const { properties = {}, required = [] } = (schema ?? {}) as ObjectSchema;
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    in: place,
    name,
    required: place === 'path' || required.includes(name),
    ...(description !== undefined && { description }),
    schema: listParameter(rest),
  }));
}

function requestBodyOf({ body, requestBody }: { body?: unknown; requestBody?: object }): Json {
  if (requestBody) return { requestBody };
  if (!body) return {};
  const { required = [], minProperties = 0 } = body as ObjectSchema;
  return {
    requestBody: {
      required: required.length > 0 || minProperties > 0,
      content: { 'application/json': { schema: body } },
    },
  };
}

interface Described {
  readonly method: string;
  readonly schema: NonNullable<RouteOptions['schema']>;
  readonly config: NonNullable<RouteOptions['config']>;
}

/** Every code the route can refuse with: its own, and those that follow from what it takes. */
function refusalsOf({ method, schema, config }: Described): ErrorCode[] {
  const { refusals = [], idempotencyKey, public: open = false, permission } = config;
  const changes = method !== 'GET';
  const codes: ErrorCode[] = [...refusals];
  // A path can be no URL at all.
  if (schema.params || schema.querystring || schema.body || idempotencyKey) codes.push('VALIDATION_FAILED');
  if (changes) codes.push('MALFORMED_JSON', 'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE');
  if (idempotencyKey) codes.push('IDEMPOTENCY_KEY_REUSED');
  if (idempotencyKey === 'required') codes.push('IDEMPOTENCY_KEY_REQUIRED');
  if (!open) codes.push('UNAUTHENTICATED');
  if (!open && permission !== 'me:read') codes.push('FORBIDDEN');
  if (config.ofCustomer === 'order') codes.push('ORDER_NOT_FOUND');
  codes.push('MALFORMED_REQUEST', 'HEADERS_TOO_LARGE', 'OVERLOADED', 'RATE_LIMITED', 'UNAVAILABLE', 'INTERNAL');
  return [...new Set(codes)];
}

const REFUSAL_HEADERS: Readonly<Record<number, readonly HeaderName[]>> = {
  401: ['WWW-Authenticate'],
  429: ['Retry-After', 'RateLimit', 'RateLimit-Policy'],
  503: ['Retry-After'],
};

function responsesOf(described: Described, shared: Record<string, unknown>): Json {
  const responses: Json = {};
  for (const [status, response] of Object.entries((described.schema.response ?? {}) as Record<string, Answer>))
    responses[status] = {
      ...response,
      headers: { ...response.headers, 'X-Correlation-Id': headerRef('X-Correlation-Id') },
    };
  const byStatus = Map.groupBy(refusalsOf(described).toSorted(), (code) => ERRORS[code].status);
  for (const [status, codes] of byStatus) {
    const [code] = codes;
    if (responses[status] !== undefined) continue;
    if (codes.length > 1) responses[status] = problemResponse(codes);
    else {
      shared[code!] ??= problemResponse(codes);
      responses[status] = { $ref: `#/components/responses/${code}` };
    }
  }
  return responses;
}

const EXAMPLE_CORRELATION_ID = 'checkout-4711';

function problemResponse(codes: readonly ErrorCode[]): Answer {
  const { status, title } = ERRORS[codes[0]!];
  const named = (name: HeaderName): [string, Json] => [name, headerRef(name)];
  const example = {
    type: `/docs/errors#${codes[0]}`,
    title,
    status,
    detail: `${title}.`,
    code: codes[0],
    correlationId: EXAMPLE_CORRELATION_ID,
  };
  return {
    description: codes.map((code) => `\`${code}\`: ${ERRORS[code].title}`).join('. '),
    headers: Object.fromEntries(['X-Correlation-Id' as const, ...(REFUSAL_HEADERS[status] ?? [])].map(named)),
    // The schema is that of every problem, which generators of clients can keep; which codes it can be stands beside it.
    content: { 'application/problem+json': { schema: Problem, example } },
    'x-codes': [...codes],
  };
}

// Named schemas ----------------------------------------------------------------------------------------------

/** A copy in which every schema with a title stands once under its name, and a reference where it was. */
function withNamed(value: unknown, named: Record<string, unknown>, isSchema = false): unknown {
  if (Array.isArray(value)) return value.map((entry) => withNamed(entry, named, isSchema));
  if (typeof value !== 'object' || value === null) return value;
  const { title } = value as { title?: unknown };
  const copy = (): Json => {
    const out: Json = {};
    for (const [key, entry] of Object.entries(isSchema ? portable(value as Json) : value)) {
      if (key === '$id') continue;
      out[key] = isSchema && LITERAL.has(key) ? entry : withNamed(entry, named, isSchema || key === 'schema');
    }
    return out;
  };
  if (!isSchema || typeof title !== 'string') return copy();
  const schema = copy();
  const before = (named[title] ??= schema);
  if (JSON.stringify(before) !== JSON.stringify(schema)) throw new Error(`Two schemas have the title ${title}`);
  return { $ref: `#/components/schemas/${title}` };
}

/** What of a schema holds values and no schemas. */
const LITERAL = new Set(['enum', 'const', 'examples', 'default', 'required']);
