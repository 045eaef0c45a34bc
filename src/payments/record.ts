import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { isoTime } from '#contracts/time.ts';
import { commandOnce } from '#platform/http/commands.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { IdText, strict, Text, type View } from '#platform/http/schemas.ts';
import type { ByHandOptions } from './by-hand.ts';
import { PaymentView, view } from './payment-view.ts';
import type { Payment, PaymentCommand } from './rules/model.ts';
import { readPayment } from './store.ts';

/** Money of orders with the provider `manual`: a person received it, or gave back what was too much, and records it here. */

const Params = Type.Object({ orderId: IdText });
const Body = Type.Object(
  {
    amount: Type.String({ pattern: '^\\d{1,15}(\\.\\d{1,4})?$', description: 'In the currency of the order' }),
    date: Type.String({ format: 'date', description: 'Day on which it was received, or given back' }),
    reference: Type.Optional(Text(100, { minLength: 1, description: 'Of the transfer, the receipt, or the payout' })),
  },
  strict,
);

export interface RecordOptions extends ByHandOptions {
  readonly nowMs: () => number;
  readonly newId: () => string;
}

const ROUTES = [
  {
    type: 'receive',
    path: 'record',
    operationId: 'recordPayment',
    summary:
      'Record money that was received for an order with the provider `manual`; a part of it waits for the rest, and what is too much is shown',
  },
  {
    type: 'giveBack',
    path: 'give-back',
    operationId: 'giveBackOverpayment',
    summary: 'Record that money of such an order was given back that was not asked for: what is shown as `overpaid`',
  },
] as const;

/** `POST /payments/{orderId}/record` and `/give-back`. */
export function recordRoute(app: FastifyInstance, { database, processor, nowMs, newId }: RecordOptions): void {
  for (const { type, path, operationId, summary } of ROUTES)
    app.post<{ Params: { orderId: string }; Body: Static<typeof Body> }>(
      `/payments/:orderId/${path}`,
      {
        config: {
          permission: 'payments:record',
          idempotencyKey: 'accepted',
          refusals: ['NOT_FOUND', 'ACTION_NOT_ALLOWED', 'AMOUNT_INVALID'],
        },
        schema: {
          operationId,
          tags: ['payments'],
          summary,
          params: Params,
          body: Body,
          response: { 200: answer('The payment after it', PaymentView) },
        },
      },
      (request) => {
        const orderId = request.params.orderId.toLowerCase();
        const receipt = { id: newId(), at: isoTime(nowMs()), by: request.principal.name, ...request.body };
        return commandOnce<Payment, PaymentCommand, View<typeof PaymentView>>(request, {
          database,
          processor,
          wanted: async () => ({ orderId, command: { type, receipt } }),
          answer: ({ row }) => view(row.state!),
          repeat: async () => view((await readPayment(database, orderId))!),
        });
      },
    );
}
