import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Static, TSchema } from 'typebox';
import { type ErrorCode, isRefusal, type Refusal } from '#contracts/errors.ts';
import { type Envelope, toCloudEvent } from '#contracts/envelope.ts';
import { firstIdAt, idTimeMs, isUuid } from '#contracts/ids.ts';
import { parseAmount } from '#contracts/money.ts';
import { SOURCES } from '#contracts/order-events.ts';
import type { Row } from '#platform/processor/aggregate.ts';
import type { Cache } from '#platform/cache/cache.ts';
import { type RequestKey, requestKey, storedAnswer } from '#platform/http/idempotency.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { Problem, problemOfRefusal } from '#platform/http/problems.ts';
import { limitOf } from '#platform/http/schemas.ts';
import { emptyBodyIsObject } from '#platform/http/server.ts';
import { type Database, isUniqueViolation } from '#platform/database/database.ts';
import type { Processor } from '#platform/processor/processor.ts';
import { readHistory } from '#platform/log/history.ts';
import type { Intake } from './intake.ts';
import { fold } from './rules/evolve.ts';
import type { Order } from './rules/state.ts';
import type { OrderCommand } from './rules/commands.ts';
import type { OrderCache } from './order-cache.ts';
import type { OrderRequest } from './rules/placement.ts';
import * as schemas from './schemas.ts';
import { countByStatus, listOrders, loadOrders, type OrderFilter, type StoredRow } from './store.ts';
import { allowedActions, orderView, summaryView } from './view.ts';
import type { Waiters } from './waiters.ts';

export interface OrderRoutesOptions {
  readonly database: Database;
  readonly processor: Processor<Order, OrderCommand>;
  readonly intake: Intake;
  readonly waiters: Waiters;
  /** Where other processes serve orders too. */
  readonly cached?: { readonly orders: OrderCache; readonly cache: Cache };
  /** Everything that was said about an order; by default what this database's log holds. */
  readonly readHistory?: (orderId: string) => Promise<Envelope[]>;
}

/** A cancellation that the warehouse decides on is answered with its outcome, if that comes soon. */
const CANCELLATION_WAIT_MS = 2_000;
const PREFER_WAIT_MAX_S = 30;
const DASHBOARD_CACHE_MS = 1_000;
const DASHBOARD_KEY = 'dashboard';

const PREFER = {
  description: `\`wait=N\` waits up to N seconds, at most ${PREFER_WAIT_MAX_S}, for the decision about stock and payment`,
};
const IF_MATCH = { description: 'The ETag the order must still have', pattern: '^(\\*|(W/)?"[0-9]{1,9}")$' };
const PLACE_REFUSALS = [
  'UNKNOWN_CURRENCY',
  'UNKNOWN_SKU',
  'UNIT_PRICE_INVALID',
  'AMOUNT_INVALID',
  'TOTAL_MISMATCH',
  'OVERLOADED',
] as const;
const OF_ORDER = { id: '$response.body#/id' };
/** What can follow on an order. */
const ORDER_LINKS = {
  readOrder: OF_ORDER,
  listOrderEvents: OF_ORDER,
  cancelOrder: OF_ORDER,
  holdOrder: OF_ORDER,
  releaseOrder: OF_ORDER,
  requestReturn: OF_ORDER,
  requestRefund: OF_ORDER,
  completeOrder: OF_ORDER,
  amendOrder: OF_ORDER,
  readInvoice: OF_ORDER,
  listPayments: { orderId: '$response.body#/id' },
  listShipments: { orderId: '$response.body#/id' },
  listNotifications: { orderId: '$response.body#/id' },
};

const orderNotFound = (): Problem => new Problem('ORDER_NOT_FOUND', 'There is no order with this id.');

