import type { FastifyInstance } from 'fastify';
import type { Static } from 'typebox';
import type { BulkArguments, Given } from '#contracts/many-orders.ts';
import { can } from '#contracts/permissions.ts';
import { isoTime } from '#contracts/time.ts';
import { auditedBy } from '#platform/http/audit-entries.ts';
import { answerOnce } from '#platform/http/commands.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { keepReply, requestKey } from '#platform/http/idempotency.ts';
import { idCursor, idOfCursor, pageOf, textCursor, textOfCursor } from '#platform/http/paging.ts';
import { forbidden } from '#platform/http/principal.ts';
import { Problem } from '#platform/http/problems.ts';
import { limitOf, type View } from '#platform/http/schemas.ts';
import { addAuditEntries } from '#platform/log/audit-log.ts';
import { uuidv7 } from '#platform/runtime/uuid.ts';
import { filterOf } from '#orders/routes/list.ts';
import type { ListQuery } from '#orders/schemas.ts';
import { listOrderIds } from '#orders/store/listing.ts';
import type { Documents } from '#orders/store/search.ts';
import { bulkCommand, type BulkCommandName, checkArguments } from './commands.ts';
import { give, type GivesOrders } from './give.ts';
import type { BulkRunner } from './runner.ts';
import * as schemas from './schemas.ts';
import { type BulkRun, endRun, findRun, insertRun, itemsOf, listRuns, openRuns } from './store.ts';

export interface BulkRoutesOptions {
  readonly gives: GivesOrders;
  readonly peers: Documents;
  readonly runner: Pick<BulkRunner, 'begun'>;
}

/** A body as its schema lets it pass. */
interface BulkBody {
  readonly command: BulkCommandName;
  readonly arguments?: BulkArguments;
  readonly ids?: readonly string[];
  readonly query?: Static<typeof ListQuery>;
  readonly limit?: number;
  readonly dryRun?: boolean;
}

/** Runs under way at once; each takes its turn. */
const OPEN_RUNS_MAX = 100;
const PAGE = 1_000;
const tags = ['bulk'];

