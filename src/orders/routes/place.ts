import type { FastifyInstance } from 'fastify';
import { isRefusal } from '#contracts/errors.ts';
import { plainId } from '#contracts/ids.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { requestKey } from '#platform/http/idempotency.ts';
import { preferredWaitS } from '#platform/http/prefer.ts';
import { problemOfRefusal } from '#platform/http/problems.ts';
import type { OrderRoutesOptions } from '#orders/routes.ts';
import type { OrderRequest } from '#orders/rules/placement.ts';
import * as schemas from '#orders/schemas.ts';
import { ORDER_LINKS, sendOrder } from './answers.ts';
import { placedBy } from './by-customer.ts';
import { firstAnswer, repeatedAnswer } from './waited.ts';

const PREFER_WAIT_MAX_S = 30;
const PREFER = {
  description: `\`wait=N\` waits up to N seconds, at most ${PREFER_WAIT_MAX_S}, for the decision about stock and payment; a repeat under the same key waits and is answered alike`,
};
const PLACE_REFUSALS = [
  'UNKNOWN_CURRENCY',
  'UNKNOWN_SKU',
  'UNIT_PRICE_INVALID',
  'PRICE_DIFFERS',
  'AMOUNT_INVALID',
  'TOTAL_MISMATCH',
  'UNKNOWN_PROVIDER',
  'PAYMENT_TOKEN_INVALID',
  'TAX_INVALID',
  'REFERENCE_TAKEN',
  'OVERLOADED',
] as const;

/** `POST /orders`: an order is priced, and taken by the intake. */
export function placeRoute(
  app: FastifyInstance,
  {
    database,
    intake,
    waiters,
    cached,
    peers,
    nextActions,
  }: Pick<OrderRoutesOptions, 'database' | 'intake' | 'waiters' | 'cached' | 'peers' | 'nextActions'>,
): void {
  app.post<{ Body: OrderRequest }>(
    '/orders',
    {
      config: {
        permission: 'orders:place',
        ofCustomer: 'filtered',
        idempotencyKey: 'required',
        headers: { Prefer: PREFER },
        refusals: PLACE_REFUSALS,
      },
      schema: {
        operationId: 'placeOrder',
        tags: ['orders'],
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
      const { customer } = request.principal;
      const asked = customer === undefined ? request.body : await placedBy(customer, request.body, peers);
      const taken = await intake.take(withPlainIds(asked), key, request.cause);
      if (isRefusal(taken)) throw problemOfRefusal(taken);
      let { row, updatedAt } = taken;
      // An importer that is run a second time can distinguish what it had sent before from what is new.
      if (taken.repeated) reply.header('idempotency-replayed', 'true');
      const waitS = preferredWaitS(request.headers.prefer, PREFER_WAIT_MAX_S);
      if (waitS > 0) {
        reply.header('preference-applied', `wait=${waitS}`);
        const waiting = { database, waiters };
        ({ row, updatedAt } = taken.repeated
          ? await repeatedAnswer(waiting, row.id, waitS * 1000)
          : await firstAnswer(waiting, taken, waitS * 1000));
        await cached?.orders.changed(row.id);
      }
      const actions = await nextActions.shownTo(request.principal, [{ ...row.state!, id: row.id }]);
      const nextAction = actions.get(row.id);
      return sendOrder(reply.code(201).header('location', `/orders/${row.id}`), row, updatedAt, nextAction);
    },
  );
}

/** Ids are kept in small letters, however they were written. */
function withPlainIds(request: OrderRequest): OrderRequest {
  const customerId = request.customerId === undefined ? undefined : plainId(request.customerId);
  const items = request.items.some((item) => item.productId !== undefined)
    ? request.items.map((item) => ({ ...item, ...(item.productId && { productId: item.productId.toLowerCase() }) }))
    : request.items;
  if (customerId === request.customerId && items === request.items) return request;
  return { ...request, ...(customerId !== undefined && { customerId }), items };
}
