import type { FastifyReply, FastifyRequest } from 'fastify';
import { isUuid } from '#contracts/ids.ts';
import type { NextAction } from '#contracts/peers.ts';
import type { Database } from '#platform/database/database.ts';
import { Problem } from '#platform/http/problems.ts';
import type { Row } from '#platform/processor/aggregate.ts';
import type { Order } from '#orders/rules/state.ts';
import { loadOrders, type StoredRow } from '#orders/store.ts';
import { orderView } from '#orders/view.ts';

/** What the routes of orders share: finding the order, and answering with it. */

const OF_ORDER = { id: '$response.body#/id' };
/** What can follow on an order. */
export const ORDER_LINKS = {
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

export const orderNotFound = (): Problem => new Problem('ORDER_NOT_FOUND', 'There is no order with this id.');

/** The id in the path, in small letters; ORDER_NOT_FOUND for what is no id. */
export function orderId(request: FastifyRequest): string {
  const id = (request.params as { id: string }).id.toLowerCase();
  if (!isUuid(id)) throw orderNotFound();
  return id;
}

/** The order as it is stored; ORDER_NOT_FOUND where there is none. */
export async function loadOne(database: Database, id: string): Promise<StoredRow> {
  const [row] = await loadOrders(database, [id]);
  if (!row) throw orderNotFound();
  return row;
}

/** The version of an order for callers: the sequence of its last own event. */
export function etag(row: { readonly sequence: number }): string {
  return `"${row.sequence}"`;
}

/** Answers with the order and its ETag, and with what the caller has to do to pay, where that is said. */
export function sendOrder(
  reply: FastifyReply,
  row: Row<Order>,
  updatedAt: string,
  nextAction?: NextAction,
): FastifyReply {
  const view = orderView(row, updatedAt);
  return reply.header('etag', etag(row)).send(nextAction ? { ...view, nextAction } : view);
}
