import type { FastifyInstance } from 'fastify';
import { type Static, type TSchema, Type } from 'typebox';
import { idTimeMs } from '#contracts/ids.ts';
import { formerNumber } from '#contracts/order-number.ts';
import { isoTime } from '#contracts/time.ts';
import type { Database } from '#platform/database/database.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { type Column, exportAnswer, exportOf, exportParameters } from '#platform/http/exports.ts';
import { ownOrders } from '#platform/http/own-orders.ts';
import { idPairCursor, idPairOfCursor } from '#platform/http/paging.ts';
import {
  Currency,
  Id,
  IdText,
  limitOf,
  PageOf,
  pageParameters,
  strict,
  Time,
  TimeText,
  UntilText,
  type View,
} from '#platform/http/schemas.ts';
import { idsOf, Several } from '#platform/http/several.ts';
import { fromMs, toMs } from '#platform/http/times.ts';
import { ReturnView } from '#orders/goods-schemas.ts';
import { RefundView } from '#orders/refund-schemas.ts';
import { returnView } from '#orders/view.ts';
import type { StoredRow } from '#orders/store.ts';
import {
  listParts,
  type PartsPage,
  type PartsList,
  REFUND_STATUSES,
  REFUNDS,
  RETURN_STATUSES,
  RETURNS,
  returnStatusOf,
} from '#orders/store/parts.ts';

/** `GET /returns` and `GET /refunds`: of all orders, for those who work through them; returns as a file, too. */

const parameters = (statuses: readonly string[]) => ({
  orderId: Type.Optional(Several(IdText)),
  status: Type.Optional(Several(Type.String({ enum: [...statuses] }))),
  currency: Type.Optional(Several(Currency)),
  requestedFrom: Type.Optional(TimeText),
  requestedTo: Type.Optional(UntilText),
  sort: Type.Optional(
    Type.String({
      enum: ['createdAt', '-createdAt'],
      description: 'Those of the oldest orders at the beginning (default), or at the end',
    }),
  ),
});
const ReturnsQuery = Type.Object({ ...parameters(RETURN_STATUSES), ...pageParameters }, strict);
const RefundsQuery = Type.Object({ ...parameters(REFUND_STATUSES), ...pageParameters }, strict);
const ReturnsExport = Type.Object({ ...parameters(RETURN_STATUSES), ...exportParameters }, strict);

/** What a part is of. */
const ofOrder = {
  orderId: Id,
  number: Type.String({ description: 'What people call the order' }),
  reference: Type.Optional(Type.String()),
  customerId: Type.Optional(Type.String({ description: 'None: a guest' })),
  currency: Currency,
  requestedAt: Time,
};
const ListedReturn = Type.Object(
  { ...ofOrder, status: Type.String({ enum: [...RETURN_STATUSES] }), ...ReturnView.properties },
  { title: 'ListedReturn' },
);
const ListedRefund = Type.Object(
  {
    ...ofOrder,
    provider: Type.String({ description: 'Who is to give the money back' }),
    ...RefundView.properties,
  },
  { title: 'ListedRefund' },
);

function orderOf({ id, state }: StoredRow, partId: string) {
  const { number = formerNumber(id), reference, customerId, currency } = state!;
  return { orderId: id, number, reference, customerId, currency, requestedAt: isoTime(idTimeMs(partId)) };
}

function filterOf(query: Omit<Static<typeof ReturnsQuery>, 'limit' | 'cursor'>) {
  return {
    statuses: query.status,
    currencies: query.currency,
    fromMs: fromMs(query.requestedFrom, 'requestedFrom'),
    toMs: toMs(query.requestedTo, 'requestedTo'),
    newestFirst: query.sort === '-createdAt',
  };
}

type Return = Parameters<typeof returnStatusOf>[0];

function returnOf(row: StoredRow, part: Return): View<typeof ListedReturn> {
  return { ...orderOf(row, part.returnId), status: returnStatusOf(part), ...returnView(row, part) };
}

