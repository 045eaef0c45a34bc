import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { isRefusal, type Refusal } from '#contracts/errors.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { Problem, problemOfRefusal } from '#platform/http/problems.ts';
import { idCursor, idOfCursor, pageOf } from '#platform/http/paging.ts';
import { limitOf, PageOf, pageParameters, strict } from '#platform/http/schemas.ts';
import { exportPayments } from './export.ts';
import {
  type PaymentProvider,
  type ProviderNotice,
  ProviderUnreachable,
  type ProviderWebhooks,
} from './providers/port.ts';
import { PaymentView, view } from './payment-view.ts';
import type { Payment } from './rules/model.ts';
import { paymentFilterOf, paymentParameters } from './filter.ts';
import type { PaymentPage } from './store.ts';
import { WEBHOOK_HEADERS, WEBHOOK_MAX_BYTES } from '#platform/http/standard-webhooks.ts';

export interface PaymentRoutesOptions {
  readonly providers: ReadonlyMap<string, PaymentProvider>;
  readonly nowMs: () => number;
  /** A page of payments, those of the newest orders first. */
  listPayments(page: PaymentPage): Promise<readonly Payment[]>;
  /** Records the outcome that a webhook reported. */
  recordNotice(provider: string, notice: ProviderNotice): Promise<unknown>;
}

/** What a message is verified with could not be fetched: it is to be sent again. */
function unverified(error: unknown): never {
  if (!(error instanceof ProviderUnreachable)) throw error;
  throw new Problem('UNAVAILABLE', 'What the message is verified with is not reachable at the moment; send it again.');
}

const ListQuery = Type.Object({ ...paymentParameters, ...pageParameters }, strict);
export function paymentRoutes(app: FastifyInstance, payments: PaymentRoutesOptions): void {
  app.get<{ Querystring: Static<typeof ListQuery> }>(
    '/payments',
    {
      config: { permission: 'payments:read' },
      schema: {
        operationId: 'listPayments',
        tags: ['payments'],
        summary:
          'Payments of orders, the newest order first: what is authorized, captured, voided and refunded, and every operation behind it',
        querystring: ListQuery,
        response: { 200: answer('A page of payments, at most one per order', PageOf(PaymentView)) },
      },
    },
    async (request) => {
      const { limit, cursor } = request.query;
      const size = limitOf(limit);
      const rows = await payments.listPayments({
        ...paymentFilterOf(request.query),
        after: cursor === undefined ? undefined : idOfCursor(cursor),
        limit: size + 1,
      });
      return pageOf(rows, size, view, (payment) => idCursor(payment.orderId));
    },
  );

  exportPayments(app, (filter) => payments.listPayments(filter));

  /** How the notices of this name are read; throws where that cannot be known. */
  const webhooksOf = (name: string): ProviderWebhooks => {
    const provider = payments.providers.get(name);
    if (!provider) throw new Problem('NOT_FOUND', 'No payment provider of this name is configured.');
    const { webhooks } = provider;
    if (!webhooks)
      throw new Problem('WEBHOOK_SIGNATURE_INVALID', 'No secret is configured for webhooks of this provider.');
    return webhooks;
  };

  // The signature covers the bytes as sent, so this route alone takes the body unparsed.
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    scope.post<{ Params: { provider: string } }>(
      '/payments/webhooks/:provider',
      {
        config: {
          public: true,
          headers: WEBHOOK_HEADERS,
          refusals: ['NOT_FOUND', 'WEBHOOK_SIGNATURE_INVALID', 'OVERLOADED'],
        },
        bodyLimit: WEBHOOK_MAX_BYTES,
        // Nobody has said yet who calls: what can be refused without the body is refused before it is taken.
        onRequest: async ({ params, headers }) => {
          const webhooks = webhooksOf((params as { provider: string }).provider);
          const problem = webhooks.headProblem(headers, payments.nowMs());
          if (problem) throw new Problem('WEBHOOK_SIGNATURE_INVALID', problem);
        },
        schema: {
          operationId: 'receiveWebhook',
          tags: ['payments'],
          summary:
            'Takes a notice of a payment provider, signed by Standard Webhooks; what is repeated or about nothing known is accepted and ignored',
          params: Type.Object({ provider: Type.String({ maxLength: 100, examples: ['sandbox'] }) }),
          requestBody: {
            required: true,
            content: { 'application/json': { schema: { type: 'object', description: 'As the provider says it' } } },
          },
          response: {
            202: answer(
              'Taken; `accepted` is false where it was about nothing known',
              Type.Object({ accepted: Type.Boolean() }),
            ),
          },
        },
      },
      async (request, reply) => {
        const webhooks = webhooksOf(request.params.provider);
        const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
        const { problem, notice } = await webhooks.read(request.headers, body, payments.nowMs()).catch(unverified);
        if (problem !== undefined) throw new Problem('WEBHOOK_SIGNATURE_INVALID', problem);
        const recorded = notice && (await payments.recordNotice(request.params.provider, notice));
        // A notice about nothing we know must not be repeated for ever; one that could not be saved must be repeated.
        if (isRefusal(recorded) && recorded.refused !== 'NOT_FOUND') throw problemOfRefusal(recorded satisfies Refusal);
        return reply.code(202).send({ accepted: recorded !== undefined && !isRefusal(recorded) });
      },
    );
  });
}
