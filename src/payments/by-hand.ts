import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import type { Database } from '#platform/database/database.ts';
import { commandOnce, type TakesCommands } from '#platform/http/commands.ts';
import { isByHand, MANUAL } from '#contracts/payment-providers.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { Problem } from '#platform/http/problems.ts';
import { IdText, Reason, strict, Text, type View } from '#platform/http/schemas.ts';
import type { Payment, PaymentCommand } from './rules/model.ts';
import { isReturned, type Operation, type ProviderResult } from './rules/operation.ts';
import { PaymentView, view } from './payment-view.ts';
import { readPayment } from './store.ts';

/**
 * Money of orders that were paid in another system: it is given back there, by a person, who records here that it was
 * done or refused. Until then the operation waits, and the order shows its refund as requested.
 */

export interface ByHandOptions {
  readonly database: Database;
  readonly processor: TakesCommands<Payment, PaymentCommand>;
}

/** What a person did: carried it out, refused it, or has a refund whose money came back sent once more. */
type RecordedOutcome = 'done' | 'refused' | 'retry';

const Params = Type.Object({ orderId: IdText, operationId: IdText });
const Body = Type.Object(
  {
    outcome: Type.String({ enum: ['done', 'refused', 'retry'] }),
    reference: Type.Optional(Text(100, { minLength: 1, description: 'Of what was done, in the other system' })),
    reason: Type.Optional(Reason),
  },
  strict,
);

/** `POST /payments/{orderId}/operations/{operationId}/record`. */
export function byHandRoute(app: FastifyInstance, { database, processor }: ByHandOptions): void {
  app.post<{
    Params: { orderId: string; operationId: string };
    Body: { outcome: RecordedOutcome; reference?: string; reason?: string };
  }>(
    '/payments/:orderId/operations/:operationId/record',
    {
      config: {
        permission: 'payments:record',
        idempotencyKey: 'accepted',
        refusals: ['NOT_FOUND', 'ACTION_NOT_ALLOWED'],
      },
      schema: {
        operationId: 'recordPaymentOperation',
        tags: ['payments'],
        summary:
          'Record what a person did about money that was paid in another system, or about a refund whose money came back (`returned`), which `retry` sends once more; a repetition changes nothing',
        params: Params,
        body: Body,
        response: { 200: answer('The payment after it', PaymentView) },
      },
    },
    (request) => {
      const { params, body } = request;
      const orderId = params.orderId.toLowerCase();
      const wanted = async (): Promise<{ orderId: string; command: PaymentCommand }> => {
        const { key, id } = byHand(
          await readPayment(database, orderId),
          params.operationId.toLowerCase(),
          body.outcome,
        );
        if (body.outcome === 'retry') return { orderId, command: { type: 'retry', operationId: id } };
        const result: ProviderResult =
          body.outcome === 'done'
            ? { type: 'approved', reference: body.reference ?? 'by hand' }
            : { type: 'declined', reason: body.reason ?? 'refused by hand' };
        return { orderId, command: { type: 'outcome', key, result } };
      };
      return commandOnce<Payment, PaymentCommand, View<typeof PaymentView>>(request, {
        database,
        processor,
        wanted,
        answer: ({ row }) => view(row.state!),
        repeat: async () => view((await readPayment(database, orderId))!),
      });
    },
  );
}

/** The operation that a person may record; throws the {@link Problem} where there is none. */
function byHand(payment: Payment | undefined, operationId: string, outcome: RecordedOutcome): Operation {
  const operation = payment?.operations.find(({ id }) => id === operationId);
  if (!payment || !operation)
    throw new Problem('NOT_FOUND', 'The order has no such operation; GET /payments lists them.');
  if (isReturned(operation)) {
    if (outcome !== 'refused') return operation;
    throw new Problem('ACTION_NOT_ALLOWED', 'The money is owed to the customer, so there is nothing to refuse.');
  }
  if (outcome === 'retry')
    throw new Problem('ACTION_NOT_ALLOWED', 'Only a refund whose money came back is sent once more by hand.');
  if (!isByHand(payment.provider))
    throw new Problem(
      'ACTION_NOT_ALLOWED',
      `Provider ${payment.provider} reports by itself what became of its operations.`,
    );
  if (operation.kind !== 'refund' && payment.provider === MANUAL)
    throw new Problem('ACTION_NOT_ALLOWED', 'Money that comes in is recorded by POST /payments/{orderId}/record.');
  if (outcome === 'refused' && operation.refundId === undefined)
    throw new Problem(
      'ACTION_NOT_ALLOWED',
      'The order was cancelled, so its money has to be given back: there is nothing to refuse.',
    );
  return operation;
}