const RETURN_COLUMNS: readonly Column<View<typeof ListedReturn>>[] = [
  ...(['returnId', 'orderId', 'number', 'reference', 'customerId', 'status', 'requestedAt', 'deadlineAt'] as const).map(
    (name): Column<View<typeof ListedReturn>> => ({ name, of: (one) => one[name] }),
  ),
  { name: 'items', of: ({ items }) => items.map(({ sku, quantity }) => `${quantity} ${sku}`).join('; ') },
  { name: 'reason', of: ({ reason }) => reason, permission: 'notes:read' },
];
const EXPORTED_PAGE = 500;

export function partsRoutes(app: FastifyInstance, database: Database): void {
  /** A page of parts, as the query asks for them. */
  const page = async <Part, Item extends TSchema>(
    list: PartsList<Part>,
    orderIds: readonly string[] | undefined,
    query: Static<typeof ReturnsQuery>,
    view: (row: StoredRow, part: Part) => View<Item>,
  ): Promise<{ items: View<Item>[]; nextCursor: string | null }> => {
    const { cursor } = query;
    const [orderId, partId] = cursor === undefined ? [] : idPairOfCursor(cursor);
    const { found, next }: PartsPage<Part> = await listParts(database, list, {
      ...filterOf(query),
      orderIds,
      after: orderId === undefined ? undefined : { orderId, partId: partId! },
      limit: limitOf(query.limit),
    });
    return {
      items: found.map(({ row, part }) => view(row, part)),
      nextCursor: next ? idPairCursor(next.orderId, next.partId) : null,
    };
  };

  app.get<{ Querystring: Static<typeof ReturnsQuery> }>(
    '/returns',
    {
      config: { permission: 'orders:read', ofCustomer: 'filtered' },
      schema: {
        operationId: 'listReturns',
        tags: ['orders'],
        summary: 'Returns of all orders, by how far they are and when they were asked for',
        querystring: ReturnsQuery,
        response: { 200: answer('A page of returns', PageOf(ListedReturn)) },
      },
    },
    async (request) =>
      page<Return, typeof ListedReturn>(
        RETURNS,
        await ownOrders(request, idsOf(request.query.orderId)),
        request.query,
        returnOf,
      ),
  );

  app.get<{ Querystring: Static<typeof ReturnsExport> }>(
    '/exports/returns',
    {
      exposeHeadRoute: false,
      config: { permission: 'exports:read', refusals: ['OVERLOADED'] },
      schema: {
        operationId: 'exportReturns',
        tags: ['exports'],
        summary: 'Returns, as a file: those that GET /returns lists, in its order',
        querystring: ReturnsExport,
        response: { 200: exportAnswer('Returns') },
      },
    },
    async (request, reply) => {
      const filter = { ...filterOf(request.query), orderIds: idsOf(request.query.orderId) };
      return exportOf(request, reply, {
        name: 'returns',
        permission: 'orders:read',
        columns: RETURN_COLUMNS,
        pages: returnPages(database, filter),
      });
    },
  );

  app.get<{ Querystring: Static<typeof RefundsQuery> }>(
    '/refunds',
    {
      config: { permission: 'payments:read' },
      schema: {
        operationId: 'listRefunds',
        tags: ['orders'],
        summary: 'Refunds of all orders, by how far they are and when they were asked for',
        querystring: RefundsQuery,
        response: { 200: answer('A page of refunds', PageOf(ListedRefund)) },
      },
    },
    (request) =>
      page<ReturnType<typeof REFUNDS.parts>[number], typeof ListedRefund>(
        REFUNDS,
        idsOf(request.query.orderId),
        request.query,
        (row, part) => ({
          ...orderOf(row, part.refundId),
          provider: row.state!.payment.provider,
          ...part,
        }),
      ),
  );
}

async function* returnPages(
  database: Database,
  filter: ReturnType<typeof filterOf> & { readonly orderIds: readonly string[] | undefined },
): AsyncGenerator<View<typeof ListedReturn>[]> {
  let after: PartsPage<Return>['next'];
  do {
    const { found, next }: PartsPage<Return> = await listParts<Return>(database, RETURNS, {
      ...filter,
      after,
      limit: EXPORTED_PAGE,
    });
    yield found.map(({ row, part }) => returnOf(row, part));
    after = next;
  } while (after);
}
