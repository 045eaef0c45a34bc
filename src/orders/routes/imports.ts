import type { FastifyInstance } from 'fastify';
import { answer } from '#platform/http/description/openapi.ts';
import { answerOnce } from '#platform/http/commands.ts';
import { keepReply, requestKey } from '#platform/http/idempotency.ts';
import type { View } from '#platform/http/schemas.ts';
import type { ImportRequest } from '#orders/imports.ts';
import type { OrderRoutesOptions } from '#orders/routes.ts';
import { ImportOrders, ImportedOrders } from '#orders/import-schemas.ts';

type Imported = View<typeof ImportedOrders>;

/** `POST /orders/imports`: orders of another system, in sets. */
export function importRoute(
  app: FastifyInstance,
  { database, imports }: Pick<OrderRoutesOptions, 'database' | 'imports'>,
): void {
  app.post<{ Body: ImportRequest }>(
    '/orders/imports',
    {
      config: { permission: 'orders:import', idempotencyKey: 'accepted', refusals: ['OVERLOADED'] },
      schema: {
        operationId: 'importOrders',
        tags: ['orders'],
        summary: 'Take orders of another system: live, paid elsewhere and open, or as history; each once by its number',
        body: ImportOrders,
        response: { 200: answer('What became of each', ImportedOrders) },
      },
    },
    (request) => {
      const { body, principal, cause } = request;
      const key = requestKey(request);
      return answerOnce<Imported, Imported>(database, key, {
        async act() {
          const orders = await imports.take(body, principal.name, cause);
          const count = (outcome: string): number => orders.filter((order) => order.outcome === outcome).length;
          const counts = { taken: count('taken'), repeated: count('repeated'), refused: count('refused') };
          const answered = { counts, orders };
          // Each order is taken once without it; the key only lets a repeated set hear the same answer.
          if (key && body.dryRun !== true) await database.write([keepReply(key, { status: 200, answer: answered })]);
          return answered;
        },
        repeat: (stored) => stored,
      });
    },
  );
}
