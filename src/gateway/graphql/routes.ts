import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import {
  type ExecutionArgs,
  type ExecutionResult,
  GraphQLError,
  type GraphQLSchema,
  printSchema,
  subscribe,
} from 'graphql';
import {
  createHandler,
  type Handler,
  parseRequestParams,
  type Request,
  type RequestParams,
  type Response,
} from 'graphql-http';
import { Type } from 'typebox';
import { can } from '#contracts/permissions.ts';
import { type Answer, answer } from '#platform/http/description/openapi.ts';
import { Problem } from '#platform/http/problems.ts';
import { Problem as ProblemSchema } from '#platform/http/schemas.ts';
import { forbidden } from '#platform/http/principal.ts';
import type { Logger } from '#platform/telemetry/logger.ts';
import { callsOf, type Charge } from '../rate-limit.ts';
import type { Stream } from '../stream.ts';
import { type Authenticate, listenerOf, openStream } from '../stream-routes.ts';
import { type CallContext, errorOf } from './calls.ts';
import { ChangeQueue } from './change-queue.ts';
import type { OpenApiDocument } from './document.ts';
import { formatted } from './errors.ts';
import { execute } from './execute.ts';
import { PersistedQueries } from './persisted.ts';
import { type GraphqlRequest, InvalidDocument, Preparation, type PrepareOptions } from './prepare.ts';
import { schemaOf } from './schema.ts';
import { SseWriter } from './sse.ts';
import type { SubscriptionContext } from './subscriptions.ts';

/** `POST /graphql`, `GET /graphql` for queries, and both as server-sent events for subscriptions. */

export interface GraphqlOptions extends PrepareOptions {
  readonly stream: Stream;
  readonly logger: Logger;
  readonly charge: Charge;
  /** File with the documents that may be executed; empty: any. */
  readonly allowedQueries: string;
  readonly authenticate: Authenticate;
}

declare module 'fastify' {
  interface FastifyInstance {
    /** The OpenAPI document of the whole API, also of what other processes answer. */
    wholeApi?: () => object | Promise<object>;
  }
}

const RESULT = Type.Object(
  {
    data: Type.Optional(
      Type.Unknown({ description: 'As the document asks; null where nothing of it could be answered' }),
    ),
    errors: Type.Optional(
      Type.Array(Type.Record(Type.String(), Type.Unknown()), { description: 'Each has a code in its extensions' }),
    ),
    extensions: Type.Optional(
      Type.Record(Type.String(), Type.Unknown(), { description: '`cost`: what was asked for, and how much may be' }),
    ),
  },
  { title: 'GraphqlResult' },
);
const EVENTS = 'text/event-stream';
const GRAPHQL_MEDIA = ['application/json', 'application/graphql-response+json'];
const done = answer('The result, also where something in it failed', RESULT, { media: GRAPHQL_MEDIA });
const DONE: Answer = {
  'x-codes': ['EVENTS_MISSED'],
  ...done,
  content: { ...done.content, [EVENTS]: { schema: Type.String() } },
};
const refused = answer('The document was not executed', RESULT, { media: GRAPHQL_MEDIA });
const REFUSED: Answer = {
  'x-codes': [
    'GRAPHQL_INVALID',
    'GRAPHQL_TOO_COMPLEX',
    'MALFORMED_JSON',
    'MALFORMED_REQUEST',
    'PERSISTED_QUERY_NOT_FOUND',
    'PERSISTED_QUERY_REQUIRED',
    'VALIDATION_FAILED',
  ],
  ...refused,
  content: { ...refused.content, 'application/problem+json': { schema: ProblemSchema } },
};
const PARAMETERS = {
  query: Type.Optional(Type.String({ description: 'The document' })),
  operationName: Type.Optional(Type.String({ description: 'Which of its operations' })),
};
const Query = Type.Object({
  ...PARAMETERS,
  variables: Type.Optional(Type.String({ description: 'A JSON object' })),
  extensions: Type.Optional(
    Type.String({ description: 'A JSON object; `persistedQuery.sha256Hash` instead of a document' }),
  ),
});
const Json = Type.Record(Type.String(), Type.Unknown());
const Body = Type.Object(
  { ...PARAMETERS, variables: Type.Optional(Json), extensions: Type.Optional(Json) },
  { title: 'GraphqlRequest', examples: [{ query: '{ orders(first: 10) { nodes { id status } } }' }] },
);

interface Engine {
  readonly schema: GraphQLSchema;
  readonly preparation: Preparation;
  readonly handle: Handler<FastifyRequest, Answering>;
}

/** What a request is answered with. */
interface Answering {
  readonly reply: FastifyReply;
}