export function orderRoutes(app: FastifyInstance, options: OrderRoutesOptions): void {
  const { database, intake, waiters, cached: shared } = options;
  const tags = ['orders'];

  app.post<{ Body: OrderRequest }>(
    '/orders',
    {
      config: {
        idempotencyKey: 'required',
        headers: { Prefer: PREFER },
        refusals: PLACE_REFUSALS,
      },
      schema: {
        operationId: 'placeOrder',
        tags,
        summary: 'Place an order',
        body: schemas.PlaceOrder,
        response: {
          201: answer('The order, taken', schemas.OrderView, {
            headers: ['ETag', 'Location', 'Preference-Applied', 'Idempotency-Replayed'],
            links: ORDER_LINKS,
          }),
        },
      },
    },
    async (request, reply) => {
      const key = requestKey(request)!;
      const taken = await intake.take(withPlainIds(request.body), key, request.cause);
      if (isRefusal(taken)) throw problemOfRefusal(taken);
      let { row, updatedAt } = taken;
      // An importer that runs again can tell what it had sent before from what is new.
      if (taken.repeated) reply.header('idempotency-replayed', 'true');
      const waitS = preferredWait(request);
      if (waitS > 0 && !taken.repeated) {
        reply.header('preference-applied', `wait=${waitS}`);
        const settled = await waiters.waitFor(row.id, waitS * 1000, isDecided);
        if (settled) ({ row, updatedAt } = settled);
        await shared?.orders.changed(row.id);
      }
      return send(reply.code(201).header('location', `/orders/${row.id}`), row, updatedAt);
    },
  );

  app.get<{ Querystring: Static<typeof schemas.ListQuery> }>(
    '/orders',
    {
      schema: {
        operationId: 'listOrders',
        tags,
        summary: 'List orders',
        querystring: schemas.ListQuery,
        response: { 200: answer('A page of orders', schemas.OrderPage) },
      },
    },
    async (request) => {
      const filter = filterOf(request.query);
      const rows = await listOrders(database, { ...filter, limit: filter.limit + 1 });
      const page = rows.slice(0, filter.limit);
      const more = rows.length > filter.limit;
      return {
        items: page.map((row) => summaryView(row, row.updatedAt)),
        nextCursor: more ? encodeCursor(page.at(-1)!.id) : null,
      };
    },
  );

  app.get<{ Params: { id: string }; Querystring: { asOf?: string } }>(
    '/orders/:id',
    {
      config: {
        headers: { 'If-None-Match': { description: 'An ETag: answered 304 while the order still has that version' } },
        refusals: ['ORDER_NOT_FOUND', 'NOT_FOUND'],
      },
      schema: {
        operationId: 'readOrder',
        tags,
        summary: 'One order, now or as of a version or time',
        params: schemas.OrderParams,
        querystring: schemas.AsOfQuery,
        response: {
          200: answer('The order', schemas.OrderView, { headers: ['ETag'], links: ORDER_LINKS }),
          304: answer('It still has the version in If-None-Match', undefined, { headers: ['ETag'] }),
        },
      },
    },
    async (request, reply) => {
      const id = orderId(request);
      if (request.query.asOf !== undefined) {
        const past = await orderAsOf(database, id, request.query.asOf);
        return send(reply, past, past.updatedAt);
      }
      const shown = shared && (await shared.orders.read(id));
      if (shared && !shown) throw orderNotFound();
      const row = shown ?? (await loadOne(database, id));
      if (request.headers['if-none-match'] === etag(row)) return reply.code(304).header('etag', etag(row)).send();
      if ('state' in row) return send(reply, row, row.updatedAt);
      return reply.header('etag', etag(row)).type('application/json; charset=utf-8').send(row.body);
    },
  );

  app.get<{ Params: { id: string } }>(
    '/orders/:id/events',
    {
      config: { refusals: ['ORDER_NOT_FOUND'] },
      schema: {
        operationId: 'listOrderEvents',
        tags,
        summary: "The order's log, oldest first",
        params: schemas.OrderParams,
        response: { 200: answer('Every event about the order, as CloudEvents', schemas.EventPage) },
      },
    },
    async (request) => {
      const id = orderId(request);
      const events = await (options.readHistory?.(id) ?? readHistory(database, id));
      if (events.length === 0) throw orderNotFound();
      return { items: events.map(toCloudEvent), nextCursor: null };
    },
  );

  command({
    operationId: 'cancelOrder',
    url: '/orders/:id/cancel',
    summary: 'Cancel an order before it ships',
    body: schemas.CancelOrder,
    refusals: ['ORDER_FINAL', 'ORDER_ALREADY_SHIPPED', 'CANCELLATION_PENDING'],
    maybeLater: 'The warehouse is deciding on the cancellation',
    commandOf: (body, by) => ({ type: 'cancel', reason: body.reason ?? 'cancelled on request', by }),
  });
  command({
    operationId: 'holdOrder',
    url: '/orders/:id/hold',
    summary: 'Pause payment and shipment',
    body: schemas.HoldOrder,
    refusals: ['ORDER_FINAL', 'ORDER_ALREADY_SHIPPED', 'HOLD_EXISTS'],
    commandOf: (body, by) => ({ type: 'hold', hold: body.type ?? 'manual', reason: body.reason, by }),
  });
  command({
    operationId: 'releaseOrder',
    url: '/orders/:id/release',
    summary: 'Release a hold',
    body: schemas.ReleaseOrder,
    refusals: ['ORDER_FINAL', 'ORDER_ALREADY_SHIPPED', 'HOLD_NOT_FOUND'],
    commandOf: (body, by) => ({
      type: 'release',
      hold: body.type ?? 'manual',
      reason: body.reason ?? 'released',
      by,
    }),
  });
  command({
    operationId: 'completeOrder',
    url: '/orders/:id/complete',
    summary: 'Declare a shipped order complete',
    body: schemas.CompleteOrder,
    refusals: ['ORDER_FINAL'],
    commandOf: () => ({ type: 'complete' }),
  });
  command({
    operationId: 'requestReturn',
    url: '/orders/:id/returns',
    summary: 'Ask for a return',
    body: schemas.RequestReturn,
    refusals: ['ORDER_FINAL', 'RETURN_EXCEEDS_SHIPPED'],
    commandOf: (body) => ({ type: 'requestReturn', items: body.items, reason: body.reason }),
  });
  command({
    operationId: 'receiveReturn',
    url: '/orders/:id/returns/:returnId/receive',
    params: schemas.ReturnParams,
    summary: 'Record that returned goods arrived',
    body: schemas.ReceiveReturn,
    refusals: ['RETURN_NOT_FOUND', 'ORDER_FINAL'],
    commandOf: (body, by, params) => ({
      type: 'receiveReturn',
      returnId: (params['returnId'] ?? '').toLowerCase(),
      location: body.location ?? 'main',
      refund: body.refund ?? true,
      by,
    }),
  });
  command({
    operationId: 'requestRefund',
    url: '/orders/:id/refunds',
    summary: 'Give money back',
    body: schemas.RequestRefund,
    idempotencyKey: 'required',
    refusals: ['AMOUNT_INVALID', 'ORDER_FINAL', 'REFUND_EXCEEDS_CAPTURED'],
    commandOf: (body, by) => ({ type: 'requestRefund', amount: body.amount, reason: body.reason, by }),
  });
  command({
    operationId: 'amendOrder',
    method: 'patch',
    url: '/orders/:id',
    summary: 'Change address, contact, reference or metadata',
    body: schemas.AmendOrder,
    refusals: ['ORDER_FINAL', 'ORDER_ALREADY_SHIPPED'],
    commandOf: (body) => ({ type: 'amend', changes: body }),
  });

  app.get(
    '/dashboard',
    {
      schema: {
        operationId: 'readDashboard',
        tags: ['operations'],
        summary: 'Orders by status, throughput, ages',
        response: { 200: answer('At most a second old', schemas.DashboardView) },
      },
    },
    dashboard(database, shared?.cache),
  );

  /** One route per command: idempotency, `If-Match`, the processor, and the order or the refusal as answer. */
  function command<Schema extends TSchema>(described: CommandRoute<Schema>): void {
    const { method = 'post', commandOf, refusals, idempotencyKey = 'accepted', maybeLater } = described;
    const done = answer('The order as the command left it', schemas.OrderView, { headers: ['ETag'] });
    app[method]<{ Params: Record<string, string> }>(
      described.url,
      {
        config: {
          idempotencyKey,
          headers: { 'If-Match': IF_MATCH },
          refusals: ['ORDER_NOT_FOUND', 'ACTION_NOT_ALLOWED', 'VERSION_MISMATCH', 'OVERLOADED', ...refusals],
        },
        schema: {
          operationId: described.operationId,
          tags,
          summary: described.summary,
          params: described.params ?? schemas.OrderParams,
          body: described.body,
          response: {
            200: done,
            ...(maybeLater && { 202: answer(maybeLater, schemas.OrderView, { headers: ['ETag'] }) }),
          },
        },
        preValidation: emptyBodyIsObject,
      },
      async (request, reply) => {
        const id = orderId(request);
        const key = requestKey(request);
        const given = commandOf(request.body as Static<Schema>, request.principal.name, request.params);
        const earlier = await earlierAnswer(key);
        if (earlier) return sendOutcome(reply, given, earlier, earlier.updatedAt);
        await checkAmount(database, id, given);
        const expectedSequence = ifMatch(request);
        const decided = await options.processor
          .submit({ orderId: id, command: given, cause: request.cause, expectedSequence, idempotency: key })
          .catch((error: unknown) => (isUniqueViolation(error) ? undefined : Promise.reject(error as Error)));
        if (decided === undefined || isRefusal(decided)) {
          // The same key may have come twice at once: then the first one's answer is the answer.
          const raced = await earlierAnswer(key);
          if (raced) return sendOutcome(reply, given, raced, raced.updatedAt);
          await shared?.orders.changed(id);
          throw decided === undefined
            ? new Problem('UNAVAILABLE', 'The request collided with another one; try again.')
            : await refusalProblem(id, decided);
        }
        return sendOutcome(reply, given, decided.row, decided.events.at(-1)?.time ?? new Date().toISOString());
      },
    );
  }

  /** The order as the command left it. A cancellation the warehouse decides on is answered with its outcome, if that comes soon, and a repeat of it alike. */
  async function sendOutcome(
    reply: FastifyReply,
    given: OrderCommand,
    row: Row<Order>,
    updatedAt: string,
  ): Promise<FastifyReply> {
    const waits = given.type === 'cancel' && row.state!.cancellation !== undefined;
    if (waits) await waiters.waitFor(row.id, CANCELLATION_WAIT_MS, (order) => order.cancellation === undefined);
    await shared?.orders.changed(row.id);
    if (!waits) return send(reply, row, updatedAt);
    const outcome = await cancellationOutcome(database, row.id, row.sequence);
    return outcome ? send(reply, outcome, outcome.updatedAt) : send(reply.code(202), row, updatedAt);
  }

  /** The order as it was answered to an earlier request with this key. */
  async function earlierAnswer(key: RequestKey | undefined): Promise<StoredRow | undefined> {
    const stored = await storedAnswer<{ orderId: string; sequence: number }>(database, key);
    return stored && orderAsOf(database, stored.orderId, String(stored.sequence));
  }

  async function refusalProblem(id: string, refusal: Refusal): Promise<Problem> {
    if (refusal.refused === 'ORDER_NOT_FOUND') return orderNotFound();
    const { state } = await loadOne(database, id);
    return problemOfRefusal(refusal, { orderStatus: state!.status, allowedActions: allowedActions(state!).allowed });
  }
}

