import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { idTimeMs } from '#contracts/ids.ts';
import type { Permission } from '#contracts/permissions.ts';
import type { Peers } from '#contracts/peers.ts';
import { isoTime } from '#contracts/time.ts';
import type { Database } from '#platform/database/database.ts';
import { type Column, exportAnswer, exportParameters, pagesBy, rowsOf, exportOf } from '#platform/http/exports.ts';
import { strict } from '#platform/http/schemas.ts';
import { marksOf } from '#orders/rules/ruler.ts';
import { ListQuery } from '#orders/schemas.ts';
import type { StoredRow } from '#orders/store.ts';
import { listOrders } from '#orders/store/listing.ts';
import { summaryView } from '#orders/view.ts';
import { filterOf } from './list.ts';

/** `GET /exports/orders`, `/lines` and `/refunds`: what `GET /orders` finds, as files. */

const { cursor: _cursor, limit: _limit, sort: _sort, ...filters } = ListQuery.properties;
const ExportQuery = Type.Object(
  {
    ...filters,
    sort: Type.Optional(
      Type.String({ enum: ['-createdAt', 'createdAt'], description: 'Newest first, or oldest first (default)' }),
    ),
    ...exportParameters,
  },
  strict,
);

type Summary = ReturnType<typeof summaryView>;
interface Exported {
  readonly row: StoredRow;
  readonly summary: Summary;
}

const PERSONAL: Permission = 'personal-data:read';
const NOTES: Permission = 'notes:read';

const ofOrder: readonly Column<Exported>[] = [
  { name: 'orderId', of: ({ row }) => row.id },
  { name: 'number', of: ({ summary }) => summary.number },
  { name: 'reference', of: ({ summary }) => summary.reference },
  { name: 'createdAt', of: ({ row }) => isoTime(idTimeMs(row.id)) },
];

const ORDER_COLUMNS: readonly Column<Exported>[] = [
  ...ofOrder,
  { name: 'updatedAt', of: ({ row }) => row.updatedAt },
  { name: 'status', of: ({ summary }) => summary.status },
  { name: 'paymentStatus', of: ({ summary }) => summary.paymentStatus },
  { name: 'fulfillmentStatus', of: ({ summary }) => summary.fulfillmentStatus },
  { name: 'returnStatus', of: ({ summary }) => summary.returnStatus },
  { name: 'holds', of: ({ summary }) => summary.holds.map(({ type }) => type).join(' ') },
  { name: 'channel', of: ({ summary }) => summary.channel },
  { name: 'customerId', of: ({ summary }) => summary.customerId },
  { name: 'currency', of: ({ summary }) => summary.currency },
  { name: 'totalAmount', of: ({ summary }) => summary.totalAmount },
  { name: 'refundedAmount', of: ({ row }) => row.state!.refundedAmount },
  { name: 'lines', of: ({ summary }) => summary.itemCount },
  { name: 'country', of: ({ row }) => row.state!.shippingAddress?.country },
  { name: 'email', permission: PERSONAL, of: ({ row }) => row.state!.contact?.email },
  { name: 'phone', permission: PERSONAL, of: ({ row }) => row.state!.contact?.phone },
  { name: 'recipient', permission: PERSONAL, of: ({ row }) => row.state!.shippingAddress?.name },
  { name: 'postalCode', permission: PERSONAL, of: ({ row }) => row.state!.shippingAddress?.postalCode },
  { name: 'city', permission: PERSONAL, of: ({ row }) => row.state!.shippingAddress?.city },
];

interface Line extends Exported {
  readonly index: number;
  readonly mark: ReturnType<typeof marksOf>[number];
}

const itemOf = ({ row, index }: Line) => row.state!.items[index]!;
const LINE_COLUMNS: readonly Column<Line>[] = [
  ...ofOrder,
  { name: 'status', of: ({ summary }) => summary.status },
  { name: 'line', of: ({ index }) => index + 1 },
  { name: 'sku', of: (line) => itemOf(line).sku },
  { name: 'name', of: (line) => itemOf(line).name },
  { name: 'quantity', of: (line) => itemOf(line).quantity },
  { name: 'unitPrice', of: (line) => itemOf(line).unitPrice },
  { name: 'currency', of: ({ summary }) => summary.currency },
  { name: 'cancelled', of: ({ mark }) => mark.cancelled },
  { name: 'shipped', of: ({ mark }) => mark.shipped },
  { name: 'returned', of: ({ mark }) => mark.back },
];

interface Refund extends Exported {
  readonly index: number;
}

const refundOf = ({ row, index }: Refund) => row.state!.refunds[index]!;
const REFUND_COLUMNS: readonly Column<Refund>[] = [
  ...ofOrder,
  { name: 'refundId', of: (refund) => refundOf(refund).refundId },
  { name: 'amount', of: (refund) => refundOf(refund).amount },
  { name: 'currency', of: ({ summary }) => summary.currency },
  { name: 'status', of: (refund) => refundOf(refund).status },
  { name: 'reasonCode', of: (refund) => refundOf(refund).reasonCode },
  { name: 'reason', permission: NOTES, of: (refund) => refundOf(refund).reason },
];

export function exportRoutes(
  app: FastifyInstance,
  { database, peers }: { readonly database: Database; readonly peers: Pick<Peers, 'ordersOfDocument'> },
): void {
  exported('orders', 'exportOrders', 'Orders', ORDER_COLUMNS, (order) => [order]);
  exported('lines', 'exportOrderLines', 'Lines of orders', LINE_COLUMNS, (order) => {
    const marks = marksOf(order.row.state!);
    return order.row.state!.items.map((_, index) => ({ ...order, index, mark: marks[index]! }));
  });
  exported('refunds', 'exportRefunds', 'Refunds of orders', REFUND_COLUMNS, (order) =>
    order.row.state!.refunds.map((_, index) => ({ ...order, index })),
  );

  function exported<Row>(
    name: string,
    operationId: string,
    what: string,
    columns: readonly Column<Row>[],
    rows: (order: Exported) => readonly Row[],
  ): void {
    app.get(
      `/exports/${name}`,
      {
        exposeHeadRoute: false,
        config: { permission: 'exports:read', refusals: ['ORDER_NUMBER_INVALID', 'OVERLOADED'] },
        schema: {
          operationId,
          tags: ['exports'],
          summary: `${what}, as a file: those that GET /orders lists`,
          querystring: ExportQuery,
          response: { 200: exportAnswer(what) },
        },
      },
      async (request, reply) =>
        exportOf(request, reply, {
          name,
          permission: 'orders:read',
          columns,
          pages: rowsOf(orders(request), (row) => rows(row)),
        }),
    );
  }

  async function* orders(request: FastifyRequest): AsyncGenerator<readonly Exported[]> {
    const query = request.query as Static<typeof ExportQuery>;
    const filter = { ...filterOf(query), oldestFirst: query.sort !== '-createdAt' };
    const pages = pagesBy(
      ({ after, limit }) => listOrders(database, { ...filter, limit, ...(after !== undefined && { after }) }, peers),
      ({ id }) => id,
    );
    for await (const page of pages) yield page.map((row) => ({ row, summary: summaryView(row, row.updatedAt) }));
  }
}