export function graphqlRoutes(app: FastifyInstance, options: GraphqlOptions): void {
  const { stream, logger, costMax } = options;
  const persisted = new PersistedQueries(options.allowedQueries);
  const format = (error: unknown): GraphQLError => formatted(error, logger);
  let engine: Promise<Engine> | undefined;

  async function createEngine(): Promise<Engine> {
    const document = await (app.wholeApi ?? app.openApi)();
    const schema = schemaOf(document as OpenApiDocument);
    const preparation = new Preparation(schema, options, persisted);
    const costs = new WeakMap<object, number>();
    const handle = createHandler<FastifyRequest, Answering, Record<PropertyKey, unknown>>({
      schema,
      execute: execute as never,
      // What is no error of GraphQL is about the request itself, as the library read it.
      formatError: (error) => (error instanceof GraphQLError ? format(error) : invalid(error.message)),
      parseRequestParams: paramsOf,
      async onSubscribe({ raw, context: { reply } }, params) {
        const args = prepared(schema, preparation, params as GraphqlRequest, contextOf(raw));
        await options.charge(raw, reply, 'document' in args ? callsOf(args.cost) : 1);
        if (!('document' in args)) return args.errors;
        if (args.kind === 'mutation' && raw.method === 'GET') throw REFUSED_BY_STATUS[405];
        if (args.kind === 'subscription') return [invalid(`Subscribe with the header "Accept: ${EVENTS}".`)];
        costs.set(args.contextValue as object, args.cost);
        return args as ExecutionArgs & { readonly contextValue: Record<PropertyKey, unknown> };
      },
      onOperation(_request, args, result) {
        if (Symbol.asyncIterator in result) return undefined;
        const requested = costs.get(args.contextValue as object) ?? 0;
        return {
          ...result,
          extensions: { ...result.extensions, cost: { requested, max: costMax } },
        } as ExecutionResult;
      },
    });
    return { schema, preparation, handle };
  }

  /** Made when it is first asked for; the next caller tries again where it could not be. */
  const ready = (): Promise<Engine> =>
    (engine ??= createEngine().catch((error: unknown) => {
      engine = undefined;
      throw error;
    }));

  /** What is executed, or what is answered instead. */
  function prepared(
    schema: GraphQLSchema,
    preparation: Preparation,
    request: GraphqlRequest,
    contextValue: CallContext,
  ): (ExecutionArgs & { readonly kind: string; readonly cost: number }) | { readonly errors: readonly GraphQLError[] } {
    try {
      const { document, operation, cost } = preparation.prepare(request);
      return {
        schema,
        document,
        operationName: request.operationName ?? null,
        variableValues: request.variables ?? {},
        contextValue,
        hideSuggestions: !options.introspection,
        kind: operation.operation,
        cost,
      };
    } catch (error) {
      if (error instanceof InvalidDocument) return { errors: error.errors };
      if (error instanceof GraphQLError) return { errors: [error] };
      throw error;
    }
  }

  const contextOf = (request: FastifyRequest): CallContext => ({
    call: (call) => app.callInside(request, call),
    loaders: new Map(),
  });

  const answerOnce = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { handle } = await ready();
    return sendResponse(reply, await handle(toRequest(request, reply)));
  };

  const follow = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | void> => {
    const { schema, preparation } = await ready();
    const { principal } = request;
    const listener = listenerOf(request, options.authenticate);
    const writer = new SseWriter(reply.raw);
    let queue: ChangeQueue | undefined;
    const context: SubscriptionContext = {
      ...contextOf(request),
      async changes(filter) {
        queue = new ChangeQueue(listener, filter, () => writer.beat());
        reply.raw.once('close', stream.join(queue));
        reply.raw.once('close', () => queue!.close());
        return queue;
      },
    };
    let params: RequestParams | Response;
    try {
      params = await paramsOf(toRequest(request, reply));
    } catch (error) {
      return reply.code(400).send({ errors: [invalid((error as Error).message)] });
    }
    if (!('query' in params)) return sendResponse(reply, params);
    const args = prepared(schema, preparation, params as GraphqlRequest, context);
    await options.charge(request, reply, 'document' in args ? callsOf(args.cost) : 1);
    if (!('document' in args)) return reply.code(400).send({ errors: args.errors });
    if (args.kind !== 'subscription')
      return reply.code(400).send({ errors: [invalid('Events are for subscriptions; accept application/json.')] });
    if (!can(principal, 'events:read')) throw forbidden(principal, 'events:read');
    await openStream(stream, listener, reply);
    reply.raw.write(': what changes from here on\n\n');
    try {
      const results = await subscribe(args);
      if (Symbol.asyncIterator in results)
        for await (const result of results) await writer.next(shown(result as ExecutionResult, format));
      else await writer.next(shown(results, format));
    } catch (error) {
      await writer.next({ errors: [format(error)] });
    } finally {
      queue?.close();
      writer.complete();
    }
  };

  // Each operation that a document calls asks for its own permission, keeps customers to their orders and leaves fields out.
  const config = {
    permission: 'me:read',
    ofCustomer: 'filtered',
    whole: true,
    refusals: ['NOT_ACCEPTABLE', 'OVERLOADED'],
    charged: true,
  } as const;
  const route = (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | void> =>
    wantsEvents(request) ? follow(request, reply) : answerOnce(request, reply);
  const described = {
    tags: ['graphql'],
    response: { 200: DONE, 400: REFUSED },
  };
  let text: Promise<string> | undefined;
  // For people, what introspection is for programs.
  app.get(
    '/schema.graphql',
    {
      config: { public: true, refusals: ['NOT_FOUND'] },
      schema: {
        operationId: 'readGraphqlSchema',
        tags: ['graphql'],
        summary: 'The GraphQL schema in its definition language, where it may be asked for',
        response: { 200: answer('The schema', Type.String(), { media: ['text/plain'] }) },
      },
    },
    async (_request, reply) => {
      if (!options.introspection)
        throw new Problem('NOT_FOUND', 'The GraphQL schema is not public here (GRAPHQL_INTROSPECTION).');
      text ??= ready().then(({ schema }) => printSchema(schema));
      const printed = await text.catch((error: unknown) => {
        text = undefined;
        throw error;
      });
      return reply.type('text/plain; charset=utf-8').send(printed);
    },
  );
  app.post('/graphql', {
    config: { ...config, reads: true, endless: wantsEvents },
    schema: {
      ...described,
      operationId: 'graphql',
      summary: 'Executes a GraphQL document',
      requestBody: { required: true, content: { 'application/json': { schema: Body } } },
    },
    handler: route,
  });
  app.get('/graphql', {
    exposeHeadRoute: false,
    config: { ...config, refusals: [...config.refusals, 'METHOD_NOT_ALLOWED'], endless: wantsEvents },
    schema: { ...described, operationId: 'graphqlQuery', summary: 'Executes a GraphQL query', querystring: Query },
    handler: route,
  });
}