interface CommandRoute<Schema extends TSchema> {
  readonly operationId: string;
  readonly method?: 'post' | 'patch';
  readonly url: string;
  readonly params?: TSchema;
  readonly summary: string;
  readonly body: Schema;
  readonly idempotencyKey?: 'required';
  /** Codes of this command, beside those of every command. */
  readonly refusals: readonly ErrorCode[];
  /** What it means where the outcome is not known yet, if that can be. */
  readonly maybeLater?: string;
  readonly commandOf: (body: Static<Schema>, by: string, params: Record<string, string>) => OrderCommand;
}

/** Ids are kept in small letters, however they were written. */
function withPlainIds(request: OrderRequest): OrderRequest {
  const customerId = request.customerId.toLowerCase();
  const items = request.items.some((item) => item.productId !== undefined)
    ? request.items.map((item) => ({ ...item, ...(item.productId && { productId: item.productId.toLowerCase() }) }))
    : request.items;
  return customerId === request.customerId && items === request.items ? request : { ...request, customerId, items };
}

function orderId(request: FastifyRequest): string {
  const id = (request.params as { id: string }).id.toLowerCase();
  if (!isUuid(id)) throw orderNotFound();
  return id;
}

async function loadOne(database: Database, id: string): Promise<StoredRow> {
  const [row] = await loadOrders(database, [id]);
  if (!row) throw orderNotFound();
  return row;
}

