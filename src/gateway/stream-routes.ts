import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { isUuid } from '#contracts/ids.ts';
import { can } from '#contracts/permissions.ts';
import { ORDER_EVENTS } from '#contracts/order-events.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { type FieldError, Problem } from '#platform/http/problems.ts';
import { callerId, type Principal } from '#platform/http/principal.ts';
import { lackedBy } from '#platform/http/withheld.ts';
import type { Bearing } from './console/sessions.ts';
import type { Listener, Stream, StreamFilter } from './stream.ts';

/** `GET /stream`: what is asked of it. */

const FILTER_MAX = 200;
const Text = Type.String({ maxLength: FILTER_MAX * 50 });
const Several = Type.Union([Text, Type.Array(Text, { maxItems: FILTER_MAX })]);
const StreamQuery = Type.Object(
  {
    orderId: Type.Optional(Several),
    type: Type.Optional(Several),
    lastEventId: Type.Optional(Type.String({ maxLength: 200 })),
  },
  { additionalProperties: false },
);

/** Values of a parameter that may come several times, and with commas. */
function listOf(value: string | readonly string[] | undefined): string[] {
  return [value ?? []]
    .flat()
    .flatMap((text) => text.split(','))
    .map((text) => text.trim())
    .filter((text) => text !== '');
}

function filterOf({ orderId, type }: Static<typeof StreamQuery>): StreamFilter {
  const orderIds = listOf(orderId).map((id) => id.toLowerCase());
  const types = listOf(type);
  const errors: FieldError[] = [];
  if (orderIds.length > FILTER_MAX) errors.push({ pointer: '/orderId', detail: `has more than ${FILTER_MAX} ids` });
  if (!orderIds.every(isUuid)) errors.push({ pointer: '/orderId', detail: 'is not an order id' });
  const unknown = types.find((name) => !Object.hasOwn(ORDER_EVENTS, name));
  if (unknown !== undefined)
    errors.push({ pointer: '/type', detail: `names ${unknown.slice(0, 50)}, which is not a type of event` });
  if (errors.length > 0)
    throw new Problem('VALIDATION_FAILED', `${errors[0]!.pointer} ${errors[0]!.detail}.`, { errors });
  return { orderIds: new Set(orderIds), types: new Set(types) };
}

export type Authenticate = (request: Bearing) => Principal | undefined | Promise<Principal | undefined>;

const DESCRIPTION = `Server-sent events: \`event\` is the type, \`data\` the CloudEvent, \`id\` a place to go on from with \`Last-Event-ID\`.
\`event: reset\` says that events may be missing: read again what you show. \`orderId\` and \`type\` may come several times.`;

export function streamRoutes(app: FastifyInstance, stream: Stream, authenticate: Authenticate): void {
  app.addHook('preClose', () => stream.close());
  app.get<{ Querystring: Static<typeof StreamQuery> }>(
    '/stream',
    {
      exposeHeadRoute: false,
      config: {
        permission: 'events:read',
        ofCustomer: 'filtered',
        endless: true,
        headers: { 'Last-Event-ID': { description: 'The last id that was seen: goes on behind it' } },
        refusals: ['OVERLOADED', 'ORDER_NOT_FOUND'],
      },
      schema: {
        operationId: 'followEvents',
        tags: ['operations'],
        summary: 'Events as they happen',
        description: DESCRIPTION,
        querystring: StreamQuery,
        response: { 200: answer('Events without end', Type.String(), { media: 'text/event-stream' }) },
      },
    },
    async (request, reply) => {
      const filter = filterOf(request.query);
      const header = request.headers['last-event-id'];
      const last = typeof header === 'string' && header !== '' ? header : request.query.lastEventId;
      const { principal } = request;
      if (principal.customer !== undefined) for (const id of filter.orderIds) await app.ownOrders.assert(principal, id);
      const listener = listenerOf(request, authenticate);
      await openStream(stream, listener, reply);
      stream.serve(reply.raw, listener, filter, last);
    },
  );
}

/** Who follows, and whether they still may: the same caller with the same rights, by what the request bears. */
export function listenerOf(
  { principal, headers, method, server }: FastifyRequest,
  authenticate: Authenticate,
): Listener {
  const name = callerId(principal);
  const { customer } = principal;
  return {
    name,
    own: customer === undefined ? undefined : { customer, orders: server.ownOrders },
    lacked: lackedBy(principal),
    async admitted() {
      const now = await authenticate({ method, headers });
      return now !== undefined && callerId(now) === name && now.customer === customer && can(now, 'events:read');
    },
  };
}

/** Begins an answer without end. Throws a {@link Problem} where nobody more can be served. */
export async function openStream(stream: Stream, { name }: Listener, reply: FastifyReply): Promise<void> {
  stream.assertRoom(name);
  await stream.listen();
  // Others may have come meanwhile.
  stream.assertRoom(name);
  reply.hijack();
  const headers = {
    ...reply.getHeaders(),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
  };
  reply.raw.writeHead(200, { ...headers, 'x-accel-buffering': 'no' } as Record<string, string>);
}