function wantsEvents({ headers }: FastifyRequest): boolean {
  return headers.accept?.toLowerCase().includes(EVENTS) === true;
}

function toRequest(request: FastifyRequest, reply: FastifyReply): Request<FastifyRequest, Answering> {
  const { url, method, headers } = request;
  return { url, method, headers, body: request.body as Record<string, unknown>, raw: request, context: { reply } };
}

/** Parameters as the library reads them; a document that is named by its hash alone is empty here. */
async function paramsOf(request: Request<FastifyRequest, Answering>): Promise<RequestParams | Response> {
  const { body, url, method } = request;
  if (method === 'GET') {
    const sent = new URLSearchParams(url.split('?')[1]);
    return parseRequestParams(
      sent.has('extensions') && !sent.has('query') ? { ...request, url: `${url}&query=` } : request,
    );
  }
  const isHash =
    typeof body === 'object' &&
    body !== null &&
    (body['query'] ?? undefined) === undefined &&
    (body['extensions'] ?? undefined) !== undefined;
  return parseRequestParams(isHash ? { ...request, body: { ...body, query: '' } } : request);
}

/** What is wrong with a request before GraphQL begins. */
const REFUSED_BY_STATUS = {
  405: new Problem('METHOD_NOT_ALLOWED', 'Send what changes something by POST.', { headers: { allow: 'POST' } }),
  406: new Problem('NOT_ACCEPTABLE', `Accept application/graphql-response+json, application/json or ${EVENTS}.`),
  415: new Problem('UNSUPPORTED_MEDIA_TYPE', 'Send Content-Type: application/json, in UTF-8.'),
} as const;

function sendResponse(reply: FastifyReply, [body, { status, headers }]: Response): FastifyReply {
  if (status in REFUSED_BY_STATUS) throw REFUSED_BY_STATUS[status as 405 | 406 | 415];
  return reply
    .code(status)
    .headers(headers ?? {})
    .send(body ?? '');
}

const invalid = (detail: string): GraphQLError => errorOf({ code: 'GRAPHQL_INVALID', detail });

/** A result as it is sent, its errors as callers see them. */
function shown({ data, errors, extensions }: ExecutionResult, format: (error: unknown) => GraphQLError): object {
  return {
    ...(data !== undefined && { data }),
    ...(errors && { errors: errors.map(format) }),
    ...(extensions && { extensions }),
  };
}