/** The currency is only known with the order, so the scale of an amount is checked there. */
async function checkAmount(database: Database, id: string, command: OrderCommand): Promise<void> {
  if (command.type !== 'requestRefund' || command.amount === undefined) return;
  const { state } = await loadOne(database, id);
  const minor = parseAmount(command.amount, state!.currency);
  if (minor === undefined || minor <= 0n)
    throw new Problem('AMOUNT_INVALID', `"${command.amount}" is not a positive amount in ${state!.currency}.`, {
      errors: [{ pointer: '/amount', detail: 'is not a positive amount' }],
    });
}

function etag(row: { readonly sequence: number }): string {
  return `"${row.sequence}"`;
}

function send(reply: FastifyReply, row: Row<Order>, updatedAt: string): FastifyReply {
  return reply.header('etag', etag(row)).send(orderView(row, updatedAt));
}

function ifMatch(request: FastifyRequest): number | undefined {
  const header = request.headers['if-match'];
  if (header === undefined || header === '*') return undefined;
  const version = /^(?:W\/)?"(\d{1,9})"$/.exec(header)?.[1];
  if (version === undefined)
    throw new Problem('VALIDATION_FAILED', 'If-Match must be the ETag of the order, e.g. "3".');
  return Number(version);
}

/** Seconds of `Prefer: wait=N` (RFC 7240), at most 30. */
function preferredWait(request: FastifyRequest): number {
  const header = request.headers.prefer;
  const seconds = /(?:^|[,;\s])wait=(\d{1,4})/.exec(Array.isArray(header) ? header.join(',') : (header ?? ''))?.[1];
  return seconds === undefined ? 0 : Math.min(Number(seconds), PREFER_WAIT_MAX_S);
}

