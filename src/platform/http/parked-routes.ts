import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { withOwnToken } from '#contracts/envelope.ts';
import { ORDER_EVENTS } from '#contracts/order-events.ts';
import type { Database } from '#platform/database/database.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { actOnce, requestKey } from '#platform/http/idempotency.ts';
import { kindOf } from './principal.ts';
import { assertFits, Problem } from '#platform/http/problems.ts';
import { isEventType } from './description/asyncapi.ts';
import type { RemoteService } from '#platform/http/remote/client.ts';
import { Id, IdText, limitOf, PageOf, pageParameters, Text, Time, strict } from '#platform/http/schemas.ts';
import { emptyBodyIsObject } from '#platform/http/server.ts';
import type { Consumer } from '#platform/log/consumer.ts';
import { type ParkedFilter, type ParkedOrder, listParked, loadParked } from '#platform/log/parked.ts';
import { pageOf, textCursor, textOfCursor } from './paging.ts';
import { idsOf, Several } from './several.ts';

const ParkedView = Type.Object(
  {
    consumer: Type.String({ description: 'Who could not digest the event' }),
    orderId: Id,
    reason: Type.Union([Type.String(), Type.Null()]),
    eventType: Type.String(),
    eventId: Id,
    events: Type.Integer({ description: 'How many events wait, the one at fault included' }),
    parkedAt: Time,
  },
  { title: 'ParkedOrder' },
);
const DecidedView = Type.Object({
  released: Type.Integer({ description: 'Events that wait no longer' }),
  left: Type.Integer({ description: 'Events of the order that still wait' }),
});
const ParkedPage = Type.Object({
  ...PageOf(ParkedView).properties,
  unreachable: Type.Optional(
    Type.Array(Type.String(), { description: 'Services that could not be asked; what they parked is missing here' }),
  ),
});

/** What was answered before there were pages, and fits whoever does not ask for them. */
const PAGE = 500;
const ParkedQuery = Type.Object(
  {
    consumer: Type.Optional(Several(Text(50, { minLength: 1 }))),
    orderId: Type.Optional(Several(IdText)),
    text: Type.Optional(Text(200, { minLength: 1, description: 'Stands in the reason or the type of the event' })),
    ...pageParameters,
    limit: Type.Optional({ ...pageParameters.limit, description: `Entries per page, at most 200; ${PAGE} by default` }),
  },
  strict,
);

/** Where a page goes on: behind this entry, towards those parked later. */
const PLACE = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) ([A-Za-z0-9._-]+) ([0-9a-f-]{36})$/;

function placeInCursor(cursor: string): Pick<ParkedOrder, 'parkedAt' | 'consumer' | 'orderId'> {
  const [, parkedAt, consumer, orderId] = PLACE.exec(textOfCursor(cursor)) ?? [];
  if (parkedAt === undefined)
    throw new Problem('VALIDATION_FAILED', 'The cursor is not one that this list gave; start without a cursor.', {
      errors: [{ pointer: '/cursor', detail: 'is unknown' }],
    });
  return { parkedAt, consumer: consumer!, orderId: orderId! };
}