/** Commands to many orders at once, and what became of each. */
export function bulkRoutes(app: FastifyInstance, { gives, peers, runner }: BulkRoutesOptions): void {
  const { database, clock } = gives;
  app.post<{ Body: BulkBody }>(
    '/bulk',
    {
      config: {
        permission: 'bulk:run',
        idempotencyKey: 'accepted',
        refusals: ['FORBIDDEN', 'ORDER_NUMBER_INVALID', 'OVERLOADED'],
      },
      schema: {
        operationId: 'runBulk',
        tags,
        summary: 'Give one command to many orders, or see what it would do',
        description:
          'Orders are named by `ids` or found by `query` as it is now; whatever changes later, the run is about those. Each order gets the command once, also where a process dies on the way. Needs the permission of the command, too.',
        body: schemas.BulkRequest,
        response: {
          200: answer('What would happen: the answer to a dry run', schemas.BulkForecast),
          202: answer('The run, which has begun', schemas.BulkRunView),
        },
      },
    },
    async (request, reply) => {
      const { principal, cause, body } = request;
      const { command, arguments: given = {}, dryRun = false } = body;
      const { permission } = bulkCommand(command);
      if (!can(principal, permission)) throw forbidden(principal, permission);
      checkArguments(command, given);
      if (dryRun) {
        const ids = await orderIdsOf(body);
        const foreseen = await give(gives, {
          runId: uuidv7(),
          command,
          arguments: given,
          by: principal.name,
          correlationid: cause.correlationid,
          authtype: cause.authtype,
          dryRun,
          orderIds: ids,
        });
        return reply.send(forecastOf(command, foreseen));
      }
      const key = requestKey(request);
      // Wrapped: a run says how many orders refused, and a refusal is known by that word.
      const { run } = await answerOnce<{ readonly id: string }, { readonly run: BulkRun }>(database, key, {
        async act() {
          const ids = await orderIdsOf(body);
          if ((await openRuns(database)) >= OPEN_RUNS_MAX)
            return { refused: 'OVERLOADED', detail: `${OPEN_RUNS_MAX} runs are under way; wait for one, or stop one.` };
          const made: BulkRun = {
            id: uuidv7(),
            createdBy: principal.name,
            command,
            arguments: given,
            status: ids.length === 0 ? 'done' : 'running',
            total: ids.length,
            done: 0,
            refused: 0,
            correlationid: cause.correlationid,
            traceparent: cause.traceparent,
            authtype: cause.authtype,
            createdAt: isoTime(clock.nowMs()),
            endedAt: ids.length === 0 ? isoTime(clock.nowMs()) : undefined,
          };
          const kept = key ? [keepReply(key, { status: 202, answer: { id: made.id } })] : [];
          const { command: name, total } = made;
          const entry = { ...auditedBy(request), action: 'bulk.started' as const, subject: made.id };
          const audited = addAuditEntries([{ ...entry, after: { command: name, arguments: given, total } }]);
          await database.write([...insertRun(made, ids), ...kept, audited]);
          runner.begun();
          return { run: made };
        },
        repeat: async ({ id }) => ({ run: await loadRun(id) }),
      });
      return reply.code(202).send(viewOf(run));
    },
  );

  app.get<{ Querystring: Static<typeof schemas.BulkListQuery> }>(
    '/bulk',
    {
      config: { permission: 'bulk:read' },
      schema: {
        operationId: 'listBulk',
        tags,
        summary: 'Runs, the newest first; those that ended are kept for 90 days',
        querystring: schemas.BulkListQuery,
        response: { 200: answer('A page of runs', schemas.BulkRunPage) },
      },
    },
    async ({ query: { cursor, limit, status } }): Promise<View<typeof schemas.BulkRunPage>> => {
      const most = limitOf(limit);
      const after = cursor === undefined ? undefined : idOfCursor(cursor);
      const runs = await listRuns(database, { after, limit: most + 1, status });
      return pageOf(runs, most, viewOf, ({ id }) => idCursor(id));
    },
  );

  app.get<{ Params: { id: string } }>(
    '/bulk/:id',
    {
      config: { permission: 'bulk:read', refusals: ['NOT_FOUND'] },
      schema: {
        operationId: 'readBulk',
        tags,
        summary: 'How far a run is',
        params: schemas.BulkParams,
        response: { 200: answer('The run', schemas.BulkRunView) },
      },
    },
    async ({ params }) => viewOf(await loadRun(params.id)),
  );

  app.get<{ Params: { id: string }; Querystring: Static<typeof schemas.BulkItemsQuery> }>(
    '/bulk/:id/items',
    {
      config: { permission: 'bulk:read', refusals: ['NOT_FOUND'] },
      schema: {
        operationId: 'listBulkItems',
        tags,
        summary: 'What became of each order of a run, in the order in which they are taken',
        params: schemas.BulkParams,
        querystring: schemas.BulkItemsQuery,
        response: { 200: answer('A page of its orders', schemas.BulkItemPage) },
      },
    },
    async ({ params, query }): Promise<View<typeof schemas.BulkItemPage>> => {
      const { id } = await loadRun(params.id);
      const limit = limitOf(query.limit);
      const after = query.cursor === undefined ? 0 : numberOfCursor(query.cursor);
      const items = await itemsOf(database, id, { after, limit: limit + 1, outcome: query.outcome });
      return pageOf(
        items,
        limit,
        ({ orderId, outcome = 'waiting', code, detail }) => ({ orderId, outcome, code, detail }),
        ({ number }) => textCursor(String(number)),
      );
    },
  );

  app.post<{ Params: { id: string } }>(
    '/bulk/:id/stop',
    {
      config: { permission: 'bulk:run', idempotencyKey: 'accepted', refusals: ['NOT_FOUND'] },
      schema: {
        operationId: 'stopBulk',
        tags,
        summary: 'Stop a run: what was done stays done, the rest is left',
        params: schemas.BulkParams,
        response: { 200: answer('The run as it was stopped, or had ended before', schemas.BulkRunView) },
      },
    },
    async ({ params }) => {
      await endRun(database, (await loadRun(params.id)).id, 'stopped', clock.nowMs());
      return viewOf(await loadRun(params.id));
    },
  );

  async function loadRun(id: string): Promise<BulkRun> {
    const run = await findRun(database, id.toLowerCase());
    if (!run) throw new Problem('NOT_FOUND', 'There is no run with this id; those that ended are kept for 90 days.');
    return run;
  }

  /** The orders that a request is about. */
  async function orderIdsOf({ ids, query, limit }: BulkBody): Promise<readonly string[]> {
    if ((ids === undefined) === (query === undefined))
      throw wrong(
        '/query',
        ids ? 'must not stand beside /ids' : 'is missing, and so is /ids',
        'Name the orders by `ids` or find them by `query`.',
      );
    if (ids) return [...new Set(ids.map((id) => id.toLowerCase()))].slice(0, limit);
    const filter = { ...filterOf(query!), oldestFirst: true };
    const found: string[] = [];
    const max = limit ?? schemas.BULK_MAX + 1;
    while (found.length < max) {
      const page = await listOrderIds(
        database,
        { ...filter, ...(found.length > 0 && { after: found.at(-1)! }), limit: Math.min(PAGE, max - found.length) },
        peers,
      );
      if (page.length === 0) break;
      found.push(...page);
    }
    if (found.length > schemas.BULK_MAX)
      throw wrong(
        '/query',
        'finds too many',
        `More than ${schemas.BULK_MAX} orders are found; narrow the query, or give a limit.`,
      );
    return found;
  }
}

function wrong(pointer: string, detail: string, message: string): Problem {
  return new Problem('VALIDATION_FAILED', message, { errors: [{ pointer, detail }] });
}

function numberOfCursor(cursor: string): number {
  const text = textOfCursor(cursor);
  if (!/^\d{1,9}$/.test(text))
    throw wrong('/cursor', 'is not one that the list gave', 'The cursor is not one that this list gave.');
  return Number(text);
}

function viewOf({
  correlationid: _c,
  traceparent: _t,
  authtype: _a,
  ...run
}: BulkRun): View<typeof schemas.BulkRunView> {
  return { ...run, waiting: run.total - run.done - run.refused };
}

function forecastOf(command: BulkCommandName, foreseen: readonly Given[]): View<typeof schemas.BulkForecast> {
  const refused = foreseen.filter(({ outcome }) => outcome === 'refused');
  return {
    command,
    total: foreseen.length,
    would: foreseen.length - refused.length,
    refused: refused.length,
    refusals: [...Map.groupBy(refused, ({ code }) => code!)].map(([code, of]) => ({ code, count: of.length })),
    items: foreseen.slice(0, schemas.FORESEEN_MAX).map((one) => ({ ...one, events: one.events && [...one.events] })),
  };
}