/** Stock and payment are decided, or a hold keeps them from being. */
function isDecided(order: Order): boolean {
  if (order.status === 'CREATED') return false;
  return order.status !== 'RESERVED' || order.holds.some((hold) => hold.steps.includes('payment'));
}

function encodeCursor(id: string): string {
  return Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url');
}

function decodeCursor(cursor: string): string {
  const hex = Buffer.from(cursor, 'base64url').toString('hex');
  if (hex.length !== 32)
    throw new Problem('VALIDATION_FAILED', 'The cursor is not one that this list gave.', {
      errors: [{ pointer: '/cursor', detail: 'is unknown' }],
    });
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function timeMs(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  const parsed = Date.parse(text);
  if (Number.isNaN(parsed))
    throw new Problem('VALIDATION_FAILED', `${name} is not a time.`, {
      errors: [{ pointer: `/${name}`, detail: 'is not a time' }],
    });
  return parsed;
}

function filterOf(query: Static<typeof schemas.ListQuery>): OrderFilter {
  const { cursor, createdFrom, createdTo, limit, sort, ...equal } = query;
  const createdFromMs = timeMs(createdFrom, 'createdFrom');
  const createdToMs = timeMs(createdTo, 'createdTo');
  return {
    ...(equal as Partial<OrderFilter>),
    ...(equal.customerId !== undefined && { customerId: equal.customerId.toLowerCase() }),
    ...(createdFromMs !== undefined && { createdFromMs }),
    ...(createdToMs !== undefined && { createdToMs }),
    ...(cursor !== undefined && { after: decodeCursor(cursor) }),
    oldestFirst: sort === 'createdAt',
    limit: limitOf(limit),
  };
}

/** The order folded from its own events up to a version or a time. */
async function orderAsOf(database: Database, id: string, asOf: string): Promise<StoredRow> {
  const version = /^\d{1,9}$/.test(asOf) ? Number(asOf) : undefined;
  const until = version === undefined ? timeMs(asOf, 'asOf')! : Number.POSITIVE_INFINITY;
  const own = (await ownEvents(database, id)).filter(
    (event) => event.sequence <= (version ?? Number.POSITIVE_INFINITY) && Date.parse(event.time) <= until,
  );
  const past = folded(id, own);
  if (!past) throw orderNotFound();
  if (version !== undefined && past.sequence !== version)
    throw new Problem('NOT_FOUND', `The order has no version ${version}.`);
  return past;
}

/** The order as the decision on a cancellation asked for at `sequence` left it; undefined while that is open. */
async function cancellationOutcome(database: Database, id: string, sequence: number): Promise<StoredRow | undefined> {
  const own = await ownEvents(database, id);
  const decision = own.find(
    (event) =>
      event.sequence > sequence && (event.type === 'OrderCancelled' || event.type === 'OrderCancellationLapsed'),
  );
  if (!decision) return undefined;
  const last = own.findLast((event) => event.causationid === decision.causationid)!;
  return folded(
    id,
    own.filter((event) => event.sequence <= last.sequence),
  );
}

async function ownEvents(database: Database, id: string): Promise<Envelope[]> {
  return (await readHistory(database, id)).filter((event) => event.source === SOURCES.orders);
}

function folded(id: string, own: readonly Envelope[]): StoredRow | undefined {
  const state = fold(own);
  const last = own.at(-1);
  return state && last && { id, revision: 0, sequence: last.sequence, consumed: {}, state, updatedAt: last.time };
}

/** Told anew at most once a second, by one process for all of them where they share a cache. */
function dashboard(database: Database, shared: Cache | undefined): () => Promise<unknown> {
  // What comes from the shared cache is up to a second old already: then only reads at the same time are joined.
  const ownMs = shared ? DASHBOARD_CACHE_MS / 10 : DASHBOARD_CACHE_MS;
  let cached: { atMs: number; answer: Promise<unknown> } | undefined;
  const read = async (): Promise<unknown> => {
    const nowMs = Date.now();
    const found = await shared?.getVersioned(DASHBOARD_KEY);
    if (found?.value !== undefined) return JSON.parse(found.value) as unknown;
    const answer = await count(nowMs);
    if (found?.lease !== undefined)
      void shared?.putVersioned(DASHBOARD_KEY, nowMs, JSON.stringify(answer), DASHBOARD_CACHE_MS, found.lease);
    return answer;
  };
  const count = async (nowMs: number): Promise<unknown> => {
    const counts = await countByStatus(database);
    const [recent] = await database.query<{ minute: number; hour: number }>(
      `select count(*) filter (where order_id >= $1)::int as minute, count(*)::int as hour from orders.order_states where order_id >= $2`,
      [firstIdAt(nowMs - 60_000), firstIdAt(nowMs - 3_600_000)],
    );
    return {
      total: counts.reduce((sum, row) => sum + row.count, 0),
      byStatus: Object.fromEntries(counts.map((row) => [row.status, row.count])),
      oldestAgeSeconds: Object.fromEntries(
        counts.map((row) => [
          row.status,
          row.oldest === null ? 0 : Math.max(0, Math.round((nowMs - idTimeMs(row.oldest)) / 1000)),
        ]),
      ),
      createdLastMinute: recent?.minute ?? 0,
      createdLastHour: recent?.hour ?? 0,
      at: new Date(nowMs).toISOString(),
    };
  };
  return async () => {
    if (!cached || Date.now() - cached.atMs > ownMs) cached = { atMs: Date.now(), answer: read() };
    try {
      return await cached.answer;
    } catch (error) {
      cached = undefined;
      throw error;
    }
  };
}
