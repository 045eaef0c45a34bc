import type { FastifyInstance } from 'fastify';
import { type Static, type TSchema, Type } from 'typebox';
import { type ErrorCode, isRefusal, type Refusal } from '#contracts/errors.ts';
import { isoTime } from '#contracts/time.ts';
import type { Database } from '#platform/database/database.ts';
import { answer } from '#platform/http/description/openapi.ts';
import { assertFits, type Problem } from '#platform/http/problems.ts';
import { strict, Text } from '#platform/http/schemas.ts';
import { foldCommand, type Row, type Rules } from '#platform/processor/aggregate.ts';
import { type Context, contextAt, type Clock } from '#platform/runtime/clock.ts';
import { uuidv7 } from '#platform/runtime/uuid.ts';
import type { OrderCommand } from '#orders/rules/commands.ts';
import { ACTIONS, type Action } from '#orders/rules/lifecycle.ts';
import { isDeciding, type Order } from '#orders/rules/state.ts';
import * as schemas from '#orders/schemas.ts';
import { orderView } from '#orders/view.ts';
import { loadOne, orderId } from './answers.ts';

/** `POST /orders/{id}/forecast`: what a command would do, decided by the rules as the command itself is, and not saved. */

const Body = Type.Object(
  {
    action: Type.String({ title: 'ForecastAction', enum: [...ACTIONS], description: 'As in `allowedActions`' }),
    arguments: Type.Optional(
      Type.Record(Type.String({ maxLength: 100 }), Type.Unknown(), {
        maxProperties: 50,
        description: 'The body of its own operation',
      }),
    ),
    returnId: Type.Optional(
      Text(100, { minLength: 1, description: 'Of `receiveReturn` and `closeReturn`: which return' }),
    ),
  },
  {
    ...strict,
    title: 'ForecastOrder',
    examples: [{ action: 'requestRefund', arguments: { amount: '5.00', reason: 'a scratch' } }],
  },
);
const Forecast = Type.Object(
  {
    version: Type.Integer({ minimum: 1, description: 'The version that it was decided on' }),
    events: Type.Array(Type.String(), { description: 'What would happen to the order, in this order' }),
    after: schemas.OrderView,
    /** Where the warehouse is asked first: what the order would be if it can stop all of it. */
    ifStopped: Type.Optional(schemas.OrderView),
  },
  { title: 'OrderForecast' },
);

/** A command as its own route takes it. */
export interface Foreseeable {
  readonly body: TSchema;
  readonly commandOf: (body: never, by: string, params: Record<string, string>) => OrderCommand;
  readonly refusals: readonly ErrorCode[];
}

interface ForecastOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly rules: Rules<Order, OrderCommand>;
  readonly commands: ReadonlyMap<Action, Foreseeable>;
  /** The command as it reaches the order, checked like one that is given; throws what it is refused with. */
  readonly checked: (command: OrderCommand, id: string) => Promise<OrderCommand>;
  /** The problem of what the order itself refuses. */
  readonly problemOf: (id: string, refusal: Refusal) => Promise<Problem>;
}

export function forecastRoute(
  app: FastifyInstance,
  { database, clock, rules, commands, checked, problemOf }: ForecastOptions,
): void {
  app.post<{ Params: { id: string }; Body: Static<typeof Body> }>(
    '/orders/:id/forecast',
    {
      config: {
        permission: 'orders:read',
        ofCustomer: 'order',
        refusals: [
          ...new Set<ErrorCode>([
            'ORDER_NOT_FOUND',
            'ACTION_NOT_ALLOWED',
            ...[...commands.values()].flatMap(({ refusals }) => refusals),
          ]),
        ],
      },
      schema: {
        operationId: 'forecastOrder',
        tags: ['orders'],
        summary: 'What a command would do to an order; it changes nothing, and is refused as the command would be',
        params: schemas.OrderParams,
        body: Body,
        response: { 200: answer('What would happen', Forecast) },
      },
    },
    async (request) => {
      const id = orderId(request);
      const { action, returnId = '' } = request.body;
      const { body, commandOf } = commands.get(action as Action)!;
      const given = request.body.arguments ?? {};
      assertFits(request, body, given, '/arguments');
      const asked = commandOf(given as never, request.principal.name, { id, returnId });
      const command = await checked(asked, id);
      const row = await loadOne(database, id);
      const context = contextAt(clock);
      const first = decided(rules, row, command, context);
      if (isRefusal(first)) throw await problemOf(id, first);
      const stopped = ifStopped(first.after.state!);
      const then = stopped && decided(rules, first.after, stopped, context);
      const seen = (of: Row<Order>): ReturnType<typeof orderView> => orderView(of, isoTime(context.nowMs));
      return {
        version: row.sequence,
        events: first.events,
        after: seen(first.after),
        ...(then && !isRefusal(then) && { ifStopped: seen(then.after) }),
      };
    },
  );
}

const NOTHING_SHARED = new Map<string, never>();

function decided(
  rules: Rules<Order, OrderCommand>,
  row: Row<Order>,
  command: OrderCommand,
  context: Context,
): { readonly events: string[]; readonly after: Row<Order> } | Refusal {
  const id = uuidv7();
  const cause = { causationid: id, correlationid: id };
  const folded = foldCommand(rules, row, command, cause, { ...context, shared: NOTHING_SHARED });
  if (isRefusal(folded)) return folded;
  return { events: folded.events.map(({ type }) => type), after: folded.row };
}

/** What the warehouse would say that can stop everything; undefined where it is not asked. */
function ifStopped(order: Order): OrderCommand | undefined {
  if (!isDeciding(order)) return undefined;
  if (order.change) return { type: 'recordFreeze', changeId: order.change.changeId, here: order.allocations };
  return order.cancellation && order.status === 'READY_FOR_SHIPMENT' ? { type: 'recordShipmentsStopped' } : undefined;
}
