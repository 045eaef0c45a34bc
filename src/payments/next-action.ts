import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { isRefusal, type Refusal } from '#contracts/errors.ts';
import { PaymentStatus } from '#contracts/order-events.ts';
import type { NextAction } from '#contracts/peers.ts';
import { isoTime } from '#contracts/time.ts';
import type { Database } from '#platform/database/database.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { Problem, problemOfRefusal } from '#platform/http/problems.ts';
import { Id, IdText } from '#platform/http/schemas.ts';
import { type Payment, shownStatus } from './rules/model.ts';
import { awaitsCustomer, isOpen } from './rules/operation.ts';
import { readPayment } from './store.ts';

/** What customers have to do to pay, such as 3-D Secure, and their return from it. */

/** By order, what its customer has to do; nothing where nothing is awaited of them. */
export function nextActionsOf(payments: readonly Payment[]): Record<string, NextAction> {
  const actions: Record<string, NextAction> = {};
  for (const { orderId, operations } of payments) {
    const waiting = operations.find(awaitsCustomer);
    const action = waiting && nextActionOf(waiting);
    if (action) actions[orderId] = action;
  }
  return actions;
}

function nextActionOf({ action, actionUntil }: Payment['operations'][number]): NextAction | undefined {
  const expiresAt = isoTime(actionUntil ?? 0);
  if (action?.redirectUrl !== undefined) return { type: 'redirect', url: action.redirectUrl, expiresAt };
  return action?.clientSecret === undefined
    ? undefined
    : { type: 'client_secret', clientSecret: action.clientSecret, expiresAt };
}

export interface RefreshOptions {
  readonly database: Database;
  refresh(orderId: string): Promise<object | Refusal>;
}

/** `POST /payments/{orderId}/refresh`: the customer came back from their bank, and the provider is asked what became of it. */
export function refreshRoute(app: FastifyInstance, { database, refresh }: RefreshOptions): void {
  app.post<{ Params: { orderId: string } }>(
    '/payments/:orderId/refresh',
    {
      config: { permission: 'payments:refresh', ofCustomer: 'filtered', refusals: ['ORDER_NOT_FOUND', 'NOT_FOUND'] },
      schema: {
        operationId: 'refreshPayment',
        tags: ['payments'],
        summary:
          'Have the provider asked now what became of a payment, as when its customer comes back from 3-D Secure; repeating it does no harm',
        params: Type.Object({ orderId: IdText }),
        response: {
          202: answer(
            'It is being asked; what it says moves the order',
            Type.Object(
              {
                orderId: Id,
                status: PaymentStatus,
                asked: Type.Boolean({ description: 'False: everything is known already' }),
              },
              { title: 'PaymentRefresh' },
            ),
          ),
        },
      },
    },
    async (request, reply) => {
      const orderId = request.params.orderId.toLowerCase();
      await request.server.ownOrders.assert(request.principal, orderId);
      const done = await refresh(orderId);
      if (isRefusal(done)) throw problemOfRefusal(done);
      const payment = await readPayment(database, orderId);
      if (!payment) throw new Problem('NOT_FOUND', 'The order has no payment.');
      return reply.code(202).send({ orderId, status: shownStatus(payment), asked: payment.operations.some(isOpen) });
    },
  );
}
