import type {} from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { Type } from 'typebox';
import { isRefusal, type Refusal } from '#contracts/errors.ts';
import { UUID_PATTERN } from '#contracts/ids.ts';
import { formatAmount } from '#contracts/money.ts';
import { PaymentStatus } from '#contracts/order-events.ts';
import { isoTime } from '#contracts/time.ts';
import { Problem, problemOfRefusal } from '#platform/http/problems.ts';
import type { PaymentProvider, ProviderNotice } from './provider.ts';
import type { Payment } from './rules.ts';
import { signatureProblem } from './webhook-signature.ts';

export interface PaymentRoutes {
  readonly providers: ReadonlyMap<string, PaymentProvider>;
  readonly nowMs: () => number;
  readPayment(orderId: string): Promise<Payment | undefined>;
  /** Gives the payment what a webhook told. */
  tell(notice: ProviderNotice): Promise<unknown>;
}

const Amount = Type.String({ description: 'Decimal string in the currency of the payment', examples: ['19.90'] });
const OperationView = Type.Object({
  id: Type.String({ format: 'uuid' }),
  kind: Type.Union(['charge', 'authorize', 'capture', 'void', 'refund'].map((kind) => Type.Literal(kind))),
  amount: Amount,
  state: Type.Union(
    ['pending', 'in_doubt', 'awaiting_provider', 'succeeded', 'failed'].map((state) => Type.Literal(state)),
  ),
  key: Type.String({ description: 'Idempotency key the provider knows the operation by' }),
  attempts: Type.Integer({ description: 'Calls so far that told no outcome' }),
  nextAttemptAt: Type.Optional(Type.String({ format: 'date-time' })),
  providerReference: Type.Optional(Type.String()),
  reason: Type.Optional(Type.String()),
  refundId: Type.Optional(Type.String({ format: 'uuid' })),
});
const PaymentView = Type.Object({
  orderId: Type.String({ format: 'uuid' }),
  provider: Type.String(),
  status: PaymentStatus,
  currency: Type.String(),
  amount: Amount,
  authorized: Amount,
  captured: Amount,
  refunded: Amount,
  voided: Amount,
  operations: Type.Array(OperationView),
});

/** What callers see of a payment; the token never leaves the service. */
function view(payment: Payment): Record<string, unknown> {
  const text = (minor: bigint): string => formatAmount(minor, payment.currency);
  return {
    orderId: payment.orderId,
    provider: payment.provider,
    status: payment.status,
    currency: payment.currency,
    amount: text(payment.amount),
    authorized: text(payment.authorized),
    captured: text(payment.captured),
    refunded: text(payment.refunded),
    voided: text(payment.voided),
    operations: payment.operations.map(
      ({ id, kind, amount, state, key, attempts, nextAttemptAt, providerReference, reason, refundId }) => ({
        id,
        kind,
        amount,
        state,
        key,
        attempts,
        nextAttemptAt: nextAttemptAt === undefined ? undefined : isoTime(nextAttemptAt),
        providerReference,
        reason,
        refundId,
      }),
    ),
  };
}

export function registerRoutes(app: FastifyInstance, payments: PaymentRoutes): void {
  app.get<{ Querystring: { orderId: string } }>(
    '/payments',
    {
      schema: {
        tags: ['payments'],
        summary:
          'The payment of an order: what is authorized, captured, voided and refunded, and every operation behind it',
        querystring: Type.Object({ orderId: Type.String({ pattern: UUID_PATTERN }) }),
        response: { 200: Type.Object({ items: Type.Array(PaymentView) }) },
      },
    },
    async (request) => {
      const payment = await payments.readPayment(request.query.orderId);
      return { items: payment ? [view(payment)] : [] };
    },
  );

  // The signature covers the bytes as sent, so this route alone takes the body unparsed.
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    scope.post<{ Params: { provider: string } }>(
      '/payments/webhooks/:provider',
      {
        config: { public: true },
        schema: {
          tags: ['payments'],
          summary:
            'Takes a notice of a payment provider, signed by Standard Webhooks; what is repeated or about nothing known is accepted and ignored',
          params: Type.Object({ provider: Type.String({ maxLength: 100 }) }),
          response: { 202: Type.Object({ accepted: Type.Boolean() }) },
        },
      },
      async (request, reply) => {
        const provider = payments.providers.get(request.params.provider);
        if (!provider) throw new Problem('NOT_FOUND', 'No payment provider of this name is configured.');
        const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
        const { headers } = request;
        const message = {
          id: headers['webhook-id'],
          timestamp: headers['webhook-timestamp'],
          signature: headers['webhook-signature'],
          body,
        };
        const problem =
          provider.webhookSecret === undefined
            ? 'No secret is configured for webhooks of this provider.'
            : signatureProblem(message, provider.webhookSecret, payments.nowMs());
        if (problem) throw new Problem('WEBHOOK_SIGNATURE_INVALID', problem);
        const notice = provider.readWebhook(JSON.parse(body.toString()));
        const answer = notice && (await payments.tell(notice));
        // A notice about nothing we know must not be sent again and again; one we could not save must be.
        if (isRefusal(answer) && answer.refused !== 'NOT_FOUND') throw problemOfRefusal(answer satisfies Refusal);
        return reply.code(202).send({ accepted: notice !== undefined && !isRefusal(answer) });
      },
    );
  });
}