/** Orders whose events wait for an operator: look, retry, edit and retry, or skip. In this process and in those behind it. */
export function parkedRoutes(
  app: FastifyInstance,
  databases: Database | readonly Database[],
  consumers: ReadonlyMap<string, Consumer>,
  remote: readonly RemoteService[] = [],
): void {
  const own = [databases].flat();
  const tags = ['operations'];
  const params = Type.Object({
    consumer: Type.String({ maxLength: 50, pattern: '^[A-Za-z0-9._-]+$', examples: ['orders'] }),
    orderId: IdText,
  });

  app.get<{ Querystring: Static<typeof ParkedQuery> }>(
    '/parked',
    {
      config: { permission: 'parked:read' },
      schema: {
        operationId: 'listParkedOrders',
        tags,
        summary: 'Parked orders, with the reason',
        querystring: ParkedQuery,
        response: { 200: answer('Oldest first', ParkedPage) },
      },
    },
    async (request) => {
      const { consumer, orderId, text, limit, cursor } = request.query;
      const size = limit === undefined ? PAGE : limitOf(limit);
      const filter: ParkedFilter = {
        consumers: consumer,
        orderIds: idsOf(orderId),
        text,
        after: cursor === undefined ? undefined : placeInCursor(cursor),
        limit: size + 1,
      };
      const here = (await Promise.all(own.map((database) => listParked(database, filter)))).flat();
      const { items, unreachable } = await parkedElsewhere(remote, request, request.url);
      return {
        ...pageOf(
          merged([...here, ...items.map(({ entry }) => entry)]),
          size,
          (entry) => entry,
          (last) => textCursor(`${last.parkedAt} ${last.consumer} ${last.orderId}`),
        ),
        ...(unreachable.length > 0 && { unreachable }),
      };
    },
  );

  for (const action of ['retry', 'skip'] as const) {
    app.post<{ Params: { consumer: string; orderId: string }; Body: { data?: unknown; reason?: string } }>(
      `/parked/:consumer/:orderId/${action}`,
      {
        config: { permission: 'parked:decide', idempotencyKey: 'accepted', refusals: ['NOT_FOUND'] },
        schema: {
          operationId: `${action}ParkedOrder`,
          tags,
          summary:
            action === 'retry'
              ? 'Try the parked event again, optionally with edited data'
              : 'Leave the parked event out',
          params,
          body: Type.Object(
            {
              data: Type.Optional(
                Type.Unknown({
                  description:
                    'Read instead of what the event says, by this consumer alone: the log stays as it is. Must be what events of its type say',
                }),
              ),
              reason: Type.Optional(
                Text(500, { minLength: 1, description: 'Why; kept with who did it, and named by the audit' }),
              ),
            },
            strict,
          ),
          response: {
            200: answer('Done', DecidedView),
          },
        },
        preValidation: emptyBodyIsObject,
      },
      async (request, reply) => {
        const { consumer: name } = request.params;
        const orderId = request.params.orderId.toLowerCase();
        const key = requestKey(request);
        const consumer = consumers.get(name);
        const holder = consumer ? undefined : await holderOf(remote, name, orderId, request);
        if (holder) {
          const given = request.headers['idempotency-key'];
          const headers = {
            'content-type': 'application/json',
            'x-correlation-id': request.correlationId,
            ...(typeof given === 'string' && { 'idempotency-key': given }),
          };
          const {
            statusCode,
            headers: answered,
            body,
          } = await holder.send(
            { method: 'POST', path: request.url, headers, body: JSON.stringify(request.body) },
            request.principal,
          );
          return reply
            .code(statusCode)
            .headers({ 'content-type': answered['content-type'] as string })
            .send(body);
        }
        if (!consumer) throw new Problem('NOT_FOUND', `There is no consumer ${name} here.`);
        const { data: given, reason } = request.body;
        const data =
          given === undefined || action === 'skip' ? undefined : await readInstead(request, own, name, orderId);
        const change = {
          action,
          actor: request.principal.name,
          actorKind: kindOf(request.principal),
          ...(reason !== undefined && { reason }),
          ...(data !== undefined && { data }),
        };
        const waiting = async (): Promise<readonly string[]> =>
          (await Promise.all(own.map((each) => loadParked(each, name, orderId)))).flat().map(({ event }) => event.id);
        const act = async (): Promise<Decided> => {
          const released = await consumer.unpark(orderId, change);
          return { released, left: (await waiting()).length };
        };
        const [database] = own;
        if (!database) return act();
        return actOnce<readonly string[], Decided>(database, key, {
          mark: waiting,
          act,
          // What was at the head is gone only if this was done: a retry that fails again leaves it there.
          happened: async (before) => {
            const now = await waiting();
            if (before.length === 0 || now[0] === before[0]) return undefined;
            return { released: before.filter((id) => !now.includes(id)).length, left: now.length };
          },
        });
      },
    );
  }
}

/** The data that a parked event is to be read with. Throws VALIDATION_FAILED where no event of its type says such. */
async function readInstead(
  request: FastifyRequest<{ Body: { data?: unknown } }>,
  databases: readonly Database[],
  consumer: string,
  orderId: string,
): Promise<unknown> {
  const { data } = request.body;
  const parked = (await Promise.all(databases.map((each) => loadParked(each, consumer, orderId)))).flat();
  const event = parked[0]?.event;
  if (event === undefined || !isEventType(event.type)) return data;
  const edited = withOwnToken(event, data);
  assertFits(request, ORDER_EVENTS[event.type].data, edited, '/data');
  return edited;
}

/** What became of an order's parked events. */
interface Decided {
  readonly released: number;
  readonly left: number;
}

/** One list of several; services that share a database list the same orders. */
function merged(entries: readonly ParkedOrder[]): ParkedOrder[] {
  const byKey = new Map(entries.map((entry) => [`${entry.consumer} ${entry.orderId} ${entry.eventId}`, entry]));
  return [...byKey.values()].toSorted(
    (a, b) => compared(a.parkedAt, b.parkedAt) || compared(a.consumer, b.consumer) || compared(a.orderId, b.orderId),
  );
}

const compared = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

interface ParkedElsewhere {
  readonly items: readonly { readonly at: RemoteService; readonly entry: ParkedOrder }[];
  readonly unreachable: readonly string[];
}

async function parkedElsewhere(
  remote: readonly RemoteService[],
  request: FastifyRequest,
  path: string,
): Promise<ParkedElsewhere> {
  const unreachable: string[] = [];
  const lists = await Promise.all(
    remote.map(async (at) => {
      try {
        const { statusCode, body } = await at.send(
          { method: 'GET', path, headers: { 'x-correlation-id': request.correlationId } },
          request.principal,
        );
        if (statusCode !== 200) throw new Error(`answered ${statusCode}`);
        const text = Buffer.isBuffer(body) ? body.toString() : await body.text();
        const page = JSON.parse(text) as { items: ParkedOrder[]; nextCursor: string | null };
        const last = page.items.at(-1);
        // That there is more, whatever it is, stands for one entry more: it is read with the next page.
        const more = page.nextCursor !== null && last ? [{ ...last, eventId: 'more' }] : [];
        return [...page.items, ...more].map((entry) => ({ at, entry }));
      } catch {
        unreachable.push(at.name);
        return [];
      }
    }),
  );
  return { items: lists.flat(), unreachable };
}

/** The service whose consumer it is; what is no service's name is looked for. */
async function holderOf(
  remote: readonly RemoteService[],
  consumer: string,
  orderId: string,
  request: FastifyRequest,
): Promise<RemoteService | undefined> {
  const named = remote.find(({ name }) => name === consumer);
  if (named || remote.length === 0) return named;
  const { items } = await parkedElsewhere(remote, request, `/parked?orderId=${orderId}`);
  return items.find(({ entry }) => entry.consumer === consumer && entry.orderId === orderId)?.at;
}
